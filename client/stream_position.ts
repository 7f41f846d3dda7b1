/**
 * Where a stream is, in each store that it has been at.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { WirePosition, WireSince } from "../protocol/requests.ts";
import type { Known } from "./known.ts";
import { MAX_STORES, type Positions } from "./positions.ts";

/** Where a subscription begins when it is asked for, once more or for the first time. */
export class StreamPosition {
  readonly #positions: Positions;
  readonly #topic: string;
  /** Where it was to begin when it was called, and at which store; the connection's cursor, if that is not said. */
  #begin: WireSince | undefined;
  readonly #store: string;
  /** What was known when it was called. */
  readonly #known: Known;
  /** By store; the one that was reached last at the end. */
  readonly #reached = new NameMap<WirePosition>();
  /** The last position of all. */
  #last: WirePosition | undefined;
  #fromCursor = false;
  /** Where it was asked to begin: it does not begin before that. */
  #asked: WirePosition | undefined;
  /** The stream itself has been there. */
  #wasThere = false;

  /**
   * Has not begun yet.
   *
   * @param positions those of the connection
   * @param topic what is streamed
   * @param since where it is to begin
   * @param known what the server has told by now
   */
  constructor(
    positions: Positions,
    topic: string,
    since: WireSince | undefined,
    known: Known,
  ) {
    this.#positions = positions;
    this.#topic = topic;
    this.#store = positions.store;
    this.#known = known;
    // A number that the caller names is one of the present epoch.
    this.#begin = typeof since === "object" && "after" in since
      ? { after: since.after, epoch: known.epoch }
      : since;
  }

  /** What a request says of it. */
  asked(): { readonly since: WireSince | undefined; readonly cursor: WirePosition | undefined } {
    const { store } = this.#positions;
    const first = store === this.#store || !this.#last;
    const reached = this.#reached.get(store) ?? (first ? undefined : this.#last);
    const since = reached ?? this.#begin;
    this.#wasThere = reached !== undefined;
    this.#fromCursor = since === undefined;
    const cursor = this.#fromCursor ? this.#positions.since(this.#topic) : undefined;
    this.#asked = typeof since === "object" && "after" in since ? since : undefined;
    return { since, cursor };
  }

  /**
   * Whether the stream may begin there.
   *
   * @param start after which number the server streams
   * @param skipsGaps the server was asked to go on by itself where messages are missing, as before a position that was
   *   never reached, or that is of an older history
   */
  mayBegin(start: number, skipsGaps: boolean): boolean {
    const asked = this.#asked;
    const isSure = this.#wasThere && asked?.epoch === this.#positions.epoch;
    if (!asked || (skipsGaps && !isSure)) return true;
    return start >= asked.after;
  }

  /** The answer to a request was lost: nobody knows which "now" it was. What was known at the call comes before any. */
  lost(): void {
    if (this.#begin === "now") {
      this.#begin = { after: this.#known.seq, epoch: this.#known.epoch };
    }
  }

  /** The server has answered, and told where the cursor of the connection is if the stream begins there. */
  answered(through: number | undefined): void {
    if (this.#fromCursor) this.#positions.read(this.#topic, through);
  }

  /** A position at the present store. */
  here(after = 0): WirePosition {
    return { after, epoch: this.#positions.epoch };
  }

  /** The stream has brought all up to there, or goes on from there. */
  reached(position: WirePosition): void {
    this.#last = position;
    const { store, epoch } = this.#positions;
    this.#reached.delete(store);
    // What another store had sent on the way says nothing of this one.
    if (position.epoch !== epoch) return;
    this.#reached.set(store, position);
    if (this.#reached.size > MAX_STORES) {
      this.#reached.delete(this.#reached.first!);
    }
  }

  /** It begins there, and nowhere else. */
  beginAt(position: WirePosition): void {
    this.#begin = position;
    this.reached(position);
  }
}
