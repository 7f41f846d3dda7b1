/**
 * How far a subscription has come, in each store that it has read from.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { WirePosition, WireSince } from "../protocol/requests.ts";
import type { KnownSeq } from "./known_position.ts";
import { MAX_STORES, type ReadPositions } from "./read_positions.ts";

/** Where a subscription begins each time that it is requested. */
export class StreamPosition {
  readonly #positions: ReadPositions;
  readonly #topic: string | undefined;
  /** Where the caller wants it to begin; without it, at the connection's cursor, or its start. */
  #start: WireSince | undefined;
  /** In which store that is; `undefined` once its position there is forgotten: beginning again would repeat messages. */
  #startStore: string | undefined;
  /** The position that was known when it was called. */
  readonly #knownAtCall: KnownSeq;
  /** The position in each store, the one that was reached last at the end. */
  readonly #reached = new NameMap<WirePosition>();
  /** The last position of all. */
  #last: WirePosition | undefined;
  #fromCursor = false;
  /** Where the server was asked to begin: it must not begin before that. */
  #requested: WirePosition | undefined;
  /** The stream itself has reached that position. */
  #hasReachedStore = false;
  /** When it began, if the server has to know: it goes with each position in that store. */
  #began: number | undefined;

  /**
   * Makes one that has not begun.
   *
   * @param positions the positions of the connection
   * @param topic the topic; `undefined` for a prefix, which has no cursor
   * @param since where it is to begin
   * @param known the position that the server has reported
   */
  constructor(
    positions: ReadPositions,
    topic: string | undefined,
    since: WireSince | undefined,
    known: KnownSeq,
  ) {
    this.#positions = positions;
    this.#topic = topic;
    this.#startStore = positions.store;
    this.#knownAtCall = known;
    // A bare number counts in the present epoch.
    this.#start = typeof since === "object" && "after" in since
      ? { after: since.after, epoch: since.epoch ?? known.epoch }
      : since;
  }

  /** The fields of a request that say where to begin. */
  requestFields(): {
    readonly since: WireSince | undefined;
    readonly cursor: WirePosition | undefined;
  } {
    const { store } = this.#positions;
    const isAtStart = store === this.#startStore || !this.#last;
    const reached = this.#reached.get(store) ?? (isAtStart ? undefined : this.#last);
    const since = reached ?? this.#start;
    this.#hasReachedStore = reached !== undefined;
    this.#fromCursor = since === undefined;
    const cursor = this.#fromCursor && this.#topic !== undefined
      ? this.#positions.since(this.#topic)
      : undefined;
    this.#requested = typeof since === "object" && "after" in since ? since : undefined;
    this.#began = reached && this.#hasReachedStore ? reached.began : undefined;
    return { since, cursor };
  }

  /**
   * Whether the server may begin the stream there.
   *
   * @param start the server streams what comes after this sequence number
   * @param skipsGaps the server was asked to skip gaps, as before a position that was never reached, or that belongs to an
   *   older history
   */
  isValidStart(start: number, skipsGaps: boolean): boolean {
    const requested = this.#requested;
    const isExact = this.#hasReachedStore && requested?.epoch === this.#positions.epoch;
    if (!requested || (skipsGaps && !isExact)) return true;
    return start >= requested.after;
  }

  /** The reply was lost, so that nobody knows which "now" it meant. What was known at the call is before any of them. */
  onReplyLost(): void {
    if (this.#start === "now") {
      this.#start = { after: this.#knownAtCall.seq, epoch: this.#knownAtCall.epoch };
    }
  }

  /** The server has begun it, and knows when. */
  begin(began: number | undefined): void {
    this.#began = began;
  }

  /** The server has answered, with the cursor of the connection if the stream begins there. */
  onReply(through: number | undefined): void {
    const [positions, topic] = [this.#positions, this.#topic];
    if (!this.#fromCursor || topic === undefined || through === undefined) return;
    // Without room for it the cursor begins where it began here, and its gap is told again.
    if (positions.reserve(topic)) positions.advance(topic, through);
  }

  /** A position in the present store. */
  positionAt(after = 0): WirePosition {
    const [{ epoch }, began] = [this.#positions, this.#began];
    return began === undefined ? { after, epoch } : { after, epoch, began };
  }

  /** The stream has reached a position, or continues from there. */
  advanceTo(position: WirePosition): void {
    this.#last = position;
    const { store, epoch } = this.#positions;
    this.#reached.delete(store);
    // A position in another store means nothing in this one.
    if (position.epoch !== epoch) return;
    this.#reached.set(store, position);
    if (this.#reached.size <= MAX_STORES) return;
    const forgotten = this.#reached.first!;
    this.#reached.delete(forgotten);
    if (forgotten === this.#startStore) this.#startStore = undefined;
  }

  /** Makes it begin there. */
  startAt(position: WirePosition): void {
    this.#start = position;
    this.advanceTo(position);
  }
}
