/**
 * Heartbeats, between the server and those who asked for them.
 *
 * @module
 */

import { HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT } from "../protocol/limits.ts";
import { IdMap } from "../protocol/name_map.ts";
import type { StoreBounds } from "../stores/store.ts";
import type { Clock } from "../queue/clock.ts";
import type { Queue } from "../queue/queue.ts";

/** One who sends heartbeats, and is expected to answer them. */
export interface HeartbeatTarget {
  /** Whether something was heard of the peer since it was asked so last. */
  hadActivity(): boolean;
  /** For how much longer than usual the peer may be silent, in milliseconds: while what is under way passes. */
  readonly slack: number;
  /** Sends a heartbeat. */
  sendHeartbeat(interval: number, bounds: StoreBounds): void;
  /** The peer was not heard for too long. */
  onHeartbeatTimeout(): void;
}

/** Nobody rests for longer, in milliseconds: there are proxies that cut what rests for 30 s. */
const MAX_PAUSE = 20_000;

/** Those of one interval take turns in so many parts of it: to serve thousands at once would hold others up. */
const BUCKETS = 16;

/** From one look at a part to the next: a beat is a look, too. */
const BUCKETS_PER_CHECK = BUCKETS / HEARTBEAT_TIMEOUT.checks;

/**
 * How many different intervals are served exactly. Any other is rounded down to a shorter one: else there would be a
 * timer for each of 600,000 of them, if that many were asked for.
 */
const MAX_INTERVALS = 64;

/** Sends all who asked for it a heartbeat each so often. */
export class Heartbeats {
  readonly #queue: Queue;
  readonly #clock: Clock;
  /** By interval, in milliseconds. */
  readonly #wheels = new IdMap<Wheel>();
  /** Where the store stood when it said so last. */
  #lastBounds: StoreBounds | undefined;

  /** Nobody has asked yet. */
  constructor(queue: Queue) {
    this.#queue = queue;
    this.#clock = queue.clock;
  }

  /**
   * Begins to send heartbeats.
   *
   * @param target who asked
   * @param interval at least how often, in milliseconds
   * @returns how to end it; may be called twice
   */
  start(target: HeartbeatTarget, interval: number): () => void {
    const stop = this.#join(target, interval);
    if (interval <= MAX_PAUSE) return stop;
    // It is judged as it asked to be, and asked more often.
    const extra = {
      hadActivity: () => true,
      slack: 0,
      sendHeartbeat: (_: number, bounds: StoreBounds) => target.sendHeartbeat(interval, bounds),
      onHeartbeatTimeout: () => {},
    };
    const stopExtra = this.#join(extra, MAX_PAUSE);
    return () => {
      stop();
      stopExtra();
    };
  }

  #join(target: HeartbeatTarget, interval: number): () => void {
    const wheel = this.#wheels.get(interval) ?? this.#open(this.#servedInterval(interval));
    const bucket = wheel.join(target, interval);
    return () => {
      bucket.targets.delete(target);
      if (wheel.empty && this.#wheels.get(wheel.interval) === wheel) this.#close(wheel);
    };
  }

  /** The interval by which a new one is served. */
  #servedInterval(interval: number): number {
    if (this.#wheels.size < MAX_INTERVALS) return interval;
    const { min } = HEARTBEAT_INTERVAL;
    return min * 2 ** Math.floor(Math.log2(interval / min));
  }

  /** Ends all. */
  stop(): void {
    for (const wheel of this.#wheels.values()) this.#close(wheel);
  }

  #open(interval: number): Wheel {
    const existing = this.#wheels.get(interval);
    if (existing) return existing;
    const wheel = new Wheel(interval, this.#now);
    this.#wheels.set(interval, wheel);
    this.#scheduleTurn(interval, wheel);
    return wheel;
  }

  #close(wheel: Wheel): void {
    wheel.cancel();
    this.#wheels.delete(wheel.interval);
  }

