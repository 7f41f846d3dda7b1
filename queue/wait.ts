/**
 * A `get_wait` that has not been answered.
 *
 * @module
 */

import { errorAnswer, readAnswer } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Message } from "../stores/store.ts";
import type { Reader } from "./reader.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Waiter } from "./waiting_line.ts";

/** Stands in a reader's line until it is served, its time is over, or it is called off; answers once. */
export class Wait implements Waiter {
  readonly #id: number;
  readonly #reader: Reader;
  readonly #replies: ReplyWriter;
  readonly #settled: () => void;
  /** Stops the clock that ends it; there once the pipeline has gone on without it. */
  #stopClock: (() => void) | undefined;
  #open = true;

  /**
   * Makes a wait that is not in the line yet.
   *
   * @param id under which it is answered
   * @param reader in whose line it stands
   * @param replies takes the answer
   * @param settled called once, before the answer is given
   */
  constructor(id: number, reader: Reader, replies: ReplyWriter, settled: () => void) {
    this.#id = id;
    this.#reader = reader;
    this.#replies = replies;
    this.#settled = settled;
  }

  /** Not answered yet. */
  get open(): boolean {
    return this.#open;
  }

  /** What it waits for. */
  get topic(): string {
    return this.#reader.topic;
  }

  /** The pipeline goes on without it; `stopClock` stops the clock that ends it. */
  leavePipeline(stopClock: () => void): void {
    this.#stopClock = stopClock;
  }

  served(message: Message): void {
    this.#settle(readAnswer(this.#id, message, message.seq));
  }

  /** Its time is over, or it is called off: there was nothing. */
  empty(): void {
    this.#settle(readAnswer(this.#id, undefined, this.#reader.cursor));
  }

  /** It ends with an error. */
  end(error: WireError): void {
    this.#settle(errorAnswer(this.#id, error));
  }

  #settle(answer: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stopClock?.();
    this.#reader.left();
    this.#settled();
    if (this.#stopClock) this.#replies.addLate(answer);
    else this.#replies.add(answer);
  }
}
