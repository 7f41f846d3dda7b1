/**
 * A process of a simulation: a server or a client, which can be killed, or stopped and woken.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import type { SimulatedEvent } from "./event_queue.ts";
import type { World } from "./world.ts";

/** The wall clock when every run begins, in milliseconds since 1970: with as many digits as today. */
const BEGIN = 1_767_225_600_000;

/** A process. What it shares with others is the time that passes; its wall clock is its own. */
export class Process {
  readonly name: string;
  /** Its clock, for what takes one. */
  readonly clock: Clock;
  /** By how much its wall clock is wrong, in milliseconds. */
  wallOffset = 0;
  /** For how many milliseconds it was stopped in all, without the present stop. */
  stoppedFor = 0;
  readonly #world: World;
  readonly #deathListeners: (() => void)[] = [];
  #state: "running" | "stopped" | "dying" | "dead" = "running";
  #stoppedAt = 0;
  /** What is due, and waits for it to be woken. */
  #parked: SimulatedEvent[] = [];

  /** Starts with a right clock. Use {@linkcode World.spawn}. */
  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.clock = {
      now: () => this.wall,
      monotonic: () => world.now,
      after: (ms, callback) => this.after(ms, callback),
    };
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  /** It was killed by what happens in it just now: nothing leaves it any more, and nothing else will happen in it. */
  get isDying(): boolean {
    return this.#state === "dying";
  }

  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  /** What its wall clock shows, in milliseconds since 1970. */
  get wall(): number {
    return Math.floor(BEGIN + this.#world.now + this.wallOffset);
  }

  /** Does something in this process, as soon as it can. */
  run(action: () => void): void {
    this.#world.schedule(this, 0, "input", action);
  }

  /** Sets a timer (ms); returns what cancels it. */
  after(ms: number, callback: () => void): () => void {
    const event = this.#world.schedule(this, ms, "timer", callback);
    return () => void (event.isCancelled = true);
  }

  /** Calls back when it is killed. */
  onDeath(listener: () => void): void {
    this.#deathListeners.push(listener);
  }

  /** Ends it at once: nothing happens in it any more. */
  kill(): void {
    if (this.isDead || this.isDying) return;
    this.#state = this.#world.current === this ? "dying" : "dead";
    this.#parked = [];
    for (const listener of this.#deathListeners.splice(0)) listener();
  }

  /** What happened in it as it was killed is over. */
  die(): void {
    this.#state = "dead";
  }

  /** Stops it, as SIGSTOP does: what is due waits. */
  stop(): void {
    if (this.#state !== "running") return;
    this.#state = "stopped";
    this.#stoppedAt = this.#world.now;
  }

  /** Wakes it: all that was due happens now, in the order of the time, or timers or input first. */
  wake(): void {
    if (this.#state !== "stopped") return;
    this.#state = "running";
    this.stoppedFor += this.#world.now - this.#stoppedAt;
    const parked = this.#parked.splice(0);
    const first = (["timer", "input", undefined] as const)[this.#world.random(3)];
    const [early, late] = first === undefined
      ? [parked, []]
      : [parked.filter(({ kind }) => kind === first), parked.filter(({ kind }) => kind !== first)];
    this.#world.reschedule([...early, ...late]);
  }

  /** Something is due while it is stopped. */
  park(event: SimulatedEvent): void {
    this.#parked.push(event);
  }
}
