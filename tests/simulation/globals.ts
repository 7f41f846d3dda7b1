/**
 * The timers, clocks and random numbers of this process, as a simulation replaces them.
 *
 * @module
 */

import type { Random } from "../../testing/seeded.ts";
import type { SimulatedEvent } from "./event_queue.ts";
import type { Process } from "./process.ts";

/** What they need of a simulation. */
export interface TimeSource {
  /** Milliseconds since the run began. */
  readonly now: number;
  /** The process whose code runs. */
  readonly current: Process;
  /** Has something happen later (ms). */
  schedule(process: Process, ms: number, kind: "timer", run: () => void): SimulatedEvent;
}

/** Ids that no real timer has. */
const FIRST_ID = 2 ** 40;

/** The shortest time of a timer, in milliseconds: those of 0 must not keep time from passing. */
const SHORTEST = 0.05;

/** How late a timer can be, in milliseconds, now and then. */
const LATENESS = 2;

/** How long others may act before `setImmediate` calls back, in milliseconds, now and then. */
const IMMEDIATE = 0.1;

type Callback = (...args: unknown[]) => void;

/**
 * Replaces them, for the code of all simulated processes.
 *
 * @param source tells the time, and who asks
 * @param random what looks like chance, and how late timers are
 * @returns what restores everything. Timers that are left never fire
 */
export function replaceGlobals(source: TimeSource, random: Random): Disposable {
  const restore: (() => void)[] = [];
  const timers = new Map<number, SimulatedEvent>();
  let lastId = FIRST_ID;
  const add = (callback: () => void, ms: unknown, repeats: boolean): number => {
    const id = ++lastId;
    const process = source.current;
    const after = Math.max(SHORTEST, Number(ms) || 0);
    const start = () => {
      const late = random(8) === 0 ? random(100) / 100 * LATENESS : 0;
      timers.set(id, source.schedule(process, after + late, "timer", fire));
    };
    const fire = () => {
      timers.delete(id);
      if (repeats) start();
      callback();
    };
    start();
    return id;
  };
  /** Whether it is a timer of a simulation: others are left to the platform. */
  const clear = (id: unknown): boolean => {
    const event = timers.get(id as number);
    if (event) event.isCancelled = true;
    timers.delete(id as number);
    return typeof id !== "number" || id >= FIRST_ID;
  };
  const bytes = <T extends ArrayBufferView>(array: T): T => {
    const all = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < all.length; i++) all[i] = random(256);
    return array;
  };
  const { clearTimeout, clearInterval, clearImmediate } = globalThis as typeof globalThis & {
    clearImmediate(immediate: unknown): void;
  };
  replace(globalThis, {
    setTimeout: (callback: Callback, ms?: number, ...args: unknown[]) =>
      add(() => callback(...args), ms, false),
    setInterval: (callback: Callback, ms?: number, ...args: unknown[]) =>
      add(() => callback(...args), ms, true),
    clearTimeout: (id?: number) => clear(id) || clearTimeout(id),
    clearInterval: (id?: number) => clear(id) || clearInterval(id),
    setImmediate: (callback: Callback, ...args: unknown[]) => {
      const later = random(8) === 0 ? random(100) / 100 * IMMEDIATE : 0;
      return source.schedule(source.current, later, "timer", () => callback(...args));
    },
    clearImmediate: (immediate: SimulatedEvent | object | undefined) => {
      if (immediate && "isCancelled" in immediate) immediate.isCancelled = true;
      else clearImmediate(immediate);
    },
  });
  replace(Date, { now: () => source.current.wall });
  replace(performance, { now: () => source.now });
  replace(Math, { random: () => random(2 ** 32) / 2 ** 32 });
  replace(crypto, {
    getRandomValues: bytes,
    randomUUID: () => {
      const hex = [...bytes(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0"));
      return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    },
  });
  return {
    [Symbol.dispose]() {
      for (const undo of restore.splice(0).reverse()) undo();
      timers.clear();
    },
  };

  function replace(target: object, values: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(values)) {
      const before = Object.getOwnPropertyDescriptor(target, name);
      const { enumerable = false } = before ?? {};
      Object.defineProperty(target, name, {
        ...{ value, enumerable },
        configurable: true,
        writable: true,
      });
      restore.push(() => {
        if (before) Object.defineProperty(target, name, before);
        else Reflect.deleteProperty(target, name);
      });
    }
  }
}
