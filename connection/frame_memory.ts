/**
 * How much memory of the server the waiting frames of a connection use.
 *
 * @module
 */

import type { BudgetAccount } from "../budgets/budget.ts";
import { type BacklogFrame, FRAME_OVERHEAD_BYTES } from "./backlog_frame.ts";

/** Decoding a frame takes up to this many times its text, up to a maximum, in bytes. Small frames are free. */
const READ_COST = { factor: 6, free: FRAME_OVERHEAD_BYTES + 1024, max: 1024 * 1024 };

/** The memory of a refused request that waits for its reply, in bytes. */
const REFUSED_BYTES = 100;

/** The memory of what was scanned of each request of a large frame, until the frame is finished, in bytes. */
const SCANNED_BYTES = 72;

/** Takes memory from the budget of all connections, and gives it back. */
export class FrameMemory {
  readonly #account: BudgetAccount | undefined;
  /** The memory of the frame that is being processed, and of decoding the largest one. */
  #current = 0;
  #readCost = 0;

  /** Nothing waits. Without an account there is no limit. */
  constructor(account: BudgetAccount | undefined) {
    this.#account = account;
  }

  /** Takes the memory of one more frame, if there is enough. */
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

  /** Takes the memory to reply to this many refused requests of a frame, if there is enough. */
  takeRefused(frame: BacklogFrame, requests: number): boolean {
    frame.memory += REFUSED_BYTES * requests;
    return this.#account?.take(frame.memory) ?? true;
  }

  /** This many requests were scanned in a frame. That memory is in use by now, whether there is room for it or not. */
  addScanned(frame: BacklogFrame, requests: number): void {
    const bytes = SCANNED_BYTES * requests;
    frame.memory += bytes;
    this.#account?.set(this.#account.used + bytes);
  }

  /** A frame is processed now. */
  begin({ memory }: BacklogFrame): void {
    this.#current = memory;
  }

  /** It is finished. `empty`: no other waits. */
  finish(empty: boolean): void {
    this.#account?.release(this.#current);
    this.#current = 0;
    if (!empty || this.#readCost === 0) return;
    this.#account?.release(this.#readCost);
    this.#readCost = 0;
  }

  /** Gives everything back. */
  clear(): void {
    this.#current = this.#readCost = 0;
    if (this.#account) this.#account.release(this.#account.used);
  }
}
