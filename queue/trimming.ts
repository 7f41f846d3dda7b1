/**
 * The timer of a queue that has its store expire and free what is due.
 *
 * @module
 */

import type { Store } from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import type { EventLog } from "./log_event.ts";

/** How often expired messages are purged, and for how long at a time, in milliseconds. */
const TRIM_EVERY = 1000;
const TRIM_BUDGET = 5;

/** What this needs of its queue. */
export interface TrimmedQueue {
  readonly store: Pick<Store, "trim" | "fence" | "findFault">;
  readonly clock: Clock;
  readonly log: EventLog;
  apply(commands: readonly []): Promise<unknown>;
}

/** Purges what has expired, each second once there is something. */
export class Trimming {
  readonly #queue: TrimmedQueue;
  #isStarted = false;
  #isStopped = false;
  #cancel: () => void = () => {};
  /** It was said that it fails; nothing was freed since. */
  #hasFailed = false;
  /** What frees something, as far as that is under way. */
  #freeing: Promise<unknown> = Promise.resolve();

  /** Does nothing yet. */
  constructor(queue: TrimmedQueue) {
    this.#queue = queue;
  }

  /** From the first message on: before that nothing can expire, and a server starts faster without a timer. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#trimAfter(TRIM_EVERY);
  }

  /**
   * Ends it. Resolves when nothing is being freed any more. What is due is not awaited: that may be on its way to a log that does not
   * answer.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#freeing.catch(() => {});
  }

  /** Has everything happen that is due, so that it can be freed, and frees some of it. */
  async #trim(): Promise<boolean> {
    const { store } = this.#queue;
    // A server that is behind its log has said so, and what it has may be being made anew.
    if (store.fence && store.findFault?.() !== undefined) return false;
    const due = this.#queue.apply([]);
    const freeing = store.trim(TRIM_BUDGET);
    this.#freeing = freeing;
    const [, more] = await Promise.all([due, freeing]);
    return more;
  }

  #trimAfter(ms: number): void {
    if (this.#isStopped) return;
    this.#cancel = this.#queue.clock.after(ms, () => {
      void this.#trim().then(
        // More to purge: after a pause, in which requests are served.
        (more) => {
          this.#hasFailed = false;
          this.#trimAfter(more ? 0 : TRIM_EVERY);
        },
        (reason) => {
          const message = "cannot purge expired messages";
          if (!this.#hasFailed) {
            this.#queue.log.write({ event: "store_purge_failed", message, reason });
          }
          this.#hasFailed = true;
          this.#trimAfter(TRIM_EVERY);
        },
      );
    });
  }
}