  get #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  #scheduleTurn(interval: number, wheel: Wheel): void {
    const now = this.#now;
    // A timer that is late does not make the next one later; but what was slept through is not made up for.
    wheel.due = Math.max(wheel.due + interval / BUCKETS, now);
    wheel.cancel = this.#clock.after(wheel.due - now, () => {
      this.#scheduleTurn(interval, wheel);
      const checkedAt = this.#now;
      const [bucket, ...watched] = wheel.next();
      const timedOut = [...watched, bucket!].flatMap((one) => takeTimedOut(one, checkedAt));
      // Thousands may have left at one moment.
      void this.#queue.urgentTasks.forEach(
        timedOut,
        timedOut.length,
        (target) => target.onHeartbeatTimeout(),
      );
      // Where time jumps, or the store does not answer, nobody is asked again before he could answer.
      if (!bucket!.sending) {
        bucket!.sending = this.#sendHeartbeats(bucket!).finally(() => bucket!.sending = undefined);
      }
    });
  }

  async #sendHeartbeats({ targets }: Bucket): Promise<void> {
    if (targets.size === 0) return;
    // A store that does not answer is no reason to call a peer dead, or to be called so.
    const bounds = await this.#queue.store.bounds().catch(() => this.#lastBounds);
    this.#lastBounds = bounds;
    if (!bounds) return;
    // In slices: thousands at once would hold others up. Those who have gone before their turn are left out.
    await this.#queue.urgentTasks.forEach(
      targets,
      targets.size,
      ([target, { interval }]) => target.sendHeartbeat(interval, bounds),
    );
  }
}

/** Takes out those of a part that were not heard for too long. */
function takeTimedOut(bucket: Bucket, now: number): HeartbeatTarget[] {
  const { targets, sending, checkedAt } = bucket;
  // Those who were not asked yet have nothing to answer.
  if (sending) return [];
  bucket.checkedAt = now;
  const passed = now - checkedAt;
  const timedOut: HeartbeatTarget[] = [];
  for (const [target, idle] of targets) {
    const { interval } = idle;
    idle.ms = target.hadActivity() ? 0 : idle.ms + passed;
    // What came while this process was asleep is still to be read.
    if (passed > interval) idle.ms = Math.min(idle.ms, interval);
    else if (idle.ms >= HEARTBEAT_TIMEOUT.intervals * interval + target.slack) {
      timedOut.push(target);
    }
  }
  for (const target of timedOut) targets.delete(target);
  return timedOut;
}

/** For how long nothing was heard of a peer, and how often it wants to be asked, in milliseconds. */
interface IdleTime {
  ms: number;
  readonly interval: number;
}

/** Those of one interval who are asked at one time. */
interface Bucket {
  readonly targets: Map<HeartbeatTarget, IdleTime>;
  /** When it was looked at last, by the monotonic clock. */
  checkedAt: number;
  sending: Promise<void> | undefined;
}

/** Those with one interval. */
class Wheel {
  /** The interval, in milliseconds. */
  readonly interval: number;
  readonly #buckets: readonly Bucket[] = Array.from({ length: BUCKETS }, () => ({
    targets: new Map<HeartbeatTarget, IdleTime>(),
    checkedAt: 0,
    sending: undefined,
  }));
  #joined = 0;
  #next = 0;
  cancel: () => void = () => {};
  /** When the next turn is, by the monotonic clock. */
  due: number;

  /** Begins now. */
  constructor(interval: number, now: number) {
    this.interval = interval;
    this.due = now;
  }

  get empty(): boolean {
    return this.#buckets.every(({ targets }) => targets.size === 0);
  }

  /** Each who joins goes to the next part, so that all are of about one size. */
  join(target: HeartbeatTarget, interval: number): Bucket {
    const bucket = this.#buckets[this.#joined++ % BUCKETS]!;
    bucket.targets.set(target, { ms: 0, interval });
    return bucket;
  }

  /** Those whose turn it is: first the part that is asked, then those that are only looked at. */
  next(): Bucket[] {
    const turn = this.#next++;
    return Array.from(
      { length: HEARTBEAT_TIMEOUT.checks },
      (_, i) => this.#buckets[(turn + i * BUCKETS_PER_CHECK) % BUCKETS]!,
    );
  }
}
