/**
 * What is unanswered on a connection, and which streams it has, by the ids that they have there.
 *
 * @module
 */

import { Abandoned } from "./abandoned.ts";
import type { Asked, Stream } from "./asked.ts";
import { HELLO } from "./line.ts";
import type { PendingCalls } from "./pending_calls.ts";

/** A stream, with the request that asked for it. */
export type AskedStream = Stream & Asked;

/** Gives ids to what is asked, and finds by them who asked. */
export class AskedTable {
  readonly #pending: PendingCalls;
  /** In the order in which they were asked on this connection. */
  readonly #asked = new Map<number, Asked>();
  readonly #streams = new Map<number, AskedStream>();
  #lastId = HELLO;
  #rank = 0;
  #newest: Asked | undefined;

  /**
   * Begins with nothing.
   *
   * @param pending counts what is unanswered
   */
  constructor(pending: PendingCalls) {
    this.#pending = pending;
  }

  /** What was asked last. */
  get newest(): Asked | undefined {
    return this.#newest;
  }

  /** No id is larger. */
  get lastId(): number {
    return this.#lastId;
  }

  /** What is unanswered, in order. */
  unanswered(): Iterable<Asked> {
    return this.#asked.values();
  }

  /** What is unanswered under an id. */
  find(id: number): Asked | undefined {
    return this.#asked.get(id);
  }

  /** The oldest put that has left and is unanswered. */
  get oldestPut(): Asked | undefined {
    let oldest: Asked | undefined;
    for (const asked of this.#asked.values()) {
      if (asked.action !== "put" || !asked.sent) continue;
      if (!oldest || asked.rank < oldest.rank) oldest = asked;
    }
    return oldest;
  }

  /** Who takes what comes under an id without being its answer. */
  stream(sub: number): AskedStream | undefined {
    return this.#streams.get(sub);
  }

  /** Something is asked, perhaps once more: it has the next id. */
  add(asked: Asked, stream: AskedStream | undefined): void {
    asked.id = ++this.#lastId;
    asked.withdrawn = false;
    asked.order = 0;
    asked.rank ||= ++this.#rank;
    this.#newest = asked;
    this.#pending.add(asked);
    if (stream) this.#streams.set(asked.id, stream);
    this.#asked.set(asked.id, asked);
  }

  /** Something is answered, or will not be. */
  delete(asked: Asked): void {
    this.#asked.delete(asked.id);
    this.#pending.settled(asked);
  }

  /** Something is still to be answered, but the answer is nobody's. */
  abandon(asked: Asked): void {
    this.#asked.set(asked.id, new Abandoned(asked));
  }

  /** Nobody takes any more what a stream brings. */
  deleteStream(id: number): void {
    this.#streams.delete(id);
  }

  /** Takes out what is unanswered, in order. */
  takeUnanswered(): Asked[] {
    const unanswered = [...this.#asked.values()];
    this.#asked.clear();
    this.#pending.clear();
    return unanswered;
  }

  /** Takes out all streams. */
  takeStreams(): AskedStream[] {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    return streams;
  }

  /** Takes out what a new connection is asked once more: the streams that had begun, then what is unanswered, in order. */
  takeAll(): Asked[] {
    const begun = [...this.#streams.values()].filter((stream) =>
      this.#asked.get(stream.id) !== stream
    );
    this.#streams.clear();
    // What comes after the first part of a list was asked with it.
    const unanswered = this.takeUnanswered().sort((one, other) => one.rank - other.rank);
    return [...begun, ...unanswered];
  }
}
