/**
 * One who reads a topic, and remembers what came and of which gaps it was told.
 *
 * @module
 */

import { type Connection, DsmqError, type Message } from "../../client.ts";

/** How messages come: with `getWait`, or by a subscription, which a gap ends or which goes on behind it. */
export type ReadMode = "gets" | "subscribes" | "subscribes, and goes on";

/** A message that came, by its number; or the word that some are missing. */
type Event = number | "gap";

/** So many reads are under way at a time. */
const GETS = 100;

/** Reads a topic from the beginning of its connection. */
export class FloodReader {
  readonly name: string;
  readonly mode: ReadMode;
  /** It sleeps for a while. */
  readonly sleeps: boolean;
  /** Something else than a gap went wrong. */
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

  /** Begins to read; it may sleep after so many messages. */
  constructor(mq: Connection, topic: string, mode: ReadMode, sleepsAfter = Infinity) {
    this.mode = mode;
    this.sleeps = sleepsAfter < Infinity;
    this.name = this.sleeps ? `one who sleeps, and ${mode}` : `one who ${mode}`;
    this.#mq = mq;
    this.#sleepsAfter = sleepsAfter;
    this.#reading = (mode === "gets" ? this.#get(topic) : this.#follow(topic, mode))
      .catch((error) => {
        if (!this.#stop.signal.aborted) this.failure = String(error);
      });
  }

  /** How many messages have come. */
  get count(): number {
    return this.#count;
  }

  /** The number of the last message. */
  get last(): number {
    return this.#last;
  }

  /** How often it was told that messages are gone. */
  get gapCount(): number {
    return this.#events.filter((event) => event === "gap").length;
  }

  /** Wakes it. */
  wake(): void {
    this.#awake.resolve();
  }

  /** Reads no more, and closes its connection. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#reading;
    await this.#mq.close();
  }

  /** Messages that came after a gap without a word of one, and those that are doubled or out of order. */
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
      // Many at a time: one at a time would not keep up with those who put.
      const pending = wait
        ? [this.#mq.read(topic, { mode: "wait", timeout: 500, signal })]
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

  /** Takes the word that messages are gone. */
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
