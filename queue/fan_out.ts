/**
 * One message to thousands who wait for it, without keeping everybody else waiting.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { Interest, TopicBatch } from "./queue.ts";

/** How long readers are told in one go, in milliseconds; the others are told in the turns that follow. */
const SLICE = 4;

/** After how many to look at the clock. */
const LOOK_EVERY = 64;

/** New messages, and who is still to be told of them. */
interface Delivery {
  readonly interests: readonly Interest[];
  readonly batch: TopicBatch;
  /** How many were told. */
  told: number;
}

/** The deliveries of one topic that are under way, the oldest first. */
interface Topic {
  readonly name: string;
  readonly deliveries: Delivery[];
}

/**
 * Tells those who wait for a topic what is new in it: each in the order of the feed, and mostly at once. Whoever is told
 * late finds in its own position what it has read meanwhile.
 */
export class FanOut {
  readonly #turn: Turn;
  readonly #failed: (error: unknown) => void;
  readonly #topics = new NameMap<Topic>();
  /** The same, the next one first. */
  #waiting: Topic[] = [];
  #began = 0;
  #told = 0;

  /**
   * Nobody is to be told anything yet.
   *
   * @param failed takes what one who was told throws
   * @param turns whose turn it is. Default: turns of its own
   */
  constructor(failed: (error: unknown) => void, turns: Turns = new Turns()) {
    this.#turn = turns.join();
    this.#failed = failed;
  }

  /** The feed brings something: a new slice of time begins. */
  begin(): void {
    this.#told = 0;
  }

  /**
   * Tells all of them; those for whom there is no time now are told a little later.
   *
   * @param name the topic
   * @param interests who waits for it
   * @param batch what is new
   */
  tell(name: string, interests: readonly Interest[], batch: TopicBatch): void {
    const delivery = { interests, batch, told: 0 };
    const topic = this.#topics.get(name);
    // What is older comes first.
    if (topic) return void topic.deliveries.push(delivery);
    if (this.#deliver(delivery)) return;
    const late = { name, deliveries: [delivery] };
    this.#topics.set(name, late);
    this.#waiting.push(late);
    if (this.#waiting.length === 1) this.#turn.next(() => this.#goOn());
  }

  /** Tells all that is yet to be told. */
  finish(): void {
    for (const { deliveries } of this.#waiting) {
      for (const delivery of deliveries) this.#deliver(delivery, Infinity);
    }
    this.clear();
  }

  /** Tells nobody any more. */
  clear(): void {
    this.#waiting = [];
    this.#topics.clear();
  }

  #goOn(): void {
    this.begin();
    const topic = this.#waiting.shift();
    if (!topic) return;
    const { name, deliveries } = topic;
    while (deliveries.length > 0 && this.#deliver(deliveries[0]!)) deliveries.shift();
    // One topic after another has a turn.
    if (deliveries.length > 0) this.#waiting.push(topic);
    else this.#topics.delete(name);
    if (this.#waiting.length > 0) this.#turn.next(() => this.#goOn());
  }

  /** Tells as many as there is time for; returns whether that is all. */
  #deliver(delivery: Delivery, time: number = SLICE): boolean {
    const { interests, batch } = delivery;
    while (delivery.told < interests.length) {
      if (++this.#told % LOOK_EVERY === 0 && this.#isOver(time)) return false;
      const interest = interests[delivery.told++]!;
      try {
        interest.fed(batch);
      } catch (error) {
        // One reader's failure is not the putter's, nor another reader's.
        this.#failed(error);
      }
    }
    return true;
  }

  #isOver(time: number): boolean {
    const now = this.#turn.now();
    if (this.#told === LOOK_EVERY) this.#began = now;
    return now - this.#began >= time;
  }
}
