/**
 * How much of one connection may wait, how much memory of the server that uses, and when it is a flood.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/client_limits.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import type { BudgetAccount } from "../budgets/budget.ts";
import { type BacklogFrame, FRAME_OVERHEAD_BYTES } from "./backlog_frame.ts";

/**
 * Refused requests wait for their turn to be answered: up to this many times `inFlight` requests, and up to this many
 * times `inFlightBytes` in large frames. More is a flood.
 */
const FLOOD_FACTOR = 4;

/** More control requests than this in frames that are refused otherwise are a flood, too. */
const MAX_CONTROLS = 16_384;

/** The limits of a backlog, and the errors of requests beyond them. */
export class BacklogLimits {
  readonly #limits: Limits;
  #tooManyRequests: WireError | undefined;

  /** Derives them from the limits of a connection. */
  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A frame with more requests is a flood by itself. */
  get floodingFrame(): number {
    return this.#limits.frameRequests + FLOOD_FACTOR * this.#limits.inFlight;
  }

  /** Whether this many refused requests are a flood. */
  isFlood(refused: number): boolean {
    return refused > FLOOD_FACTOR * this.#limits.inFlight;
  }

  /** Whether this many control requests are a flood. */
  isControlFlood(controls: number): boolean {
    return controls > MAX_CONTROLS;
  }

  /** Whether refused large frames of this length together are a flood. */
  isByteFlood(bytes: number): boolean {
    return bytes > FLOOD_FACTOR * this.#limits.inFlightBytes;
  }

  /** The error beyond `inFlight`. It is made once, and not for each frame that might need it. */
  get tooManyRequests(): WireError {
    const { inFlight } = this.#limits;
    const reason = "too many requests of its connection wait already";
    return this.#tooManyRequests ??= limitExceeded("accept request", inFlight, reason);
  }

  /** The error beyond `inFlightBytes`. */
  get tooManyBytes(): WireError {
    const reason = "too many bytes of its connection wait already";
    return limitExceeded("accept request", this.#limits.inFlightBytes, reason);
  }
}

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
