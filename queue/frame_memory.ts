/**
 * What the frames of a connection that wait take of the memory of the server.
 *
 * @module
 */

import type { BudgetAccount } from "../budgets/budget.ts";
import { WAITING_BYTES, type WaitingFrame } from "./waiting_frame.ts";

/** What is read of a frame at a time takes up to so many times its text, and up to so much, in bytes; little ones are free. */
const READ = { times: 6, free: WAITING_BYTES + 1024, most: 1024 * 1024 };

/** What a refused request takes that waits to be answered, in bytes. */
const REFUSED_BYTES = 100;

/** What was seen of each request of a large frame takes so much of memory until the frame is done, in bytes. */
const SEEN_BYTES = 72;

/** Takes it from the budget of all connections, and gives it back. */
export class FrameMemory {
  readonly #account: BudgetAccount | undefined;
  /** What the frame that is being done takes, and what reading the largest takes. */
  #current = 0;
  #read = 0;

  /** Nothing waits. Without an account there is as much as is needed. */
  constructor(account: BudgetAccount | undefined) {
    this.#account = account;
  }

  /** Takes what one more frame needs, if there is so much. */
  take({ memory }: WaitingFrame): boolean {
    if (!this.#account) return true;
    const read = Math.min(READ.times * Math.max(0, memory - READ.free), READ.most);
    const more = Math.max(0, read - this.#read);
    if (!this.#account.take(memory + more)) return false;
    this.#read += more;
    return true;
  }

  /** Takes what it needs to answer so many requests of a frame that are refused, if there is so much. */
  takeRefused(frame: WaitingFrame, requests: number): boolean {
    frame.memory += REFUSED_BYTES * requests;
    return this.#account?.take(frame.memory) ?? true;
  }

  /** So many requests were seen in a frame: that is there by now, whether there is room for it or not, and others wait for it. */
  seen(frame: WaitingFrame, requests: number): void {
    const bytes = SEEN_BYTES * requests;
    frame.memory += bytes;
    this.#account?.set(this.#account.used + bytes);
  }

  /** A frame waits no longer, and is being done. */
  begin({ memory }: WaitingFrame): void {
    this.#current = memory;
  }

  /** It is done; `empty` if none waits. */
  finish(empty: boolean): void {
    this.#account?.giveBack(this.#current);
    this.#current = 0;
    if (!empty || this.#read === 0) return;
    this.#account?.giveBack(this.#read);
    this.#read = 0;
  }

  /** Gives all back. */
  clear(): void {
    this.#current = this.#read = 0;
    if (this.#account) this.#account.giveBack(this.#account.used);
  }
}
