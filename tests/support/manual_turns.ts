/**
 * Turns of which the test is the clock and the network.
 *
 * @module
 */

import { type Turn, Turns, type TurnsClock } from "../../budgets/turns.ts";

/** Time passes, and the network is looked at, when the test says so. */
export class ManualTurns implements TurnsClock {
  readonly turns: Turns = new Turns(this);
  /** Somebody else is heard now and then, unless it is to be quiet. */
  readonly #others: readonly Turn[];
  #now = 1000;
  #afterLook: (() => void)[] = [];

  /** With others beside those whom the test has join, or without. */
  constructor({ others = true } = {}) {
    this.#others = others ? [this.turns.join(), this.turns.join()] : [];
    for (const turn of this.#others) turn.begin();
  }

  now(): number {
    return this.#now;
  }

  afterImmediate(callback: () => void): void {
    void settled().then(callback);
  }

  afterNetworkPoll(callback: () => void): void {
    this.#afterLook.push(callback);
  }

  /** Something takes so many milliseconds. */
  spend(ms: number): void {
    this.#now += ms;
  }

  /** Somebody waits until the network was looked at. */
  get awaited(): boolean {
    return this.#afterLook.length > 0;
  }

  /** The network is looked at. */
  async networkLook(): Promise<void> {
    for (const turn of this.#others) turn.begin();
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
