/**
 * A `get_wait` that has not been answered.
 *
 * @module
 */

import { errorAnswer, readAnswer, readHead } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { FRAME_BYTES } from "../protocol/limits.ts";
import type { Message } from "../stores/store.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import type { LargeBodies } from "./large_bodies.ts";
import type { Reader } from "./reader.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Waiter } from "./waiting_line.ts";

/** What waits share with the others of their connection. */
export interface WaitContext {
  readonly replies: ReplyWriter;
  readonly deadlines: Deadlines;
  readonly bodies: LargeBodies;
  /** None of them waits any more, though not all were told yet. */
  readonly closed: boolean;
  /** One has been answered, or nobody is there to hear the answer. */
  settled(wait: Wait): void;
}

/** Stands in a reader's line until it is served, its time is over, or it is called off; answers once. */
export class Wait implements Waiter, Deadline {
  /** Under which it is answered. */
  readonly id: number;
  readonly #reader: Reader;
  readonly #context: WaitContext;
  /** The pipeline has gone on without it. */
  #late = false;
  #state: "open" | "called off" | "settled" = "open";
  due = 0;
  place = -1;

  /**
   * Makes a wait that is not in the line yet.
   *
   * @param id under which it is answered
   * @param reader in whose line it stands
   * @param context what it shares with others
   */
  constructor(id: number, reader: Reader, context: WaitContext) {
    this.id = id;
    this.#reader = reader;
    this.#context = context;
  }

  /** Not answered yet. */
  get open(): boolean {
    return this.#state === "open" && !this.#context.closed;
  }

  /** What it waits for. */
  get topic(): string {
    return this.#reader.topic;
  }

  /** The pipeline goes on without it; it is over after so many milliseconds. */
  leavePipeline(timeout: number): void {
    this.#late = true;
    this.#context.deadlines.add(this, timeout);
  }

  /** It is to get nothing any more; {@linkcode Wait.end} tells it, later. */
  callOff(): void {
    if (this.#state === "open") this.#state = "called off";
  }

  served(message: Message): void {
    const { seq, bytes } = message;
    if (bytes < FRAME_BYTES) return this.#settle(readAnswer(this.id, message, seq));
    this.#settle(undefined);
    const { replies, bodies } = this.#context;
    replies.addLarge(readHead(this.id, message, seq), message, bodies);
  }

  over(): void {
    if (this.open) this.empty();
  }

  /** Its time is over, or it is called off: there was nothing. */
  empty(): void {
    this.#settle(readAnswer(this.id, undefined, this.#reader.cursor));
  }

  /** It ends with an error; without one nobody hears of it. */
  end(error: WireError | undefined): void {
    if (this.#state === "settled") return;
    this.#settle(error && errorAnswer(this.id, error));
  }

  #settle(answer: string | undefined): void {
    this.#state = "settled";
    const { deadlines, replies } = this.#context;
    if (this.place >= 0) deadlines.remove(this);
    this.#reader.left();
    this.#context.settled(this);
    if (answer === undefined) return;
    if (this.#late) replies.addLate(answer);
    else replies.add(answer);
  }
}
