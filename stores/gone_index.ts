/**
 * What is gone of each topic, purged or not.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { GoneTopics } from "./gone_map.ts";
import { GoneTimes } from "./gone_times.ts";
import type { RunTable } from "./run_table.ts";
import type { Gone, Message } from "./store.ts";
import type { Tail } from "./tail.ts";
import type { TopicTable } from "./topic_table.ts";

/** Where messages are that are gone and not purged yet. */
export interface Unpurged {
  readonly runs: RunTable;
  readonly topics: TopicTable;
  readonly tail: Tail;
}

/**
 * Finds the newest message of a topic that is gone. As long as messages are not purged they tell it by themselves; with a
 * purge it is noted for each topic, in its transaction. So it costs a put nothing.
 */
export class GoneIndex {
  readonly times: GoneTimes;
  readonly #purged: GoneTopics;
  readonly #unpurged: Unpurged;

  /**
   * Makes the index.
   *
   * @param purged takes what is purged
   * @param unpurged what is not
   * @param retention for how many milliseconds a message is kept
   */
  constructor(purged: GoneTopics, unpurged: Unpurged, retention: number) {
    this.times = new GoneTimes(retention);
    this.#purged = purged;
    this.#unpurged = unpurged;
  }

  /** What is gone of a topic, if everything up to a floor is. */
  of(topic: string, floor: number): Gone | undefined {
    if (floor === 0) return undefined;
    const left = this.#newestUnpurged(topic, floor);
    const noted = this.#purged.find(topic);
    if (left && left.seq > (noted?.seq ?? 0)) {
      return { seq: left.seq, at: this.times.of(left.seq, left.time) };
    }
    const { horizon } = this.#purged;
    return noted ?? (horizon.seq > 0 ? horizon : undefined);
  }

  /** Messages are purged: the newest of each topic, in order. */
  note(newest: readonly Pick<Message, "topic" | "seq" | "time">[]): void {
    if (newest.length === 0) return;
    const at = ({ seq, time }: Pick<Message, "seq" | "time">) => this.times.of(seq, time);
    this.#purged.note(newest.map((message) => {
      return { topic: message.topic, seq: message.seq, at: at(message) };
    }));
  }

  /** All before a message are purged. */
  purgedBefore(first: () => number): void {
    if (this.times.many) this.times.forget(first() - 1);
  }

  /** What was noted holds. */
  commit(): void {
    this.#purged.commit();
  }

  /** Remembers how it is now; what comes back makes it so again. */
  mark(): () => void {
    const undoTimes = this.times.mark();
    return () => {
      undoTimes();
      this.#purged.rollback();
    };
  }

  #newestUnpurged(topic: string, floor: number): { seq: number; time: number } | undefined {
    const { tail, topics, runs } = this.#unpurged;
    const inTail = tail.newestUpTo(topic, floor);
    if (inTail) return inTail;
    const id = topics.find(topic, 0);
    return id === undefined ? undefined : runs.newestUpTo(id, floor);
  }
}

/**
 * Picks the newest message of each topic.
 *
 * @param messages the messages, oldest first
 * @returns the newest ones, oldest first
 */
export function newestOfEach(messages: readonly Message[]): Message[] {
  const newest = new NameMap<Message>();
  for (const message of messages) {
    newest.delete(message.topic);
    newest.set(message.topic, message);
  }
  return [...newest.values()];
}
