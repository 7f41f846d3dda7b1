/**
 * Time and chance under the control of a fuzzer: a run of seconds takes milliseconds, and a seed repeats it exactly.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";

interface Timer {
  readonly id: number;
  readonly callback: () => void;
  at: number;
  /** For one that repeats, in milliseconds. */
  readonly every: number | undefined;
}

/** When every run begins (ms since 1970): with as many digits as today. */
const BEGIN = 1_767_225_600_000;

/** Ids that no real timer has. */
const FIRST_ID = 2 ** 40;

/** The shortest time of a timer, in milliseconds: those of 0 must not keep time from passing. */
const SHORTEST = 0.05;

/** After each event everything that follows at once is done: after this many turns without a callback nothing is left. */
const QUIET_TURNS = 3;

/**
 * The time of one run. While it is installed, timers, clocks and random numbers of the whole process are its own,
 * also within client and server; nothing happens unless {@linkcode VirtualTime.step} makes it happen.
 */
export class VirtualTime implements Disposable {
  /** Milliseconds since the run began. */
  now = 0;
  /** How many events have happened. */
  steps = 0;
  readonly #restore: (() => void)[] = [];
  #timers: Timer[] = [];
  #lastId = FIRST_ID;
  /** Callbacks that are still to come and follow at once. */
  readonly #immediates = new Set<unknown>();

  /** Takes over all timers, clocks and random numbers; chance comes from the seed. */
  constructor(seed: number) {
    let state = seed | 0;
    const chance = () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const bytes = <T extends ArrayBufferView | null>(array: T): T => {
      if (array) {
        new Uint8Array(array.buffer, array.byteOffset, array.byteLength).forEach((_, i, all) => {
          all[i] = chance() * 256;
        });
      }
      return array;
    };
    const { clearTimeout, clearInterval } = globalThis;
    this.#replace(globalThis, {
      setTimeout: (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
        this.#add(() => callback(...args), ms, false),
      setInterval: (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
        this.#add(() => callback(...args), ms, true),
      // Those from before the run are still cleared by their owners.
      clearTimeout: (id?: number) => this.#clear(id) || clearTimeout(id),
      clearInterval: (id?: number) => this.#clear(id) || clearInterval(id),
    });
    // A poll of the network lets many of these pass, and a file commits in turns of its own: all of them follow
    // at once.
    this.#replace(globalThis, {
      setImmediate: (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
        const immediate = setImmediate(() => {
          this.#immediates.delete(immediate);
          callback(...args);
        });
        this.#immediates.add(immediate);
        return immediate;
      },
      clearImmediate: (immediate: Parameters<typeof clearImmediate>[0]) => {
        this.#immediates.delete(immediate);
        clearImmediate(immediate);
      },
    });
    this.#replace(Date, { now: () => BEGIN + Math.floor(this.now) });
    this.#replace(performance, { now: () => this.now });
    this.#replace(AbortSignal, {
      timeout: (ms: number) => {
        const controller = new AbortController();
        const error = new DOMException("Signal timed out.", "TimeoutError");
        this.#add(() => controller.abort(error), ms, false);
        return controller.signal;
      },
    });
    this.#replace(Math, { random: chance });
    this.#replace(crypto, {
      getRandomValues: bytes,
      randomUUID: () => {
        const hex = [...bytes(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0"));
        return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
      },
    });
  }

  /** The time as a store tells it. */
  get wall(): number {
    return BEGIN + Math.floor(this.now);
  }

  /** Calls back after a time (ms). */
  after(ms: number, callback: () => void): void {
    this.#add(callback, ms, false);
  }

  /** Does all that follows at once from what was done. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      if (this.#immediates.size > 0) quiet = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Lets the next timer fire, and all that follows from it; false if there is none up to a time. */
  async step(until: number = Infinity): Promise<boolean> {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (!next || timer.at < next.at) next = timer;
    if (!next || next.at > until) return false;
    this.now = Math.max(this.now, next.at);
    if (next.every === undefined) this.#clear(next.id);
    else {
      next.at = this.now + next.every;
      // Behind those that are due at the same time.
      this.#timers.push(this.#timers.splice(this.#timers.indexOf(next), 1)[0]!);
    }
    this.steps++;
    next.callback();
    await this.settle();
    return true;
  }

  /** Lets time pass (ms), with all that happens in it. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.settle();
    while (await this.step(end));
    this.now = Math.max(this.now, end);
  }

  /** Lets time pass until a condition holds; false if it does not within a time (ms). */
  async until(condition: () => boolean, ms: number): Promise<boolean> {
    const end = this.now + ms;
    await this.settle();
    while (!condition()) if (!await this.step(end)) return condition();
    return true;
  }

  /** The value of a promise that needs time to pass (ms); rejects if it needs more. */
  async of<T>(work: PromiseLike<T>, what: string, ms = 120_000): Promise<T> {
    let settled = false;
    const captured = Promise.resolve(work).finally(() => settled = true);
    captured.catch(() => {});
    if (!await this.until(() => settled, ms)) throw new Error(`${what}: not within ${ms} ms`);
    return await captured;
  }

  /** Restores everything. Timers that are left never fire. */
  [Symbol.dispose](): void {
    for (const restore of this.#restore.splice(0).reverse()) restore();
    this.#timers = [];
  }

  #add(callback: () => void, ms: number | undefined, repeats: boolean): number {
    // Where users see it, a warning is printed.
    if (Number(ms) < 0) throw new RangeError(`a timer must not have a negative delay, got ${ms}`);
    const after = Math.max(SHORTEST, Number(ms) || 0);
    const id = ++this.#lastId;
    this.#timers.push({ id, callback, at: this.now + after, every: repeats ? after : undefined });
    return id;
  }

  #clear(id: number | undefined): boolean {
    const i = this.#timers.findIndex((timer) => timer.id === id);
    if (i >= 0) this.#timers.splice(i, 1);
    return typeof id !== "number" || id >= FIRST_ID;
  }

  #replace(target: object, values: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(values)) {
      const before = Object.getOwnPropertyDescriptor(target, name);
      Object.defineProperty(target, name, {
        value,
        configurable: true,
        writable: true,
        enumerable: before?.enumerable ?? false,
      });
      this.#restore.push(() => {
        if (before) Object.defineProperty(target, name, before);
        else Reflect.deleteProperty(target, name);
      });
    }
  }
}
