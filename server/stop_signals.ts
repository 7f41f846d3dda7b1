/**
 * Signals of the system, if a server handles them itself.
 *
 * @module
 */

/** Windows has no SIGTERM. */
const SIGNALS: readonly Deno.Signal[] = globalThis.Deno?.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** A signal that aborts at SIGINT and SIGTERM, until it is disposed of. */
export class StopSignals implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal = (): void => {
    // The listeners are gone by then: a second one ends the process.
    this[Symbol.dispose]();
    this.#controller.abort();
  };
  #listening: readonly Deno.Signal[] = [];

  /** Starts to listen. */
  constructor() {
    for (const name of SIGNALS) Deno.addSignalListener(name, this.#onSignal);
    this.#listening = SIGNALS;
  }

  /** Aborts at the first of them. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const name of this.#listening) Deno.removeSignalListener(name, this.#onSignal);
    this.#listening = [];
  }
}
