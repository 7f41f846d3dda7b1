/**
 * How far each topic is read, for servers that do not know it yet.
 *
 * A reply moves a position, which is a number within the epoch of its socket. It travels with the reads of its topic until
 * the present server has answered one of them; from then on that server has a cursor of its own. The positions of the last
 * stores are kept side by side, so that reading continues where it was when an earlier store comes back.
 *
 * @module
 */

import type { Welcome } from "../protocol/encode_replies.ts";
import { NameMap, NameSet } from "../protocol/name_map.ts";
import type { WirePosition, WireSince } from "../protocol/requests.ts";

/** How many positions are kept for each store. Reads that were under way when the store changed may add theirs. */
const MAX_POSITIONS = 100_000;

/** For how many stores. */
export const MAX_STORES = 4;

/** No server knows this epoch: a topic that begins here is told that it cannot continue. */
const NOWHERE: WirePosition = { after: 0, epoch: "" };

/** The socket on which positions were made, as far as they depend on it. */
interface Origin {
  readonly store: string;
  readonly epoch: string;
  /** What was gone by this time the server knew in its last frame, in milliseconds since 1970. */
  asOf: number;
}

interface TopicPosition {
  after: number;
  origin: Origin;
}

/** The positions of a connection. */
export class ReadPositions {
  readonly #maxPositions: number;
  /** Where topics start that were never read, and in which store; in none, once topics that were read are forgotten. */
  #base: WirePosition;
  #baseStore: string | undefined;
  /** Where the first server placed that. */
  readonly #start: number;
  /** By store, the present one last; within it by topic, the one that was used last at the end. */
  readonly #stores = new NameMap<NameMap<TopicPosition>>();
  #topics = new NameMap<TopicPosition>();
  /** Topics that are being read for the first time: their positions will need room. */
  readonly #reserved = new NameSet();
  #origin: Origin;
  /** There may be positions of an earlier socket. */
  #hasOlder = false;
  #floor: number;
  /** At this floor there was no position that could be dropped. */
  #fullAtFloor = -1;

  /**
   * Begins where the first server placed the connection.
   *
   * @param welcome what the server said of itself
   * @param since where the caller wants to begin
   * @param maxPositions how many positions of a store are kept. Default: 100,000
   */
  constructor(
    welcome: Welcome,
    since: WireSince | undefined,
    maxPositions: number = MAX_POSITIONS,
  ) {
    const { store, epoch, start, floor, time, asOf = time } = welcome;
    this.#maxPositions = maxPositions;
    this.#origin = { store, epoch, asOf };
    this.#floor = floor;
    this.#stores.set(store, this.#topics);
    this.#baseStore = store;
    this.#start = start;
    // After a position or a number of the caller, everything that is missing is a gap. A position in an older epoch is kept
    // as it is: each topic that was not read before a break must still be told if that history is lost.
    const named = typeof since === "object" && "after" in since ? since : undefined;
    if (named === undefined) this.#base = { after: start, epoch };
    else if (named.epoch === undefined || named.epoch === epoch) {
      // One that the server did not have yet: each topic must still be told that it was ahead, though the end moves on.
      const ahead = named.after > start ? named.after : undefined;
      this.#base = { after: start, epoch, asOf: 0, ahead };
    } else this.#base = { after: named.after, epoch: named.epoch, asOf: 0 };
  }

  /** The present epoch. */
  get epoch(): string {
    return this.#origin.epoch;
  }

  /** The present store. */
  get store(): string {
    return this.#origin.store;
  }

  /** Where topics start that were never read, for `hello`. */
  get base(): WirePosition {
    return this.#base;
  }

