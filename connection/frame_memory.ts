/**
 * What the frames of a connection that wait take of the memory of the server.
 *
 * @module
 */

import type { BudgetAccount } from "../budgets/budget.ts";
import { type BacklogFrame, FRAME_OVERHEAD_BYTES } from "./backlog_frame.ts";

/** What is read of a frame at a time takes up to so many times its text, and up to so much, in bytes; little ones are free. */
const READ_COST = { factor: 6, free: FRAME_OVERHEAD_BYTES + 1024, max: 1024 * 1024 };

/** What a refused request takes that waits to be answered, in bytes. */
const REFUSED_BYTES = 100;

/** What was seen of each request of a large frame takes so much of memory until the frame is done, in bytes. */
const SCANNED_BYTES = 72;

/** Takes it from the budget of all connections, and gives it back. */
export class FrameMemory {
  readonly #account: BudgetAccount | undefined;
  /** What the frame that is being done takes, and what reading the largest takes. */
  #current = 0;
  #readCost = 0;

  /** Nothing waits. Without an account there is as much as is needed. */
  constructor(account: BudgetAccount | undefined) {
    this.#account = account;
  }

  /** Takes what one more frame needs, if there is so much. */
  take({ memory }: BacklogFrame): boolean {
    if (!this.#account) return true;
    const readCost = Math.min(
      READ_COST.factor * Math.max(0, memory - READ_COST.free),
      READ_COST.max,
    );
    const more = Math.max(0, readCost - this.#readCost);
    if (!this.#account.take(memory + more)) return false;
    this.#readCost += more;
    return true;
  }

  /** Takes what it needs to answer so many requests of a frame that are refused, if there is so much. */
  takeRefused(frame: BacklogFrame, requests: number): boolean {
    frame.memory += REFUSED_BYTES * requests;
    return this.#account?.take(frame.memory) ?? true;
  }

  /** So many requests were seen in a frame: that is there by now, whether there is room for it or not, and others wait for it. */
  addScanned(frame: BacklogFrame, requests: number): void {
    const bytes = SCANNED_BYTES * requests;
    frame.memory += bytes;
    this.#account?.set(this.#account.used + bytes);
  }

  /** A frame waits no longer, and is being done. */
  begin({ memory }: BacklogFrame): void {
    this.#current = memory;
  }

  /** It is done; `empty` if none waits. */
  finish(empty: boolean): void {
    this.#account?.release(this.#current);
    this.#current = 0;
    if (!empty || this.#readCost === 0) return;
    this.#account?.release(this.#readCost);
    this.#readCost = 0;
  }

  /** Gives all back. */
  clear(): void {
    this.#current = this.#readCost = 0;
    if (this.#account) this.#account.release(this.#account.used);
  }
}
