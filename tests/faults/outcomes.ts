/**
 * The outcomes of a client's calls, whatever its server does.
 *
 * @module
 */

import { DsmqError } from "@dsmq/server/client";

/** Counts how calls end. */
export class Outcomes {
  /** How often each outcome was seen: a code, `ok`, or another error. */
  readonly seen: Record<string, number> = {};
  /** How many calls there were. */
  calls = 0;
  /** How many of them have not ended yet. */
  unsettled = 0;

  /** Counts a call; resolves when it has settled. */
  async of(call: Promise<unknown>): Promise<void> {
    this.calls++;
    this.unsettled++;
    const outcome = await call.then(
      () => "ok",
      (error) => error instanceof DsmqError ? error.code : `${error?.name}: ${error?.message}`,
    );
    this.unsettled--;
    this.seen[outcome] = (this.seen[outcome] ?? 0) + 1;
  }
}

/** Collects uncaught exceptions and rejections, until it is disposed of. */
export class Uncaught implements Disposable {
  readonly found: string[] = [];
  readonly #listen = (event: Event) => {
    event.preventDefault();
    const cause = event instanceof ErrorEvent
      ? event.error
      : (event as PromiseRejectionEvent).reason;
    this.found.push(String(cause).slice(0, 300));
  };

  /** Starts to listen. */
  constructor() {
    for (const type of TYPES) addEventListener(type, this.#listen);
  }

  [Symbol.dispose](): void {
    for (const type of TYPES) removeEventListener(type, this.#listen);
  }
}

const TYPES = ["error", "unhandledrejection"];
