/**
 * Load on a server, from another thread than the one that measures.
 *
 * @module
 */

import { median } from "../../cli/measure/quantiles.ts";

/** The options of a load. */
export interface Load {
  readonly url: string;
  readonly topic: string;
  /** The approximate size of each body. */
  readonly bytes: number;
  /** How many puts are unanswered at a time. */
  readonly window: number;
  /** It puts only as many as it is granted. Default: as many as the server accepts. */
  readonly onlyGranted?: boolean;
  /** Whether to read everything again and check it. Default: false. */
  readonly reads?: boolean;
}

/** Its progress, each second, and when it has done all that it was granted. */
export interface Progress {
  /** How many puts were acknowledged in this second; `undefined` before it is over. */
  readonly done: number | undefined;
  /** How many of the granted puts were acknowledged and read, once it is all of them; before that 0. */
  readonly through: number;
  /** What failed, or arrived out of order. */
  readonly wrong: readonly string[];
}

/** Puts until it is disposed of. */
export class Loader implements Disposable {
  /** What failed, or arrived out of order. */
  readonly wrong: string[] = [];
  #granted = 0;
  #through = 0;
  readonly #rates: number[] = [];
  readonly #worker: Worker;

  /** Starts to put. */
  constructor(load: Load) {
    const url = new URL("./load_worker.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Progress>) => {
      if (data.done !== undefined) this.#rates.push(data.done);
      this.#through = Math.max(this.#through, data.through);
      this.wrong.push(...data.wrong);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.wrong.push(event.message);
    };
    this.#worker.postMessage(load);
  }

  /** Lets it put so many more. */
  grant(puts: number): void {
    this.#granted += puts;
    this.#worker.postMessage(this.#granted);
  }

  /** Everything that it was granted was acknowledged and read. */
  get isThrough(): boolean {
    return this.#through === this.#granted;
  }

  /** The median of the puts acknowledged per second. */
  get rate(): number {
    return this.#rates.length === 0 ? 0 : median(this.#rates);
  }

  /** How many were acknowledged in all, up to the last full second. */
  get done(): number {
    return this.#rates.reduce((sum, rate) => sum + rate, 0);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
