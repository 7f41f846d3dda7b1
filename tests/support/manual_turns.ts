/**
 * Turns whose clock and network are controlled by the test.
 *
 * @module
 */

import { type Turn, Turns, type TurnsClock } from "../../budgets/turns.ts";

/** Time passes, and the network is polled, when the test tells it to. */
export class ManualTurns implements TurnsClock {
  readonly turns: Turns = new Turns(this);
  /** Other connections are active now and then, unless it is to be quiet. */
  readonly #others: readonly Turn[];
  #now = 1000;
  #afterLook: (() => void)[] = [];

  /** With other connections beside those that the test adds, or without. */
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

  /** Something takes this many milliseconds. */
  spend(ms: number): void {
    this.#now += ms;
  }

  /** Someone waits until the network was polled. */
  get awaited(): boolean {
    return this.#afterLook.length > 0;
  }

  /** The network is polled. */
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
