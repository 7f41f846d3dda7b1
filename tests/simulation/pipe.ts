/**
 * One direction of a simulated connection.
 *
 * @module
 */

import type { Random } from "../../testing/seeded.ts";
import type { SimulatedEvent } from "./event_queue.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** What is on its way in one direction. It arrives in the order in which it was sent, or not at all. */
export class Pipe {
  /** How many bytes are on their way, or wait for a stopped process to read them. */
  bytes = 0;
  /** How long a frame takes at most, in milliseconds. */
  delay: number;
  readonly #world: World;
  readonly #random: Random;
  readonly #moving = new Set<SimulatedEvent>();
  #lastArrival = 0;
  /** Nothing more arrives, and nobody is told. */
  #isDeaf = false;

  /** Makes one with nothing on its way. */
  constructor(world: World, random: Random, delay: number) {
    this.#world = world;
    this.#random = random;
    this.delay = delay;
  }

  /** Sends something of this many bytes to a process. */
  send(to: Process, bytes: number, arrive: () => void): void {
    if (this.#isDeaf) return;
    const { now } = this.#world;
    const at = Math.max(this.#lastArrival, now + this.#random(1000) / 1000 * this.delay);
    this.#lastArrival = at;
    this.bytes += bytes;
    const event = this.#world.scheduleAt(to, at, "input", () => {
      this.#moving.delete(event);
      this.bytes -= bytes;
      arrive();
    });
    this.#moving.add(event);
  }

  /** What is sent from now on is lost; and of what is on its way all but a part, up to a random place. */
  lose(losesAll: boolean): void {
    this.#isDeaf = true;
    const kept = losesAll ? 0 : this.#random(this.#moving.size + 1);
    for (const event of [...this.#moving].slice(kept)) {
      event.isCancelled = true;
      this.#moving.delete(event);
    }
    if (kept === 0) this.bytes = 0;
  }
}
