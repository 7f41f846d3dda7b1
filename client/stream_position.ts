/**
 * Where a stream is, in each store that it has been at.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { WirePosition, WireSince } from "../protocol/requests.ts";
import type { KnownSeq } from "./known_position.ts";
import { MAX_STORES, type ReadPositions } from "./read_positions.ts";

/** Where a subscription begins when it is asked for, once more or for the first time. */
export class StreamPosition {
  readonly #positions: ReadPositions;
  readonly #topic: string;
  /** Where it was to begin when it was called, and at which store; the connection's cursor, if that is not said. */
  #start: WireSince | undefined;
  readonly #store: string;
  /** What was known when it was called. */
  readonly #knownAtCall: KnownSeq;
  /** By store; the one that was reached last at the end. */
  readonly #reached = new NameMap<WirePosition>();
  /** The last position of all. */
  #last: WirePosition | undefined;
  #fromCursor = false;
  /** Where it was asked to begin: it does not begin before that. */
  #requested: WirePosition | undefined;
  /** The stream itself has been there. */
  #hasReachedStore = false;

  /**
   * Has not begun yet.
   *
   * @param positions those of the connection
   * @param topic what is streamed
   * @param since where it is to begin
   * @param known what the server has told by now
   */
  constructor(
    positions: ReadPositions,
    topic: string,
    since: WireSince | undefined,
    known: KnownSeq,
  ) {
    this.#positions = positions;
    this.#topic = topic;
    this.#store = positions.store;
    this.#knownAtCall = known;
    // A number that the caller names is one of the present epoch.
    this.#start = typeof since === "object" && "after" in since
      ? { after: since.after, epoch: known.epoch }
      : since;
  }

  /** What a request says of it. */
  requestFields(): {
    readonly since: WireSince | undefined;
    readonly cursor: WirePosition | undefined;
  } {
    const { store } = this.#positions;
    const isFirstStore = store === this.#store || !this.#last;
    const reached = this.#reached.get(store) ?? (isFirstStore ? undefined : this.#last);
    const since = reached ?? this.#start;
    this.#hasReachedStore = reached !== undefined;
    this.#fromCursor = since === undefined;
    const cursor = this.#fromCursor ? this.#positions.since(this.#topic) : undefined;
    this.#requested = typeof since === "object" && "after" in since ? since : undefined;
    return { since, cursor };
  }

  /**
   * Whether the stream may begin there.
   *
   * @param start after which number the server streams
   * @param skipsGaps the server was asked to go on by itself where messages are missing, as before a position that was
   *   never reached, or that is of an older history
   */
  isValidStart(start: number, skipsGaps: boolean): boolean {
    const requested = this.#requested;
    const isExact = this.#hasReachedStore && requested?.epoch === this.#positions.epoch;
    if (!requested || (skipsGaps && !isExact)) return true;
    return start >= requested.after;
  }

  /** The answer to a request was lost: nobody knows which "now" it was. What was known at the call comes before any. */
  onReplyLost(): void {
    if (this.#start === "now") {
      this.#start = { after: this.#knownAtCall.seq, epoch: this.#knownAtCall.epoch };
    }
  }

  /** The server has answered, and told where the cursor of the connection is if the stream begins there. */
  onReply(through: number | undefined): void {
    if (this.#fromCursor) this.#positions.advance(this.#topic, through);
  }

  /** A position at the present store. */
  positionAt(after = 0): WirePosition {
    return { after, epoch: this.#positions.epoch };
  }

  /** The stream has brought all up to there, or goes on from there. */
  advanceTo(position: WirePosition): void {
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
  startAt(position: WirePosition): void {
    this.#start = position;
    this.advanceTo(position);
  }
}
