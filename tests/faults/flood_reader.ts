/**
 * A reader of a topic that records its messages and gaps.
 *
 * @module
 */

import { type Connection, DsmqError, type Message } from "../../client.ts";

/** How messages are read: with `getWait`, or by a subscription that ends at a gap or continues after it. */
export type ReadMode = "gets" | "subscribes" | "subscribes, and continues";

/** A message, by its sequence number; or a gap. */
type Event = number | "gap";

/** How many reads are in flight at a time. */
const GETS = 100;

/** Reads a topic from its connection on. */
export class FloodReader {
  readonly name: string;
  readonly mode: ReadMode;
  /** It pauses for a while. */
  readonly sleeps: boolean;
  /** An error other than a gap. */
  failure: string | undefined;
  /** A gap has ended it. */
  ended = false;
  readonly #mq: Connection;
  readonly #events: Event[] = [];
  readonly #sleepsAfter: number;
  readonly #awake = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #reading: Promise<void>;
  #last = 0;
  #count = 0;

  /** Starts to read; it may pause after this many messages. */
  constructor(mq: Connection, topic: string, mode: ReadMode, sleepsAfter = Infinity) {
    this.mode = mode;
    this.sleeps = sleepsAfter < Infinity;
    this.name = this.sleeps ? `a reader that pauses, and ${mode}` : `a reader that ${mode}`;
    this.#mq = mq;
    this.#sleepsAfter = sleepsAfter;
    this.#reading = (mode === "gets" ? this.#get(topic) : this.#follow(topic, mode))
      .catch((error) => {
        if (!this.#stop.signal.aborted) this.failure = String(error);
      });
  }

  /** How many messages have arrived. */
  get count(): number {
    return this.#count;
  }

  /** The number of the last message. */
  get last(): number {
    return this.#last;
  }

  /** How many gaps it was told of. */
  get gapCount(): number {
    return this.#events.filter((event) => event === "gap").length;
  }

  /** Ends its pause. */
  wake(): void {
    this.#awake.resolve();
  }

  /** Stops reading, and closes its connection. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#reading;
    await this.#mq.close();
  }

  /** Messages after a gap that was not reported, and messages that are duplicated or out of order. */
  disorder(seqs: readonly number[]): { readonly skipped: number[]; readonly wrong: number[] } {
    const indexes = new Map(seqs.map((seq, i) => [seq, i]));
    const [skipped, wrong]: [number[], number[]] = [[], []];
    let [next, gap] = [0, false];
    for (const event of this.#events) {
      if (event === "gap") {
        gap = true;
        continue;
      }
      const index = indexes.get(event) ?? -1;
      if (index < next) wrong.push(event);
      else if (index > next && !gap) skipped.push(event);
      next = index + 1;
      gap = false;
    }
    return { skipped, wrong };
  }

  async #get(topic: string): Promise<void> {
    const { signal } = this.#stop;
    for (let before = -1; !signal.aborted;) {
      const wait = before === this.#count;
      before = this.#count;
      // Many at a time: one at a time would not keep up with the puts.
      const pending = wait
        ? [this.#mq.read(topic, { wait: 500, signal })]
        : Array.from({ length: GETS }, () => this.#mq.read(topic));
      for (const read of await Promise.allSettled(pending)) {
        if (read.status === "rejected") this.#gap(read.reason);
        else if (read.value) await this.#take(read.value);
      }
    }
  }

  async #follow(topic: string, mode: ReadMode): Promise<void> {
    const onGap = () => {
      this.#events.push("gap");
      return "oldest" as const;
    };
    const options = mode === "subscribes" ? {} : { onGap: onGap };
    const { signal } = this.#stop;
    try {
      for await (const message of this.#mq.subscribe(topic, { signal, ...options })) {
        await this.#take(message);
      }
    } catch (error) {
      this.#gap(error);
      this.ended = true;
    }
  }

  /** Records a gap. */
  #gap(error: unknown): void {
    if (!(error instanceof DsmqError && error.code === "trimmed")) throw error;
    this.#events.push("gap");
  }

  async #take({ seq }: Message): Promise<void> {
    this.#events.push(seq);
    this.#last = seq;
    if (++this.#count === this.#sleepsAfter) await this.#awake.promise;
  }
}
