/**
 * One message to thousands who wait for it, without keeping everybody else waiting.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { TopicBatch, TopicListener } from "./queue.ts";

/** How long readers are told in one go, in milliseconds; the others are told in the turns that follow. */
const SLICE_MS = 4;

/** After how many to look at the clock. */
const CHECK_EVERY = 64;

/** New messages, and who is still to be told of them. */
interface Delivery {
  readonly listeners: readonly TopicListener[];
  readonly batch: TopicBatch;
  /** How many were told. */
  delivered: number;
}

/** The deliveries of one topic that are under way, the oldest first. */
interface LateTopic {
  readonly name: string;
  readonly deliveries: Delivery[];
}

/**
 * Tells those who wait for a topic what is new in it: each in the order of the feed, and mostly at once. Whoever is told
 * late finds in its own position what it has read meanwhile.
 */
export class FanOut {
  readonly #turn: Turn;
  readonly #onError: (error: unknown) => void;
  readonly #topics = new NameMap<LateTopic>();
  /** The same, the next one first. */
  #waiting: LateTopic[] = [];
  #began = 0;
  #delivered = 0;

  /**
   * Nobody is to be told anything yet.
   *
   * @param onError takes what one who was told throws
   * @param turns whose turn it is. Default: turns of its own
   */
  constructor(onError: (error: unknown) => void, turns: Turns = new Turns()) {
    this.#turn = turns.join();
    this.#onError = onError;
  }

  /** The feed brings something: a new slice of time begins. */
  beginSlice(): void {
    this.#delivered = 0;
  }

  /**
   * Tells all of them; those for whom there is no time now are told a little later.
   *
   * @param name the topic
   * @param listeners who waits for it
   * @param batch what is new
   */
  notify(name: string, listeners: readonly TopicListener[], batch: TopicBatch): void {
    const delivery = { listeners, batch, delivered: 0 };
    const topic = this.#topics.get(name);
    // What is older comes first.
    if (topic) return void topic.deliveries.push(delivery);
    if (this.#deliver(delivery)) return;
    const lateTopic = { name, deliveries: [delivery] };
    this.#topics.set(name, lateTopic);
    this.#waiting.push(lateTopic);
    if (this.#waiting.length === 1) this.#turn.next(() => this.#resume());
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

  #resume(): void {
    this.beginSlice();
    const topic = this.#waiting.shift();
    if (!topic) return;
    const { name, deliveries } = topic;
    while (deliveries.length > 0 && this.#deliver(deliveries[0]!)) deliveries.shift();
    // One topic after another has a turn.
    if (deliveries.length > 0) this.#waiting.push(topic);
    else this.#topics.delete(name);
    if (this.#waiting.length > 0) this.#turn.next(() => this.#resume());
  }

  /** Tells as many as there is time for; returns whether that is all. */
  #deliver(delivery: Delivery, budget: number = SLICE_MS): boolean {
    const { listeners, batch } = delivery;
    while (delivery.delivered < listeners.length) {
      if (++this.#delivered % CHECK_EVERY === 0 && this.#isOver(budget)) return false;
      const listener = listeners[delivery.delivered++]!;
      try {
        listener.onMessages(batch);
      } catch (error) {
        // One reader's failure is not the putter's, nor another reader's.
        this.#onError(error);
      }
    }
    return true;
  }

  #isOver(budget: number): boolean {
    const now = this.#turn.now();
    if (this.#delivered === CHECK_EVERY) this.#began = now;
    return now - this.#began >= budget;
  }
}
