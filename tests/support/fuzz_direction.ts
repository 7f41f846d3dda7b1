/**
 * One direction of a connection of the fuzzers.
 *
 * @module
 */

import type { FuzzNetwork } from "./fuzz_network.ts";
import type { Random } from "../../testing/seeded.ts";

/** What is in flight in one direction: it arrives in order. */
export class FuzzDirection {
  /** How many bytes are in flight. */
  bytes = 0;
  readonly #network: Pick<FuzzNetwork, "time" | "random">;
  readonly #delay: number;
  readonly #cutAfter: number;
  readonly #dropAfter: number;
  readonly #cut: () => void;
  readonly #moving: { readonly bytes: number; readonly deliver: () => void }[] = [];
  readonly #waiting: (() => void)[] = [];
  #passed = 0;
  #last = 0;
  #ended = false;

  /**
   * Makes one with nothing in flight.
   *
   * @param network gives time and chance
   * @param delay how long a frame takes at most, in milliseconds
   * @param cutAfter after how many bytes the connection is cut, if it is
   * @param dropAfter after how many bytes everything is lost, if it is
   * @param cut cuts the connection
   */
  constructor(
    network: Pick<FuzzNetwork, "time" | "random">,
    delay: number,
    cutAfter: number | undefined,
    dropAfter: number | undefined,
    cut: () => void,
  ) {
    this.#network = network;
    this.#delay = delay;
    this.#cutAfter = cutAfter ?? Infinity;
    this.#dropAfter = dropAfter ?? Infinity;
    this.#cut = cut;
  }

  /** Sends something of this many bytes. */
  pass(bytes: number, deliver: () => void): void {
    if (this.#ended) return;
    this.#passed += bytes;
    if (this.#passed > this.#dropAfter) return;
    const { time, random } = this.#network;
    if (this.#passed > this.#cutAfter) {
      // The cut is on its way behind earlier frames, and nobody knows of it yet.
      this.#ended = true;
      time.after(Math.max(this.#last, time.now) - time.now, this.#cut);
      return;
    }
    const at = Math.max(this.#last, time.now + random(1000) / 1000 * this.#delay);
    this.#last = at;
    this.bytes += bytes;
    this.#moving.push({ bytes, deliver });
    // Whichever timer fires, what was sent first arrives first.
    time.after(at - time.now, () => {
      const first = this.#moving.shift();
      if (!first) return;
      this.bytes -= first.bytes;
      if (this.bytes === 0) { for (const resolve of this.#waiting.splice(0)) resolve(); }
      first.deliver();
    });
  }

  /** Resolves once nothing is in flight. */
  drained(): Promise<void> {
    if (this.bytes === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Nothing more is sent, and what is in flight arrives up to a random place. */
  end(random: Random): void {
    this.#ended = true;
    this.#moving.length = random(this.#moving.length + 1);
    this.bytes = 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