  /** There is a new socket. */
  begin({ store, epoch, floor, time, asOf = time }: Welcome): void {
    this.#origin = { store, epoch, asOf };
    this.#hasOlder = true;
    this.#floor = floor;
    this.#fullAtFloor = -1;
    this.#topics = this.#stores.get(store) ?? new NameMap();
    this.#stores.delete(store);
    this.#stores.set(store, this.#topics);
    if (this.#stores.size <= MAX_STORES) return;
    const evicted = this.#stores.first!;
    this.#stores.delete(evicted);
    if (evicted === this.#baseStore) this.#forgetBase();
  }

  /** Topics that were read are taken for topics that were not: none of them can begin at the start without a gap. */
  #forgetBase(): void {
    this.#base = NOWHERE;
    this.#baseStore = undefined;
  }

  /** A heartbeat reported by which time the server knows what is gone, and the floor: everything up to that is. */
  onHeartbeat(asOf: number, floor: number): void {
    if (asOf > this.#origin.asOf) this.#origin.asOf = asOf;
    if (floor > this.#floor) this.#floor = floor;
  }

  /**
   * Whether a reply to a read is possible: no message is delivered twice or before an older one, and a server that was given
   * a position continues there, or reports what is missing.
   *
   * @param topic the topic
   * @param seq the message, if there was one
   * @param through how far the topic is read, if the reply says so: at least up to the message
   */
  isPlausible(topic: string, seq: number | undefined, through: number | undefined): boolean {
    const position = this.#topics.get(topic);
    if (position && position.origin !== this.#origin && through! < position.after) return false;
    if (seq === undefined) return true;
    if (position) return seq > position.after;
    // On a later socket a topic may begin in another history.
    return this.#hasOlder || seq > this.#start;
  }

  /** A read was answered: its topic is read up to there. Without that the message would come again, so room is not a question. */
  advance(topic: string, through: number | undefined): void {
    if (through === undefined) return;
    const position = this.#topics.get(topic);
    if (!position) {
      this.#reserved.delete(topic);
      this.#topics.set(topic, { after: through, origin: this.#origin });
    } else if (position.origin !== this.#origin || through > position.after) {
      position.after = through;
      position.origin = this.#origin;
    }
  }

  /** Where a read of a topic begins; `undefined` if the server knows it, or it begins at the start. */
  since(topic: string): WirePosition | undefined {
    if (!this.#hasOlder) return undefined;
    let position = this.#topics.get(topic);
    // In the store in which the connection began, topics start at its start, wherever they were read elsewhere.
    if (!position && this.#baseStore !== this.store) {
      position = this.#inOtherStore(topic);
      // This socket may have begun before the start was forgotten.
      if (!position && this.#baseStore === undefined) return this.#base;
    }
    if (!position || position.origin === this.#origin) return undefined;
    const { after, origin: { epoch, asOf } } = position;
    return { after, epoch, asOf };
  }

  /**
   * Takes room for the position of a topic, until it has one or is released. Positions that were unused for longest are
   * dropped, if they lie at or below the floor: then no message can come twice, and what is missing is told of any topic.
   *
   * @param topic its name
   * @returns `false` if there is no room
   */
  reserve(topic: string): boolean {
    const position = this.#topics.get(topic);
    if (position) {
      this.#topics.delete(topic);
      this.#topics.set(topic, position);
      return true;
    }
    if (this.#reserved.has(topic)) return true;
    if (this.#isFull && this.#fullAtFloor < this.#floor) this.#evict();
    if (this.#isFull) return false;
    this.#reserved.add(topic);
    return true;
  }

  /** A topic is not being read any more: if it has no position, it needs no room. */
  release(topic: string): void {
    if (this.#reserved.size > 0) this.#reserved.delete(topic);
  }

  get #isFull(): boolean {
    return this.#topics.size + this.#reserved.size >= this.#maxPositions;
  }

  #evict(): void {
    const { size } = this.#topics;
    let toEvict = Math.ceil(this.#maxPositions / 16);
    for (const [topic, { after }] of this.#topics) {
      if (toEvict === 0) break;
      if (after > this.#floor) continue;
      this.#topics.delete(topic);
      toEvict--;
    }
    if (this.#topics.size === size) this.#fullAtFloor = this.#floor;
    else this.#forgetBase();
  }

  /** The position of a topic in the store that was used last before this one. */
  #inOtherStore(topic: string): TopicPosition | undefined {
    return [...this.#stores.values()].reverse().find((topics) => topics.has(topic))?.get(topic);
  }
}
