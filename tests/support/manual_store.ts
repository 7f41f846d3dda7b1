/**
 * A store controlled by the test: it decides when a call is answered, and what the feed brings.
 *
 * @module
 */

import type {
  Command,
  CommandBatch,
  Follower,
  MessagePage,
  MessageQuery,
  Result,
  Store,
  StoreBounds,
  TopicBounds,
  TopicBoundsQuery,
  TopicMessage,
} from "../../stores/store.ts";

/** A message of topic `t`. */
export function message(seq: number): TopicMessage {
  const body = JSON.stringify(`message ${seq}`);
  return { seq, time: 0, topic: "t", body, bytes: body.length };
}

/** A page of topic `t` that was read up to a number. */
export function page(through: number, ...seqs: number[]): MessagePage {
  return { messages: seqs.map(message), through, floor: 0 };
}

interface PendingCall<T> {
  readonly query: MessageQuery | undefined;
  readonly reply: (value: T) => void;
  readonly refuse: (error: Error) => void;
}

/** Reads, bounds, standings and follows wait for the test; nothing else is of use. */
export class ManualStore implements Store {
  readonly id = "by hand";
  readonly epoch = "by hand";
  readonly durability = "memory";
  readonly description = "by hand";
  #follower: Follower | undefined;
  readonly #calls: PendingCall<never>[] = [];
  readonly #waiting: ((call: PendingCall<never>) => void)[] = [];
  /** Whether following waits for the test as well. */
  slowToFollow = false;

  /** The next call, once there is one. */
  next<T>(): Promise<PendingCall<T>> {
    const call = this.#calls.shift() as PendingCall<T> | undefined;
    if (call) return Promise.resolve(call);
    return new Promise((resolve) =>
      this.#waiting.push(resolve as (call: PendingCall<never>) => void)
    );
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

  /** Takes what puts no messages. */
  apply<C extends Command>({ commands }: CommandBatch<C>): Promise<readonly Result<C>[]> {
    if (commands.some(({ type }) => type === "put")) {
      return Promise.reject(new Error("not by hand"));
    }
    return Promise.resolve(commands.map(() => ({}) as Result<C>));
  }

  async read([query]: readonly MessageQuery[]): Promise<readonly MessagePage[]> {
    return [await this.#call<MessagePage>(query)];
  }

  bounds(): Promise<StoreBounds> {
    return this.#call();
  }

  topicBounds(_queries: readonly TopicBoundsQuery[]): Promise<readonly TopicBounds[]> {
    return this.#call();
  }

  async follow(to: Follower): Promise<{ readonly from: number } & Disposable> {
    this.#follower = to;
    if (this.slowToFollow) await this.#call();
    return { from: 0, [Symbol.dispose]: () => {} };
  }

  seqBefore = () => Promise.reject(new Error("not by hand"));
  topics = () => Promise.reject(new Error("not by hand"));
  groups = () => Promise.reject(new Error("not by hand"));
  deadJobs = () => Promise.reject(new Error("not by hand"));
  readonly holdsJobs = false;
  readonly nextDue = undefined;
  trim = () => Promise.resolve(false);
  isDedupComplete = () => Promise.resolve(true);
  now = () => 0;
  [Symbol.asyncDispose] = () => Promise.resolve();

  #call<T>(query?: MessageQuery): Promise<T> {
    const { promise, resolve: reply, reject: refuse } = Promise.withResolvers<T>();
    const call = { query, reply, refuse } as PendingCall<never>;
    const waiting = this.#waiting.shift();
    if (waiting) waiting(call);
    else this.#calls.push(call);
    return promise;
  }
}
