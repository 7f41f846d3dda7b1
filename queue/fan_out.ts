/**
 * Delivers one message to thousands of listeners without blocking everything else.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { TopicBatch, TopicListener } from "./topic_batch.ts";

/** How long listeners are notified in one go, in milliseconds. The others follow in later turns. */
const SLICE_MS = 4;

/** After how many listeners the clock is checked. */
const CHECK_EVERY = 64;

/** New messages, and the listeners that have yet to get them. */
interface Delivery {
  readonly listeners: readonly TopicListener[];
  readonly batch: TopicBatch;
  /** How many have got them. */
  delivered: number;
  /** Somebody waits until all have. */
  all: PromiseWithResolvers<void> | undefined;
}

/** The unfinished deliveries of one topic, the oldest first. */
interface LateTopic {
  readonly name: string;
  readonly deliveries: Delivery[];
}

/**
 * Notifies the listeners of a topic, each in the order of the feed, and mostly at once. A listener that is notified late
 * knows by its own position what it has read meanwhile.
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
   * Starts without deliveries.
   *
   * @param onError is called with what a listener throws
   * @param turns when a slice may run. Default: turns of its own
   */
  constructor(onError: (error: unknown) => void, turns: Turns = new Turns()) {
    this.#turn = turns.join();
    this.#onError = onError;
  }

  /** The feed delivers messages: a new slice of time begins. */
  beginSlice(): void {
    this.#delivered = 0;
  }

  /**
   * Notifies all listeners, some of them a little later if there is no time now.
   *
   * @param name the topic
   * @param listeners its listeners
   * @param batch the new messages
   */
  notify(name: string, listeners: readonly TopicListener[], batch: TopicBatch): void {
    const delivery = { listeners, batch, delivered: 0, all: undefined };
    const topic = this.#topics.get(name);
    // Older messages come first.
    if (topic) return void topic.deliveries.push(delivery);
    if (this.#deliver(delivery)) return;
    const lateTopic = { name, deliveries: [delivery] };
    this.#topics.set(name, lateTopic);
    this.#waiting.push(lateTopic);
    if (this.#waiting.length === 1) this.#turn.next(() => this.#resume());
  }

  /** Finishes all deliveries. */
  finish(): void {
    for (const { deliveries } of this.#waiting) {
      for (const delivery of deliveries) this.#deliver(delivery, Infinity);
    }
    this.clear();
  }

  /** Drops all deliveries. */
  clear(): void {
    for (const { deliveries } of this.#waiting) {
      for (const { all } of deliveries) all?.resolve();
    }
    this.#waiting = [];
    this.#topics.clear();
  }

  /** Resolves once everything that is being delivered now has been delivered, or dropped. */
  async settled(): Promise<void> {
    const newest = this.#waiting.map(({ deliveries }) => deliveries.at(-1)!);
    await Promise.all(newest.map((one) => (one.all ??= Promise.withResolvers()).promise));
  }

  #resume(): void {
    this.beginSlice();
    const topic = this.#waiting.shift();
    if (!topic) return;
    const { name, deliveries } = topic;
    while (deliveries.length > 0 && this.#deliver(deliveries[0]!)) deliveries.shift();
    // Topics take turns.
    if (deliveries.length > 0) this.#waiting.push(topic);
    else this.#topics.delete(name);
    if (this.#waiting.length > 0) this.#turn.next(() => this.#resume());
  }

  /** Notifies as many as there is time for. Returns whether all have been notified. */
  #deliver(delivery: Delivery, budget: number = SLICE_MS): boolean {
    const { listeners, batch } = delivery;
    while (delivery.delivered < listeners.length) {
      if (++this.#delivered % CHECK_EVERY === 0 && this.#isOver(budget)) return false;
      const listener = listeners[delivery.delivered++]!;
      try {
        listener.onMessages(batch);
      } catch (error) {
        // The failure of one listener affects neither the putter nor another listener.
        this.#onError(error);
      }
    }
    delivery.all?.resolve();
    return true;
  }

  #isOver(budget: number): boolean {
    const now = this.#turn.now();
    if (this.#delivered === CHECK_EVERY) this.#began = now;
    return now - this.#began >= budget;
  }
}
