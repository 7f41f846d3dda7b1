/**
 * Putting one message after another: those for one topic that leave together are one request.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { DsmqError } from "../protocol/errors.ts";
import { Asked, badAnswer } from "./asked.ts";
import type { Link } from "./link.ts";
import type { TopicName } from "./topic.ts";

/** The puts of a connection. */
export class Puts {
  readonly #link: Link;
  #last: PutRun | undefined;

  /** Puts over a link. */
  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Puts a message.
   *
   * @param topic where to
   * @param message what the server will take
   * @returns its sequence number; rejects with a `DsmqError`
   */
  put(topic: TopicName, message: string): Promise<number> {
    const last = this.#last;
    if (last?.topic === topic.name && this.#link.canGrow(last)) {
      this.#link.number(1);
      const stored = last.add(message);
      this.#link.grew(message.length);
      return stored;
    }
    const run = this.#last = new PutRun(topic, this.#link.number(1));
    const stored = run.add(message);
    this.#link.ask(run);
    return stored;
  }
}

/** Messages for one topic that were put one after another. */
class PutRun extends Asked {
  readonly action = "put";
  readonly topic: string;
  size = 0;
  readonly #json: string;
  /** The number of the first; the others have those after it, for nothing else is numbered meanwhile. */
  readonly #n: number | undefined;
  readonly #messages: string[] = [];
  readonly #callers: { resolve(seq: number): void; reject(error: DsmqError): void }[] = [];

  constructor({ name, json }: TopicName, n: number | undefined) {
    super();
    this.topic = name;
    this.#json = json;
    this.#n = n;
  }

  get calls(): number {
    return this.#messages.length;
  }

  add(message: string): Promise<number> {
    this.#messages.push(message);
    this.size += message.length;
    return new Promise((resolve, reject) => this.#callers.push({ resolve, reject }));
  }

  protected members(): string {
    const messages = this.#messages;
    const said = messages.length === 1
      ? `"message":${JSON.stringify(messages[0])}`
      : `"messages":${JSON.stringify(messages)}`;
    return `"topic":${this.#json},${said}${numbered(this.#n)}`;
  }

  answered({ seq, seqs }: Answer): void {
    const found = this.calls === 1 ? [seq] : seqs;
    if (
      !Array.isArray(found) || found.length !== this.calls || !found.every(Number.isSafeInteger)
    ) {
      return this.failed(badAnswer("put", this.topic));
    }
    this.#callers.forEach(({ resolve }, i) => resolve(found[i]!));
  }

  /** Some may have been stored all the same: then the error says what became of each. */
  failed(error: DsmqError): void {
    const { topic } = this;
    const details = error.limit === undefined ? { topic } : { topic, limit: error.limit };
    this.#callers.forEach(({ resolve, reject }, i) => {
      const outcome = error.outcomes?.[i];
      if (typeof outcome === "number" && Number.isSafeInteger(outcome)) resolve(outcome);
      else if (outcome === null || typeof outcome !== "object") reject(error);
      else {reject(
          new DsmqError(
            outcome.code,
            outcome.message,
            outcome.code === error.code ? details : { topic },
          ),
        );}
    });
  }
}

/** The number of a put, as another member of a request. */
export function numbered(n: number | undefined): string {
  return n === undefined ? "" : `,"n":${n}`;
}
