/**
 * The cursors of one connection: up to where it has read each topic.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import { NameMap, NameSet } from "../protocol/name_map.ts";
import type { GetRequest, Request, WireSince } from "../protocol/requests.ts";
import { fail, type Host } from "./host.ts";
import { locate, locateFromStart, type Position, type Start } from "./positions.ts";
import { Reader } from "./reader.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Shares } from "./shares.ts";
import type { Wire } from "./wire.ts";

/** How often to look which cursors can be forgotten, when there may be no more, in milliseconds. */
const FORGET_EVERY = 1000;

/** A read that names a topic, and may say from where it is read. */
export type ReadRequest = Request & { readonly topic: string };

/** What cursors need of their connection. */
export interface CursorsOptions {
  /** Tells how much the peer has yet to read. */
  readonly wire: Wire;
  readonly replies: ReplyWriter;
  /** What it has of what all connections share. */
  readonly shares: Shares;
}

/** A topic that has no cursor yet, and from where it is read if that is said. */
interface Unread {
  readonly topic: string;
  readonly since: WireSince | undefined;
}

/** The cursors of a connection, each with those who wait on it. */
export class Cursors {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #replies: ReplyWriter;
  readonly #shares: Shares;
  #start: Start;
  /** By topic; there once something was read: connections at rest are many. */
  #readers: NameMap<Reader> | undefined;
  /** Topics whose cursor was forgotten after they had been told what was missing at the start; they count as if it were there. */
  #told: NameSet | undefined;
  /** When it was last looked which readers can be forgotten, and with which floor. */
  #forgotAt = { time: -Infinity, floor: -1 };

  /**
   * Nothing is read yet.
   *
   * @param host what is shared with other connections
   * @param start where topics start that have not been read
   * @param options what belongs to this connection
   */
  constructor(host: Host, start: Start, { wire, replies, shares }: CursorsOptions) {
    this.#host = host;
    this.#start = start;
    this.#wire = wire;
    this.#replies = replies;
    this.#shares = shares;
  }

  /** Where topics start that have not been read. */
  get start(): Start {
    return this.#start;
  }

  set start(start: Start) {
    this.#start = start;
    if (this.#told) this.#shares.of("totalCursors").giveBack(this.#told.size);
    this.#told = undefined;
  }

  /** The reader of a topic, if it was read. */
  find(topic: string): Reader | undefined {
    return this.#readers?.get(topic);
  }

  /** The reader of a request's topic; or there may be no more, and the request fails. */
  async readerFor(request: ReadRequest, since: WireSince | undefined): Promise<Reader | undefined> {
    const { topic } = request;
    const known = this.#readers?.get(topic);
    if (known) return known;
    await this.open([{ topic, since }]);
    const reader = this.#readers?.get(topic);
    if (!reader) fail(this.#host, request, this.full(), this.#replies);
    return reader;
  }

  /** The topics of these reads that have no reader, each once. */
  missing(run: readonly GetRequest[]): Unread[] {
    const missing: Unread[] = [];
    let seen: NameSet | undefined;
    let last: string | undefined;
    for (const { topic, since } of run) {
      // Mostly all are of one topic.
      if (topic === last) continue;
      last = topic;
      if (this.#readers?.has(topic) || seen?.has(topic)) continue;
      (seen ??= new NameSet()).add(topic);
      missing.push({ topic, since });
    }
    return missing;
  }

  /** Makes the readers of topics that have none, as far as there is room. */
  async open(topics: readonly Unread[]): Promise<void> {
    const { queue } = this.#host;
    const room = await this.#room(topics.length);
    const readers = this.#readers ??= new NameMap();
    const { size } = readers;
    const named: { topic: string; since: WireSince }[] = [];
    const unnamed: string[] = [];
    for (const { topic, since } of topics.slice(0, room)) {
      if (since === undefined) unnamed.push(topic);
      else named.push({ topic, since });
    }
    const open = (topic: string, position: Position) =>
      readers.set(topic, new Reader(queue, this.#wire, topic, position));
    try {
      if (named.length > 0) {
        const positions = await locate(queue.store, named);
        named.forEach(({ topic }, i) => open(topic, positions[i]!));
      }
      if (unnamed.length === 0) return;
      const positions = await locateFromStart(queue.store, this.#start, unnamed);
      unnamed.forEach((topic, i) => {
        const told = this.#told?.has(topic);
        open(topic, told ? { after: this.#start.after, gap: undefined } : positions[i]!);
      });
    } finally {
      this.#shares.of("totalCursors").giveBack(room - (readers.size - size));
    }
  }

  /** Why there may be no more readers. */
  full(): WireError {
    const { cursors } = this.#host.welcome.limits;
    if ((this.#readers?.size ?? 0) < cursors) {
      return this.#shares.lack("totalCursors", "read topic");
    }
    return tooMany("read topic", cursors, `${cursors} topics were read on this connection`);
  }

  /** Nothing more is read, and nobody waits. */
  clear(): void {
    this.#readers?.clear();
  }

  /** Takes room for so many more cursors, or for as many as there is. */
  async #room(wanted: number): Promise<number> {
    let room = this.#take(wanted);
    if (room === wanted) return room;
    await this.#forget();
    room += this.#take(wanted - room, room);
    return room;
  }

  #take(wanted: number, taken = 0): number {
    const { cursors } = this.#host.welcome.limits;
    const account = this.#shares.of("totalCursors");
    const most = Math.min(wanted, cursors - (this.#readers?.size ?? 0) - taken);
    if (most > 0 && account.take(most)) return most;
    let room = 0;
    while (room < most && account.take()) room++;
    return room;
  }

  /** Forgets cursors that nobody would miss: what comes after them is what comes after the start. */
  async #forget(): Promise<void> {
    const { queue: { store, clock }, welcome: { limits } } = this.#host;
    const { floor } = await store.bounds();
    const { time, floor: before } = this.#forgotAt;
    const now = clock.now();
    // To look through them all takes time: without another floor seldom more can be forgotten.
    if (this.#start.after > floor || (floor === before && Math.abs(now - time) < FORGET_EVERY)) {
      return;
    }
    this.#forgotAt = { time: now, floor };
    const tells = this.#start.gap !== undefined || this.#start.heard < Infinity;
    for (const [topic, reader] of this.#readers ?? []) {
      if (!reader.isWorthless(floor)) continue;
      this.#readers!.delete(topic);
      if (!tells) this.#shares.of("totalCursors").giveBack();
      else (this.#told ??= new NameSet()).add(topic);
    }
    // There is a limit to that, too: from then on nobody is told what was missing at the start.
    if ((this.#told?.size ?? 0) > limits.cursors) {
      this.start = { after: this.#start.after, gap: undefined, heard: Infinity };
    }
  }
}
