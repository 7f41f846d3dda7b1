/**
 * The time of a simulation, and the processes to which things happen in it.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { type Random, seeded } from "../../testing/seeded.ts";
import { EventQueue, type SimulatedEvent } from "./event_queue.ts";
import { replaceGlobals } from "./globals.ts";
import { Process } from "./process.ts";

/**
 * One run's time and chance. While there is a world, timers, clocks and random numbers of this whole process belong to it.
 * Nothing happens unless {@linkcode World.until} lets it: one event at a time, with all promises that follow from it.
 */
export class World implements Disposable {
  /** Milliseconds since the run began. */
  now = 0;
  /** All chance of the run comes from here. */
  readonly random: Random;
  /** What was thrown, and nobody caught: it would have ended a process. */
  readonly uncaught: string[] = [];
  readonly #events = new EventQueue();
  readonly #globals: Disposable;
  /** For what happens outside of all processes. */
  readonly #outside: Process;
  #current: Process;
  #firstNumber = 0;
  #lastNumber = 0;
  readonly #onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    this.#report(event.reason);
  };

  /**
   * Begins.
   *
   * @param seed repeats a run exactly
   */
  constructor(seed: number) {
    this.random = seeded(seed);
    this.#current = this.#outside = new Process("outside", this);
    this.#globals = replaceGlobals(this, this.fork());
    globalThis.addEventListener("unhandledrejection", this.#onRejection);
  }

  /** The process whose code runs. */
  get current(): Process {
    return this.#current;
  }

  /** Chance for one purpose: what it is asked changes nothing for others. */
  fork(): Random {
    return seeded(this.random(2 ** 31));
  }

  /** Starts a process. */
  spawn(name: string): Process {
    return new Process(name, this);
  }

  /** Has something happen in a process, after a time (ms). */
  schedule(
    process: Process,
    ms: number,
    kind: SimulatedEvent["kind"],
    run: () => void,
  ): SimulatedEvent {
    return this.scheduleAt(process, this.now + Math.max(0, ms), kind, run);
  }

  /** The same, at a time: not one that a rounded sum would put before another. */
  scheduleAt(
    process: Process,
    at: number,
    kind: SimulatedEvent["kind"],
    run: () => void,
  ): SimulatedEvent {
    const event = { at, number: ++this.#lastNumber, process, kind, run, isCancelled: false };
    this.#events.add(event);
    return event;
  }

  /** Has things happen now that were due before: before all that is due now. */
  reschedule(events: readonly SimulatedEvent[]): void {
    this.#firstNumber -= events.length;
    for (const [i, event] of events.entries()) {
      event.at = this.now;
      event.number = this.#firstNumber + i;
      this.#events.add(event);
    }
  }

  /** Has something happen outside of all processes, after a time (ms). */
  after(ms: number, run: () => void): void {
    this.schedule(this.#outside, ms, "timer", run);
  }

  /** Lets time pass until a condition holds; false if it does not within a time (ms). */
  async until(condition: () => boolean, ms: number): Promise<boolean> {
    const end = this.now + ms;
    while (!condition()) {
      const event = this.#events.next;
      if (!event || event.at > end) {
        this.now = end;
        return condition();
      }
      this.#events.shift();
      await this.#happen(event);
    }
    return true;
  }

  /** Lets time pass (ms). */
  async pass(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("unhandledrejection", this.#onRejection);
    this.#globals[Symbol.dispose]();
  }

  async #happen(event: SimulatedEvent): Promise<void> {
    const { process } = event;
    if (event.isCancelled || process.isDead) return;
    this.now = Math.max(this.now, event.at);
    if (process.isStopped) return process.park(event);
    this.#current = process;
    try {
      event.run();
    } catch (error) {
      this.#report(error);
    }
    // All promises that follow from it, however many: a turn of the real event loop comes after them.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#current = this.#outside;
    if (process.isDying) process.die();
  }

  #report(error: unknown): void {
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    this.uncaught.push(`${this.#current.name}: ${text}`);
  }
}
