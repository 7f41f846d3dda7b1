/**
 * Answers on their way out, packed into frames.
 *
 * @module
 */

import { FRAME_BYTES } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/text.ts";
import type { Wire } from "./wire.ts";

/** Packs answers, in order, into frames of up to 256 KiB; a larger answer has a frame of its own. */
export class Outbox {
  readonly #wire: Pick<Wire, "send">;
  readonly #batched: boolean;
  #answers: string[] = [];
  #bytes = 0;

  /**
   * Makes an empty one.
   *
   * @param wire takes the frames
   * @param batched a single answer goes out as an array, too
   */
  constructor(wire: Pick<Wire, "send">, batched: boolean) {
    this.#wire = wire;
    this.#batched = batched;
  }

  /** Adds an answer. */
  add(answer: string, bytes: number = utf8Length(answer)): void {
    // Commas and brackets count with the answers, one byte each and one over.
    if (this.#bytes + bytes + 2 > FRAME_BYTES) this.flush();
    this.#answers.push(answer);
    this.#bytes += bytes + 1;
  }

  /** Adds an answer that is all ASCII. */
  addAscii(answer: string): void {
    this.add(answer, answer.length);
  }

  /** Sends what was added. */
  flush(): void {
    const answers = this.#answers;
    if (answers.length === 0) return;
    this.#answers = [];
    this.#bytes = 0;
    this.#wire.send(
      answers.length === 1 && !this.#batched ? answers[0]! : `[${answers.join(",")}]`,
    );
  }
}
