/**
 * The connections of a server, as an administrator sees them.
 *
 * @module
 */

import type { ConnectionInfo } from "../protocol/connection_info.ts";
import { IdMap } from "../protocol/name_map.ts";

/** A connection, as far as the directory knows it. */
export interface ListedConnection {
  /** It is being closed, and holds nothing any more. */
  readonly closed: boolean;
  /** What is known of it now, but for what the directory knows. */
  describe(): Omit<ConnectionInfo, "id" | "connectedAt" | "own">;
  /** Closes it; its client may come back. */
  disconnect(): void;
}

interface Entry {
  readonly number: number;
  readonly connection: ListedConnection;
  readonly connectedAt: number;
}

/** A page of the list. */
export interface ConnectionPage {
  readonly connections: readonly ConnectionInfo[];
  /** There may be others after the last one. */
  readonly more: boolean;
}

/** How many letters tell the ids of one process from those of another. */
const TAG_LETTERS = 4;

/** About how many characters a page has, so that it fits into a frame of replies. */
const PAGE_CHARACTERS = 64 * 1024;

/**
 * Gives each connection an id: letters that are new at each start of the server, so that an id of an earlier one means
 * nothing, and a number that grows.
 */
export class ConnectionDirectory {
  readonly #now: () => number;
  readonly #tag = randomLetters();
  /** By their numbers, which grow. */
  readonly #entries = new IdMap<Entry>();
  readonly #numbers = new Map<ListedConnection, number>();
  #last = 0;

  /**
   * Begins empty.
   *
   * @param now tells the time
   */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A connection is admitted. */
  add(connection: ListedConnection): void {
    const number = ++this.#last;
    this.#entries.set(number, { number, connection, connectedAt: this.#now() });
    this.#numbers.set(connection, number);
  }

  /** A connection has ended. */
  delete(connection: ListedConnection): void {
    const number = this.#numbers.get(connection);
    if (number === undefined) return;
    this.#numbers.delete(connection);
    this.#entries.delete(number);
  }

  /**
   * Lists connections, the oldest first.
   *
   * @param after the id of the last one of the page before; the list begins anew after an id of an earlier process
   * @param count at most this many
   * @param asking the connection that asks
   * @returns a page
   */
  list(after: string, count: number, asking: ListedConnection): ConnectionPage {
    const from = this.#numberOf(after) ?? 0;
    const connections: ConnectionInfo[] = [];
    let characters = 0;
    for (const { number, connection, connectedAt } of this.#entries.values()) {
      if (number <= from || connection.closed) continue;
      if (connections.length === count || characters > PAGE_CHARACTERS) {
        return { connections, more: true };
      }
      const own = connection === asking;
      const info = {
        id: `${this.#tag}-${number}`,
        connectedAt,
        ...connection.describe(),
        ...(own && { own }),
      };
      characters += 300 + info.identity.length;
      connections.push(info);
    }
    return { connections, more: false };
  }

  /** The connection with an id, if it is open. */
  find(id: string): ListedConnection | undefined {
    const number = this.#numberOf(id);
    const entry = number === undefined ? undefined : this.#entries.get(number);
    return entry?.connection.closed === false ? entry.connection : undefined;
  }

  #numberOf(id: string): number | undefined {
    const [, tag, number] = /^([a-z]+)-([1-9]\d{0,15})$/.exec(id) ?? [];
    return tag === this.#tag ? Number(number) : undefined;
  }
}

/** Letters that are neither vowels, which would make words, nor easily taken for digits. */
function randomLetters(): string {
  const letters = "bcdfghjkmnpqrstvwxz";
  const random = crypto.getRandomValues(new Uint32Array(TAG_LETTERS));
  return Array.from(random, (number) => letters[number % letters.length]).join("");
}
