/**
 * One who reads a topic, and remembers what came and of which gaps it was told.
 *
 * @module
 */

import { type Connection, DsmqError, type Message } from "../../client.ts";

/** How messages come: with `getWait`, or by a subscription, which a gap ends or which goes on behind it. */
export type Manner = "gets" | "subscribes" | "subscribes, and goes on";

/** A message that came, by its number; or the word that some are missing. */
type Event = number | "gap";

/** Reads a topic from the beginning of its connection. */
export class FloodReader {
  readonly name: string;
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
  constructor(mq: Connection, topic: string, manner: Manner, sleepsAfter = Infinity) {
    this.name = sleepsAfter === Infinity ? `one who ${manner}` : `one who sleeps, and ${manner}`;
    this.#mq = mq;
    this.#sleepsAfter = sleepsAfter;
    this.#reading = (manner === "gets" ? this.#get(topic) : this.#follow(topic, manner))
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
  get told(): number {
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

  /** The messages that came neither after the one before them in the topic nor after word of a gap. */
  misplaced(seqs: readonly number[]): number[] {
    const places = new Map(seqs.map((seq, i) => [seq, i]));
    const wrong: number[] = [];
    let [next, gap] = [0, false];
    for (const event of this.#events) {
      if (event === "gap") {
        gap = true;
        continue;
      }
      const place = places.get(event) ?? -1;
      if (gap ? place < next : place !== next) wrong.push(event);
      next = place + 1;
      gap = false;
    }
    return wrong;
  }

  async #get(topic: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const message = await this.#mq.read(topic, { mode: "wait", timeout: 500, signal });
        if (message) await this.#take(message);
      } catch (error) {
        if (!isTrimmed(error)) throw error;
        this.#events.push("gap");
      }
    }
  }

  async #follow(topic: string, manner: Manner): Promise<void> {
    const note = () => {
      this.#events.push("gap");
      return "oldest" as const;
    };
    const options = manner === "subscribes" ? {} : { onGap: note };
    const { signal } = this.#stop;
    try {
      for await (const message of this.#mq.subscribe(topic, { signal, ...options })) {
        await this.#take(message);
      }
    } catch (error) {
      if (!isTrimmed(error)) throw error;
      this.#events.push("gap");
      this.ended = true;
    }
  }

  async #take({ seq }: Message): Promise<void> {
    this.#events.push(seq);
    this.#last = seq;
    if (++this.#count === this.#sleepsAfter) await this.#awake.promise;
  }
}

function isTrimmed(error: unknown): boolean {
  return error instanceof DsmqError && error.code === "trimmed";
}
