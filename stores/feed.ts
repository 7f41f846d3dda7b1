/**
 * The ordered feed of a store in this process.
 *
 * @module
 */

import type { GroupEvent } from "./groups/group_commands.ts";
import type { Follower, TopicMessage } from "./store.ts";

interface ActiveFollower {
  readonly follower: Follower;
  readonly from: number;
}

/** Brings each batch to all followers, in the order in which the batches were stored. */
export class Feed {
  /** Replaced, never changed: followers come and go while a batch is brought. */
  #followers: readonly ActiveFollower[] = [];
  /** The batches that wait. There are several if a follower stores more while it takes one. */
  readonly #batches: (readonly TopicMessage[])[] = [];

  /** Adds a follower, who gets what comes after a number until it is disposed of. */
  follow(follower: Follower, from: number): { readonly from: number } & Disposable {
    const active = { follower, from };
    this.#followers = [...this.#followers, active];
    return { from, [Symbol.dispose]: () => this.#remove(active) };
  }

  /** Brings messages: at once, or after the batch that is being brought. */
  publish(messages: readonly TopicMessage[]): void {
    if (this.#batches.push(messages) > 1) return;
    for (let batch; (batch = this.#batches[0]); this.#batches.shift()) {
      for (const active of this.#followers) {
        // A follower that joined later has the batch behind it; another may have left.
        if (batch[0]!.seq > active.from && this.#followers.includes(active)) {
          this.#deliver(active, batch);
        }
      }
    }
  }

  /** Brings what has happened to groups. */
  publishGroups(events: readonly GroupEvent[]): void {
    for (const { follower } of this.#followers) follower.groups?.(events);
  }

  /** Messages may have been missed: all followers get an error, and nothing more. */
  fail(error: Error): void {
    const followers = this.#followers;
    this.#followers = [];
    for (const { follower } of followers) follower.lost(error);
  }

  /** Brings nothing more to anyone. */
  close(): void {
    this.#followers = [];
  }

  #remove(active: ActiveFollower): void {
    this.#followers = this.#followers.filter((one) => one !== active);
  }

  #deliver(active: ActiveFollower, batch: readonly TopicMessage[]): void {
    try {
      active.follower.stored(batch);
    } catch (error) {
      // A follower that fails must not cost the others their messages.
      this.#remove(active);
      active.follower.lost(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
