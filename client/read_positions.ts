/**
 * How far each topic is read: what a connection tells a server that does not know it yet.
 *
 * A position is made by an answer, and is a number within the epoch of the connection on which it was answered. It
 * travels with the reads of its topic until one of them is answered on the present connection; from then on the
 * server has a cursor of its own there. Positions of the last stores are kept side by side: when a history comes
 * back, reading goes on where it was.
 *
 * @module
 */

import type { Welcome } from "../protocol/encode_replies.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { WirePosition, WireSince } from "../protocol/requests.ts";

/** How many positions of a store are kept. */
const MAX_POSITIONS = 100_000;

/** Of how many stores. */
export const MAX_STORES = 4;

/** A connection, as far as the positions depend on it that were made there. */
interface Origin {
  readonly store: string;
  readonly epoch: string;
  /** The store's time when the server was last heard, in milliseconds since 1970. */
  asOf: number;
}

interface TopicPosition {
  after: number;
  origin: Origin;
}

/** The positions of a connection. */
export class ReadPositions {
  readonly #maxPositions: number;
  /** Where topics start that were never read, and in which store. */
  #base: WirePosition;
  #baseStore: string | undefined;
  /** By store, the present one last; in it by topic, the one that was used last at the end. */
  readonly #stores = new NameMap<NameMap<TopicPosition>>();
  #topics = new NameMap<TopicPosition>();
  #origin: Origin;
  /** Some position is of an earlier connection. */
  #hasOlder = false;
  #floor: number;
  /** With this floor there was no position that could be forgotten. */
  #fullAtFloor = -1;

  /**
   * Begins where a server let the connection in.
   *
   * @param welcome what it said
   * @param since where the caller wanted to begin
   * @param maxPositions how many positions of a store are kept. Default: 100,000
   */
  constructor(
    welcome: Welcome,
    since: WireSince | undefined,
    maxPositions: number = MAX_POSITIONS,
  ) {
    const { store, epoch, start, floor, time } = welcome;
    this.#maxPositions = maxPositions;
    this.#origin = { store, epoch, asOf: time };
    this.#floor = floor;
    this.#stores.set(store, this.#topics);
    this.#baseStore = store;
    // After a number that the caller named, whatever is missing is a gap.
    const isNamedByCaller = typeof since === "object" && "after" in since;
    this.#base = isNamedByCaller ? { after: start, epoch, asOf: 0 } : { after: start, epoch };
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

  /** There is a new connection. */
  begin({ store, epoch, floor, time }: Welcome): void {
    this.#origin = { store, epoch, asOf: time };
    this.#hasOlder = true;
    this.#floor = floor;
    this.#fullAtFloor = -1;
    this.#topics = this.#stores.get(store) ?? new NameMap();
    this.#stores.delete(store);
    this.#stores.set(store, this.#topics);
    if (this.#stores.size <= MAX_STORES) return;
    const evicted = this.#stores.first!;
    this.#stores.delete(evicted);
    // Where topics were read that are forgotten now, none can begin at the start any more: each is told.
    if (evicted === this.#baseStore) {
      this.#base = { after: 0, epoch: "" };
      this.#baseStore = undefined;
    }
  }

  /** The server was heard at a time of its store, and everything up to `floor` is gone there. */
  onHeartbeat(time: number, floor: number): void {
    if (time > this.#origin.asOf) this.#origin.asOf = time;
    if (floor > this.#floor) this.#floor = floor;
  }

  /**
   * Whether a read can have been answered so: no message is delivered twice, and none before an older one; and a server
   * that was told a position goes on there, or says what is missing.
   *
   * @param topic what was read
   * @param seq the message that was found, if one was
   * @param through how far the topic is read, if that was said
   */
  isPlausible(topic: string, seq: number | undefined, through: number | undefined): boolean {
    const position = this.#topics.get(topic);
    if (position && position.origin !== this.#origin && through! < position.after) return false;
    if (seq === undefined) return true;
    if (!(through! >= seq)) return false;
    if (position) return seq > position.after;
    // On a later connection a topic may begin in another history.
    return this.#hasOlder || seq > this.#base.after;
  }

  /** A read was answered: its topic is read up to there. */
  advance(topic: string, through: number | undefined): void {
    if (!Number.isSafeInteger(through)) return;
    const position = this.#topics.get(topic);
    if (!position) {
      if (this.reserve(topic)) this.#topics.set(topic, { after: through!, origin: this.#origin });
    } else if (position.origin !== this.#origin || through! > position.after) {
      position.after = through!;
      position.origin = this.#origin;
    }
  }

  /** Where a read of a topic begins, unless the server knows it by now, or begins at the start. */
  since(topic: string): WirePosition | undefined {
    if (!this.#hasOlder) return undefined;
    let position = this.#topics.get(topic);
    // Where the connection began, topics begin that were never read there, wherever else they were.
    if (!position && this.#baseStore !== this.store) position = this.#inOtherStore(topic);
    if (!position || position.origin === this.#origin) return undefined;
    const { after, origin: { epoch, asOf } } = position;
    return { after, epoch, asOf };
  }

  /**
   * A topic is about to be read: makes sure that there is room for its position. Those that were not used for longest
   * are forgotten, if they lie at or below the floor: to begin at the start is the same for them.
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
    if (this.#topics.size < this.#maxPositions) return true;
    if (this.#fullAtFloor < this.#floor) this.#evict();
    return this.#topics.size < this.#maxPositions;
  }

  #evict(): void {
    const { store, epoch } = this.#origin;
    let toEvict = Math.ceil(this.#maxPositions / 16);
    for (const [topic, { after }] of this.#topics) {
      if (toEvict === 0) break;
      if (after > this.#floor) continue;
      this.#topics.delete(topic);
      toEvict--;
    }
    if (this.#topics.size === this.#maxPositions) this.#fullAtFloor = this.#floor;
    // What they were told of the start they are not told again.
    else if (this.#baseStore !== store) {
      this.#base = { after: this.#floor, epoch };
      this.#baseStore = store;
    } else this.#base = { after: this.#base.after, epoch: this.#base.epoch };
  }

  /** The position of a topic in the store that was left last. */
  #inOtherStore(topic: string): TopicPosition | undefined {
    return [...this.#stores.values()].reverse().find((topics) => topics.has(topic))?.get(topic);
  }
}
