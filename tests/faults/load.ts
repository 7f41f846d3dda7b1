/**
 * Load on a server, from a thread beside the one that watches.
 *
 * @module
 */

/** What is put. */
export interface Load {
  readonly url: string;
  readonly topic: string;
  /** The size of each body. */
  readonly bytes: number;
  /** How many puts are unanswered at a time. */
  readonly window: number;
  /** At most so many puts in a second. Default: as many as are taken. */
  readonly perSecond?: number;
}

/** Puts until it is disposed of. */
export class Loader implements Disposable {
  /** How many puts were acknowledged, second by second. */
  readonly rates: number[] = [];
  /** Why it puts no more, if it was not told to stop. */
  failure: string | undefined;
  readonly #worker: Worker;

  /** Begins to put. */
  constructor(load: Load) {
    const url = new URL("./load_worker.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.onmessage = ({ data }) => this.rates.push(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.failure ??= event.message;
    };
    this.#worker.postMessage(load);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
