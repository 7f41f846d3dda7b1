/**
 * Heartbeats between the server and the clients that asked for them.
 *
 * @module
 */

import { Rotation, ROTATION_PARTS } from "../budgets/rotation.ts";
import { HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT } from "../protocol/heartbeat.ts";
import { IdMap } from "../protocol/name_map.ts";
import type { StoreBounds } from "../stores/store.ts";
import type { Clock } from "../queue/clock.ts";
import type { Queue } from "../queue/queue.ts";

/** A connection that sends heartbeats and expects its peer to answer them. */
export interface HeartbeatTarget {
  /** Whether something came from the peer since the last call. */
  hadActivity(): boolean;
  /** For how much longer than usual the peer may be silent while data is under way, in milliseconds. */
  readonly slack: number;
  /** Sends a heartbeat. */
  sendHeartbeat(interval: number, bounds: StoreBounds): void;
  /** The peer was silent for too long. */
  onHeartbeatTimeout(): void;
}

/** No connection is idle for longer, in milliseconds: some proxies cut connections that are idle for 30 s. */
const MAX_PAUSE = 20_000;

/** From one check of a bucket to the next. Sending heartbeats checks it, too. */
const BUCKETS_PER_CHECK = ROTATION_PARTS / HEARTBEAT_TIMEOUT.checks;

/**
 * How many different intervals are served exactly. Any other is rounded down to a shorter one: otherwise 600,000 different
 * intervals would need that many timers.
 */
const MAX_INTERVALS = 64;

/** Sends heartbeats to all connections that asked for them. */
export class Heartbeats {
  readonly #queue: Queue;
  readonly #clock: Clock;
  /** By interval, in milliseconds. */
  readonly #wheels = new IdMap<Wheel>();
  /** The bounds of the store, when it answered last. */
  #lastBounds: StoreBounds | undefined;

  /** Starts without connections. */
  constructor(queue: Queue) {
    this.#queue = queue;
    this.#clock = queue.clock;
  }

  /**
   * Starts to send heartbeats.
   *
   * @param target the connection
   * @param interval the longest time between two heartbeats, in milliseconds
   * @returns a function that ends it; may be called twice
   */
  start(target: HeartbeatTarget, interval: number): () => void {
    const stop = this.#join(target, interval);
    if (interval <= MAX_PAUSE) return stop;
    // Its timeout follows the interval that it asked for, but heartbeats are sent more often.
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

  /** The interval that is used for a new connection. */
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
    this.#scheduleTurn(wheel);
    return wheel;
  }

  #close(wheel: Wheel): void {
    wheel.cancel();
    this.#wheels.delete(wheel.interval);
  }

  get #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  #scheduleTurn(wheel: Wheel): void {
    wheel.cancel = this.#clock.after(wheel.rotation.wait(this.#now), () => {
      const now = this.#now;
      const { due, checked } = wheel.takeDue(now);
      this.#scheduleTurn(wheel);
      const timedOut = checked.flatMap((bucket) => takeTimedOut(bucket, now));
      // Thousands may time out at the same moment.
      void this.#queue.urgentTasks.forEach(
        timedOut,
        timedOut.length,
        (target) => target.onHeartbeatTimeout(),
      );
      // If time jumps, or the store does not answer, no peer is asked again before it got what is being sent.
      const asked = due.filter(({ sending, targets }) => !sending && targets.size > 0);
      if (asked.length === 0) return;
      const sending = this.#sendHeartbeats(asked).finally(() => {
        for (const bucket of asked) bucket.sending = undefined;
      });
      for (const bucket of asked) bucket.sending = sending;
    });
  }

  async #sendHeartbeats(buckets: readonly Bucket[]): Promise<void> {
    // If the store does not answer, that does not make a peer dead, nor the server.
    const bounds = await this.#queue.store.bounds().catch(() => this.#lastBounds);
    this.#lastBounds = bounds;
    if (!bounds) return;
    // In slices: thousands at once would block others. Connections that end before their turn are skipped.
    await this.#queue.urgentTasks.forEach(
      targetsOf(buckets),
      buckets.reduce((count, { targets }) => count + targets.size, 0),
      ([target, { interval }]) => target.sendHeartbeat(interval, bounds),
    );
  }
}

function* targetsOf(buckets: readonly Bucket[]): Generator<[HeartbeatTarget, IdleTime]> {
  for (const { targets } of buckets) yield* targets;
}

/** Removes the connections of a bucket that were silent for too long. */
function takeTimedOut(bucket: Bucket, now: number): HeartbeatTarget[] {
  const { targets, sending, checkedAt } = bucket;
  // Connections that were not asked yet have nothing to answer.
  if (sending) return [];
  bucket.checkedAt = now;
  const passed = now - checkedAt;
  const timedOut: HeartbeatTarget[] = [];
  for (const [target, idle] of targets) {
    const { interval } = idle;
    idle.ms = target.hadActivity() ? 0 : idle.ms + passed;
    // What arrived while this process was asleep has yet to be read.
    if (passed > interval) idle.ms = Math.min(idle.ms, interval);
    else if (idle.ms >= HEARTBEAT_TIMEOUT.intervals * interval + target.slack) {
      timedOut.push(target);
    }
  }
  for (const target of timedOut) targets.delete(target);
  return timedOut;
}

/** How long a peer has been silent, and the interval of its heartbeats, in milliseconds. */
interface IdleTime {
  ms: number;
  readonly interval: number;
}

/** The connections of one interval that are served at the same time: serving thousands at once would block others. */
interface Bucket {
  readonly targets: Map<HeartbeatTarget, IdleTime>;
  /** When it was checked last, by the monotonic clock. */
  checkedAt: number;
  sending: Promise<void> | undefined;
}

/** The connections with the same interval. */
class Wheel {
  /** The interval, in milliseconds. */
  readonly interval: number;
  readonly rotation: Rotation;
  readonly #buckets: readonly Bucket[] = Array.from({ length: ROTATION_PARTS }, () => ({
    targets: new Map<HeartbeatTarget, IdleTime>(),
    checkedAt: 0,
    sending: undefined,
  }));
  #joined = 0;
  cancel: () => void = () => {};

  /** Starts now, by the monotonic clock. */
  constructor(interval: number, now: number) {
    this.interval = interval;
    this.rotation = new Rotation(interval, now);
  }

  get empty(): boolean {
    return this.#buckets.every(({ targets }) => targets.size === 0);
  }

  /** Each new connection goes to the next bucket, so that all have about the same size. */
  join(target: HeartbeatTarget, interval: number): Bucket {
    const bucket = this.#buckets[this.#joined++ % ROTATION_PARTS]!;
    bucket.targets.set(target, { ms: 0, interval });
    return bucket;
  }

  /** The buckets that get heartbeats now, and all that are checked, each once. */
  takeDue(now: number): { readonly due: Bucket[]; readonly checked: Bucket[] } {
    const bucketAt = (part: number) => this.#buckets[part % ROTATION_PARTS]!;
    const parts = this.rotation.takeDue(now);
    const checked = new Set<Bucket>();
    for (const part of parts) {
      for (let i = 1; i <= HEARTBEAT_TIMEOUT.checks; i++) {
        checked.add(bucketAt(part + i * BUCKETS_PER_CHECK));
      }
    }
    return { due: parts.map(bucketAt), checked: [...checked] };
  }
}
