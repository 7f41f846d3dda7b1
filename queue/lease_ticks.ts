/**
 * Lets the store know that time passes, for leases that end and jobs that come due.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";
import { MAX_WAIT } from "../protocol/client_limits.ts";
import type { Store } from "../stores/store.ts";
import type { Clock } from "./clock.ts";

/** While somebody holds jobs the store hears of the time so often, in milliseconds. */
const TICK = 500;

/** If a tick is so much late, the process was stopped, or too busy: others may have sent something before. In milliseconds. */
const LATE = 100;

/** What this needs of its queue. */
export interface TickedQueue {
  readonly clock: Clock;
  readonly store: Pick<Store, "now" | "holdsJobs" | "nextDue">;
  apply(commands: readonly []): Promise<unknown>;
}

/** One timer for all groups. It runs while a lease does, or while somebody waits for a job that comes due. */
export class LeaseTicks {
  readonly #queue: TickedQueue;
  readonly #isAwaited: () => boolean;
  readonly #afterNetworkPoll: (callback: () => void) => void;
  /** When the next tick is, by the monotonic clock. */
  #next = Infinity;
  #cancel: () => void = () => {};
  /** A tick is under way. */
  #ticking = false;
  #stopped = false;

  /**
   * Does not run yet.
   *
   * @param queue applies nothing at each tick
   * @param isAwaited whether anybody waits for a job
   * @param afterPoll calls back after the network was polled. Default: the system's
   */
  constructor(
    queue: TickedQueue,
    isAwaited: () => boolean,
    afterPoll: (callback: () => void) => void = afterNetworkPoll,
  ) {
    this.#queue = queue;
    this.#isAwaited = isAwaited;
    this.#afterNetworkPoll = afterPoll;
  }

  /** A lease may have begun, or something may come due earlier than before. */
  update(): void {
    this.#update();
  }

  /** `tried`: what was due by then, by the store's time, could not come due. */
  #update(tried = -Infinity): void {
    if (this.#stopped || this.#ticking) return;
    const { store } = this.#queue;
    const due = this.#isAwaited() ? store.nextDue ?? Infinity : Infinity;
    // Where the store fails it is not asked again and again.
    const untilDue = due <= tried ? TICK : Math.max(0, due - store.now());
    const wait = Math.min(untilDue, store.holdsJobs ? TICK : Infinity);
    if (wait === Infinity) return;
    const next = this.#now + wait;
    if (next >= this.#next) return;
    this.#cancel();
    this.#next = next;
    this.#cancel = this.#queue.clock.after(
      Math.min(Math.ceil(wait), MAX_WAIT),
      () => this.#onTimer(),
    );
  }

  /** Ticks no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  get #now(): number {
    const { clock } = this.#queue;
    return clock.monotonic?.() ?? clock.now();
  }

  #onTimer(): void {
    const lateness = this.#now - this.#next;
    this.#next = Infinity;
    this.#ticking = true;
    // What has arrived meanwhile may extend a lease: it comes first.
    if (lateness > LATE) this.#afterNetworkPoll(() => void this.#tick());
    else void this.#tick();
  }

  async #tick(): Promise<void> {
    const now = this.#queue.store.now();
    try {
      if (!this.#stopped) await this.#queue.apply([]);
    } catch {
      // The store tells of it.
    }
    this.#ticking = false;
    this.#update(now);
  }
}
