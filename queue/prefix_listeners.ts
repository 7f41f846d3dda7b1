/**
 * The listeners of prefixes: each gets the messages of all topics that begin with its prefix, in the order of the store.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { TopicMessage } from "../stores/store.ts";
import type { FanOut } from "./fan_out.ts";
import { PrefixMap } from "./prefix_map.ts";
import { TopicBatch, type TopicListener } from "./topic_batch.ts";

/** For this many topics it is remembered which prefixes they begin with. */
const MAX_REMEMBERED = 1024;

/** The listeners by their prefixes. */
export class PrefixListeners {
  readonly #byPrefix = new PrefixMap<Set<TopicListener>>();
  /** The prefixes of topics that had messages last. */
  readonly #remembered = new NameMap<readonly string[]>();

  /** How many prefixes have listeners. */
  get size(): number {
    return this.#byPrefix.size;
  }

  /** Adds a listener; may be called twice. */
  add(prefix: string, listener: TopicListener): void {
    const listeners = this.#byPrefix.get(prefix);
    if (listeners) return void listeners.add(listener);
    this.#byPrefix.set(prefix, new Set<TopicListener>([listener]));
    this.#remembered.clear();
  }

  /** Removes a listener; may be called twice. */
  remove(prefix: string, listener: TopicListener): void {
    const listeners = this.#byPrefix.get(prefix);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#byPrefix.delete(prefix);
    this.#remembered.clear();
  }

  /** All listeners. */
  *[Symbol.iterator](): Generator<TopicListener> {
    for (const listeners of this.#byPrefix.values()) yield* listeners;
  }

  /** Notifies the listeners of new messages, which are of one topic if `topic` is given. */
  notify(messages: readonly TopicMessage[], topic: string | undefined, fanOut: FanOut): void {
    // The same messages are serialised once, also for different prefixes.
    let all: TopicBatch | undefined;
    const groups = topic === undefined
      ? this.#group(messages)
      : this.#prefixesOf(topic).map((prefix) => [prefix, messages] as const);
    for (const [prefix, group] of groups) {
      const listeners = this.#byPrefix.get(prefix);
      // One that was notified just now may have ended the last of another prefix.
      if (!listeners) continue;
      const batch = group.length === messages.length
        ? all ??= new TopicBatch(messages, true)
        : new TopicBatch(group, true);
      // A copy: listeners may be added or removed before all are notified.
      fanOut.notify(prefix, [...listeners], batch);
    }
  }

  /** The messages for each prefix that has any. */
  #group(messages: readonly TopicMessage[]): NameMap<TopicMessage[]> {
    const groups = new NameMap<TopicMessage[]>();
    let topic: string | undefined;
    let its: TopicMessage[][] = [];
    for (const message of messages) {
      if (message.topic !== topic) {
        topic = message.topic;
        its = this.#prefixesOf(topic).map((prefix) => {
          const group = groups.get(prefix) ?? [];
          if (group.length === 0) groups.set(prefix, group);
          return group;
        });
      }
      for (const group of its) group.push(message);
    }
    return groups;
  }

  /** The prefixes with listeners that a topic begins with. */
  #prefixesOf(topic: string): readonly string[] {
    const remembered = this.#remembered.get(topic);
    if (remembered) return remembered;
    const prefixes: string[] = [];
    this.#byPrefix.forEachOf(topic, (_, prefix) => prefixes.push(prefix));
    if (this.#remembered.size === MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(topic, prefixes);
    return prefixes;
  }
}
