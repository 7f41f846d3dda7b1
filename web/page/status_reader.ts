/**
 * What the server says of itself, read again and again while somebody looks.
 *
 * @module
 */

import type { ServerStatus } from "../../http/server_status.ts";
import { Observable } from "./observable.ts";
import { HttpError, type ServerApi } from "./server_api.ts";

/** How often the status is asked for, in milliseconds. */
const STATUS_INTERVAL = 1000;

/** A status that was read so long ago is old, in milliseconds: one that comes late, or fails once, is not. */
const OLD_AFTER = 3000;

/** The time, as reading needs it. */
export interface StatusClock {
  /** Milliseconds, from anywhere. */
  now(): number;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Resolves as soon as somebody sees the page, or when the signal aborts. */
  seen(signal: AbortSignal): Promise<void>;
}

/** The status could not be read. */
export interface StatusFailure {
  /** Why: an {@linkcode HttpError} if the server has refused it. */
  readonly error: unknown;
  /** After how many milliseconds it is asked for again. */
  readonly delay: number;
  /** What was read last is old, or will be until then. */
  readonly isOld: boolean;
}

/** Reads the status of a server. */
export class StatusReader {
  /** What was read last. */
  readonly status = new Observable<ServerStatus | undefined>(undefined);
  readonly #api: Pick<ServerApi, "status">;
  readonly #clock: StatusClock;
  readonly #onRestart: (before: ServerStatus) => void;
  #readAt = -Infinity;
  #pause = new AbortController();

  /**
   * Makes one that has read nothing.
   *
   * @param api asks the server
   * @param clock the time
   * @param onRestart called if the server was started anew since it was read before
   */
  constructor(
    api: Pick<ServerApi, "status">,
    clock: StatusClock,
    onRestart: (before: ServerStatus) => void,
  ) {
    [this.#api, this.#clock, this.#onRestart] = [api, clock, onRestart];
  }

  /** Reads it once. Rejects as {@linkcode ServerApi} says. */
  async read(signal: AbortSignal): Promise<void> {
    const status = await this.#api.status(signal);
    const before = this.status.value;
    this.#readAt = this.#clock.now();
    this.status.value = status;
    if (before && before.epoch !== status.epoch) this.#onRestart(before);
  }

  /**
   * Reads it each second, or when the server says, until the signal aborts.
   *
   * @param signal ends it
   * @param onAnswer called after each attempt, with why it has failed
   */
  async poll(
    signal: AbortSignal,
    onAnswer: (failure: StatusFailure | undefined) => void,
  ): Promise<void> {
    let delay = STATUS_INTERVAL;
    for (;;) {
      await this.#wait(delay, signal);
      if (signal.aborted) return;
      const failure = await this.read(signal).then(() => undefined, (error) => ({ error }));
      if (signal.aborted) return;
      delay = (failure?.error instanceof HttpError && failure.error.retryAfter) || STATUS_INTERVAL;
      const isOld = this.#clock.now() + delay - this.#readAt > OLD_AFTER;
      onAnswer(failure && { ...failure, delay, isOld });
    }
  }

  /** Ends the present pause. */
  readNow(): void {
    this.#pause.abort();
  }

  async #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    const pause = this.#pause = new AbortController();
    const abort = () => pause.abort();
    if (signal.aborted) return;
    signal.addEventListener("abort", abort);
    await this.#clock.pause(milliseconds, pause.signal);
    signal.removeEventListener("abort", abort);
    await this.#clock.seen(signal);
  }
}
