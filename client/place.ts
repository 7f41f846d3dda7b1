/**
 * A connection's place in one topic: who asked for messages, and what arrived for nobody.
 *
 * @module
 */

import type { Message } from "./message.ts";

/** Someone who asked for a message. */
export interface Reader {
  /** It has been given nothing yet, and has not given up. */
  readonly open: boolean;
  /** Takes the message, or nothing: that it has come to an end, or, to one who asked for the newest, an older one. */
  take(message: Message | undefined): void;
  /** Calls off what the server still does for it. */
  callOff(): void;
}

/** The readers of one topic, and the messages that were left behind. */
export class Place {
  /** Messages whose reader gave up before they came, oldest first. */
  readonly kept: Message[] = [];
  /** Those who asked, oldest first; some may not be open any more. */
  readonly #readers: Reader[] = [];
  /** The oldest who is open. */
  #next = 0;
  #unanswered = 0;

  /** How far the topic is read; 0 if nothing was answered yet. */
  through = 0;

  /** Nothing of it is to be remembered. */
  get idle(): boolean {
    return this.#unanswered === 0 && this.kept.length === 0;
  }

  /** Someone asks. */
  join(reader: Reader): void {
    this.#readers.push(reader);
    this.#unanswered++;
  }

  /** One of those who asked was answered, open or not. */
  answered(): void {
    this.#unanswered--;
  }

  /** One of those who asked is not open any more. */
  left(): void {
    // Those behind are cleared away in one go for many: joining and leaving cost the same in any length.
    while (this.#next < this.#readers.length && !this.#readers[this.#next]!.open) this.#next++;
    if (this.#next < 32 || this.#next < this.#readers.length / 2) return;
    this.#readers.splice(0, this.#next);
    this.#next = 0;
  }

  /**
   * What was asked for has arrived. It belongs to the oldest reader, whoever asked for it: a reader who gave
   * up while its message was under way leaves it to the next.
   */
  arrived(asker: Reader, message: Message | undefined): void {
    if (message === undefined) {
      if (asker.open) asker.take(undefined);
      return;
    }
    const first = this.#readers[this.#next];
    if (!first) this.kept.push(message);
    else {
      first.take(message);
      if (first !== asker) first.callOff();
    }
  }
}
