/**
 * Turns of which the test is the clock and the network.
 *
 * @module
 */

import { Turns, type TurnsClock } from "../../budgets/turns.ts";

/** Time passes, and the network is looked at, when the test says so. */
export class ManualTurns implements TurnsClock {
  readonly turns: Turns = new Turns(this);
  #now = 1000;
  #afterLook: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  afterThis(callback: () => void): void {
    void settled().then(callback);
  }

  afterLook(callback: () => void): void {
    this.#afterLook.push(callback);
  }

  /** Something takes so many milliseconds. */
  work(ms: number): void {
    this.#now += ms;
  }

  /** Somebody waits until the network was looked at. */
  get awaited(): boolean {
    return this.#afterLook.length > 0;
  }

  /** The network is looked at. */
  async look(): Promise<void> {
    const callbacks = this.#afterLook;
    this.#afterLook = [];
    for (const callback of callbacks) callback();
    for (let i = 0; i < 50; i++) await settled();
  }
}

/** All that can be done without the network is done. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await undefined;
}
