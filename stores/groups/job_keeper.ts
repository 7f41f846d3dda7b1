/**
 * How messages that groups need outlive the retention.
 *
 * @module
 */

import type { TopicFilter } from "../../protocol/requests.ts";
import type { MessageLog } from "../message_log.ts";
import type { TopicMessage } from "../queries.ts";
import type { ExpiredJobs } from "./expired_jobs.ts";
import type { GroupMessages, GroupPage } from "./group_messages.ts";
import type { GroupRegistry } from "./group_registry.ts";

/** How much is done with each batch of commands: numbers that are looked through at a time, messages, and queries. */
const SLICE = { seqs: 4096, messages: 1024, bytes: 1024 * 1024, queries: 64 };

/** Moves what has expired, and what a group has not finished, to the table of expired jobs, before the purge deletes it. */
export class JobKeeper {
  readonly #log: MessageLog;
  readonly #registry: GroupRegistry;
  readonly #expired: ExpiredJobs;
  readonly #messages: GroupMessages;
  readonly #maxBytes: number;

  /**
   * Looks at a store.
   *
   * @param log its messages
   * @param registry its groups
   * @param expired the expired messages that groups need
   * @param messages how groups read
   * @param maxBytes how much the expired messages may count
   */
  constructor(
    log: MessageLog,
    registry: GroupRegistry,
    expired: ExpiredJobs,
    messages: GroupMessages,
    maxBytes: number,
  ) {
    this.#log = log;
    this.#registry = registry;
    this.#expired = expired;
    this.#messages = messages;
    this.#maxBytes = maxBytes;
  }

  /** Whether something has expired that it has not looked at. */
  get isBehind(): boolean {
    return this.#expired.through < this.#log.range.floor;
  }

  /**
   * Looks at some of what has expired. How much that is depends on the messages and commands alone.
   *
   * @param commands how many commands come next: if all of them put something, it does not fall behind
   */
  keep(commands: number): void {
    const { floor } = this.#log.range;
    const maxMoved = SLICE.messages + commands;
    let [moved, queries] = [0, 0];
    while (this.#expired.through < floor && moved < maxMoved && queries < SLICE.queries) {
      const oldest = this.#oldestNeeded();
      // What nobody needs is passed over at once.
      if (oldest > this.#expired.through + 1) this.#moveTo([], Math.min(floor, oldest - 1));
      if (this.#expired.through === floor) break;
      const after = this.#expired.through;
      const end = Math.min(floor, after + SLICE.seqs + commands);
      let through = end;
      const needed = new Map<number, TopicMessage>();
      for (const filter of this.#registry.filters()) {
        if (filter.oldestNeeded(after) > end) continue;
        queries++;
        const count = Math.min(end - after, SLICE.messages);
        const page = this.#messages.page(filter.name, after, count, SLICE.bytes);
        // Where the next one is: until the floor comes there, nobody asks again.
        filter.clearTo = page.messages.length > 0 ? page.messages[0]!.seq - 1 : page.through;
        through = Math.min(through, this.#endOf(filter.name, page, end));
        for (const message of page.messages) needed.set(message.seq, message);
      }
      const messages = [...needed.values()]
        .filter(({ seq, topic }) => seq <= through && this.isNeeded(seq, topic))
        .sort((one, other) => one.seq - other.seq);
      moved += messages.length;
      this.#moveTo(messages, through);
    }
    this.#log.neededAfter = this.#expired.through;
  }

  /** Whether a group needs a message. */
  isNeeded(seq: number, topic: string): boolean {
    for (const { groups } of this.#registry.matching(topic)) {
      for (const group of groups) if (group.needs(seq)) return true;
    }
    return false;
  }

  /** A group has finished a message, or has given it up. */
  release(seq: number, topic: string): void {
    if (seq <= this.#expired.through && !this.isNeeded(seq, topic)) this.#expired.delete(seq);
  }

  #oldestNeeded(): number {
    let oldest = Infinity;
    for (const filter of this.#registry.filters()) {
      oldest = Math.min(oldest, filter.oldestNeeded(this.#expired.through));
    }
    return oldest;
  }

  /** Up to where a page has all that there is. What has few messages must not hold up the others. */
  #endOf(filter: TopicFilter, { through }: GroupPage, end: number): number {
    if (through >= end) return end;
    const rest = this.#messages.page(filter, through, 1, 1);
    const [next] = rest.messages;
    if (next) return next.seq - 1;
    return rest.more ? rest.through : end;
  }

  /** In one transaction: who is killed after it must not move them again, and a file is to be synced once. */
  #moveTo(messages: readonly TopicMessage[], through: number): void {
    const { bytes, through: before } = this.#expired;
    const move = () => {
      this.#expired.add(messages);
      this.#expired.through = through;
      while (this.#expired.bytes > this.#maxBytes) this.#giveUpOldest();
    };
    try {
      if (messages.length > 0) this.#log.transaction(move);
      else move();
    } catch (error) {
      Object.assign(this.#expired, { bytes, through: before });
      throw error;
    }
  }

  #giveUpOldest(): void {
    const { seq, topic } = this.#expired.oldest!;
    for (const { groups } of this.#registry.matching(topic)) {
      for (const group of groups) if (group.needs(seq)) group.giveUp(seq);
    }
    this.#expired.delete(seq);
  }
}
