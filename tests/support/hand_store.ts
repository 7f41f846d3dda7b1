/**
 * A store that is worked by hand: the test says when what is asked is answered, and what the feed brings.
 *
 * @module
 */

import type {
  Bounds,
  Follower,
  Message,
  Page,
  Query,
  Standing,
  StandingQuery,
  Store,
} from "../../stores/store.ts";

/** A message of topic `t`. */
export function message(seq: number): Message {
  const body = JSON.stringify(`message ${seq}`);
  return { seq, time: 0, topic: "t", body, bytes: body.length };
}

/** A page of topic `t` that was read up to a number. */
export function page(through: number, ...seqs: number[]): Page {
  return { messages: seqs.map(message), through, floor: 0 };
}

interface Asked<T> {
  readonly query: Query | undefined;
  readonly answer: (value: T) => void;
  readonly refuse: (error: Error) => void;
}

/** Reads, bounds, standings and follows wait for the test; nothing else is of use. */
export class HandStore implements Store {
  readonly id = "by hand";
  readonly epoch = "by hand";
  readonly kept = "memory";
  readonly description = "by hand";
  #follower: Follower | undefined;
  readonly #asked: Asked<never>[] = [];
  readonly #awaited: ((asked: Asked<never>) => void)[] = [];
  /** Whether following waits for the test as well. */
  slowToFollow = false;

  /** The next question, once there is one. */
  next<T>(): Promise<Asked<T>> {
    const asked = this.#asked.shift() as Asked<T> | undefined;
    if (asked) return Promise.resolve(asked);
    return new Promise((resolve) => this.#awaited.push(resolve as (asked: Asked<never>) => void));
  }

  /** The feed brings messages. */
  feed(...seqs: number[]): void {
    this.#follower?.stored(seqs.map(message));
  }

  /** The feed brings a message of another topic. */
  feedOther(seq: number): void {
    this.#follower?.stored([{ ...message(seq), topic: "other" }]);
  }

  /** The feed breaks off. */
  lose(): void {
    this.#follower?.lost(new Error("the network is broken"));
  }

  async read([query]: readonly Query[]): Promise<readonly Page[]> {
    return [await this.#ask<Page>(query)];
  }

  bounds(): Promise<Bounds> {
    return this.#ask();
  }

  standings(_queries: readonly StandingQuery[]): Promise<readonly Standing[]> {
    return this.#ask();
  }

  async follow(to: Follower): Promise<{ readonly from: number } & Disposable> {
    this.#follower = to;
    if (this.slowToFollow) await this.#ask();
    return { from: 0, [Symbol.dispose]: () => {} };
  }

  append = () => Promise.reject(new Error("not by hand"));
  positionAt = () => Promise.reject(new Error("not by hand"));
  topics = () => Promise.reject(new Error("not by hand"));
  trim = () => Promise.resolve(false);
  recalls = () => Promise.resolve(true);
  forget = () => Promise.resolve();
  [Symbol.asyncDispose] = () => Promise.resolve();

  #ask<T>(query?: Query): Promise<T> {
    const { promise, resolve: answer, reject: refuse } = Promise.withResolvers<T>();
    const asked = { query, answer, refuse } as Asked<never>;
    const awaited = this.#awaited.shift();
    if (awaited) awaited(asked);
    else this.#asked.push(asked);
    return promise;
  }
}
