/**
 * How much of one connection may wait, and when it is a flood.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { limitExceeded } from "../protocol/request_fields.ts";

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
