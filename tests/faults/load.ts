/**
 * Load on a server, from a thread beside the one that watches.
 *
 * @module
 */

import { median } from "../../cli/measure/quantiles.ts";

/** What is put. */
export interface Load {
  readonly url: string;
  readonly topic: string;
  /** The size of each body, about. */
  readonly bytes: number;
  /** How many puts are unanswered at a time. */
  readonly window: number;
  /** At most so many puts in a second. Default: as many as are taken. */
  readonly perSecond?: number;
  /** Reads it all again, and looks at what comes. Default: it does not. */
  readonly reads?: boolean;
}

/** How far it is, each second. */
export interface Progress {
  /** How many puts were acknowledged in this second. */
  readonly done: number;
  /** How many puts have not been read. */
  readonly behind: number;
  /** What failed, or came out of its turn. */
  readonly wrong: readonly string[];
}

/** Puts until it is disposed of. */
export class Loader implements Disposable {
  /** What failed, or came out of its turn. */
  readonly wrong: string[] = [];
  /** How many puts have not been read. */
  behind = 0;
  readonly #rates: number[] = [];
  readonly #worker: Worker;

  /** Begins to put. */
  constructor(load: Load) {
    const url = new URL("./load_worker.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Progress>) => {
      this.#rates.push(data.done);
      this.behind = data.behind;
      this.wrong.push(...data.wrong);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.wrong.push(event.message);
    };
    this.#worker.postMessage(load);
  }

  /** How many puts were acknowledged in a second, in the middle of all. */
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
