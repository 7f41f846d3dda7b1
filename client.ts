/**
 * The client: puts messages into a server's topics and gets them out. It uses nothing but what browsers have.
 *
 * ```ts
 * import { connect } from "@dsmq/server/client";
 * ```
 *
 * @module
 */

import type { Answer, Kept, TopicEntry } from "./protocol/answers.ts";
import {
  DsmqError,
  type DsmqErrorDetails,
  type ErrorCode,
  type PutOutcome,
  type WireError,
} from "./protocol/errors.ts";
import { DEFAULT_WAIT, FRAME_BYTES, MAX_WAIT } from "./protocol/limits.ts";
import type { OnGap } from "./protocol/requests.ts";
import { encodeBody, tooLarge } from "./protocol/requests.ts";
import { kindOf, topicFault } from "./protocol/text.ts";
import type { Welcome } from "./protocol/answers.ts";
import { reach } from "./client/connecting.ts";
import type { Link } from "./client/link.ts";
import { checked, type ConnectOptions, type Since, type Socket, toWire } from "./client/options.ts";
import { type Message, Reads } from "./client/reads.ts";
import { Subscription } from "./client/subscription.ts";

export { DsmqError };
export type {
  ConnectOptions,
  DsmqErrorDetails,
  ErrorCode,
  Kept,
  Message,
  OnGap,
  PutOutcome,
  Since,
  Socket,
  TopicEntry,
  WireError,
};

/** How to wait for a message. */
export interface WaitOptions {
  /** For how long, in milliseconds, at most 2147483647; the server keeps the time. Default: 10000. */
  readonly timeout?: number;
  /** Stops waiting when it aborts. A message that was under way by then is kept for the next read. */
  readonly signal?: AbortSignal;
}

/** How to subscribe. */
export interface SubscribeOptions {
  /** From where. Default: the connection's cursor for the topic. */
  readonly since?: Since;
  /**
   * What to do if messages are gone that should have been delivered: go on with the oldest that there is, or
   * with what comes. Default: the subscription ends with the error `trimmed` or `ahead`.
   */
  readonly onGap?: OnGap;
  /** Ends the subscription, with its reason as the error, when it aborts. */
  readonly signal?: AbortSignal;
}

/** The messages of a topic, one after another; read it with `for await`. It can be read once. */
export type MessageStream = AsyncIterableIterator<Message, undefined> & AsyncDisposable;

/**
 * A connection to a server. It reads only messages stored after it connected, unless told otherwise, and
 * has a cursor of its own for each topic. After {@linkcode Connection.close}, or once the line is broken,
 * every call rejects with a {@linkcode DsmqError} of code `closed`.
 */
export interface Connection extends AsyncDisposable {
  /** The address of the server. */
  readonly url: string;
  /** How safely the server keeps messages: `memory` is lost with its process. */
  readonly kept: Kept;

  /**
   * Puts a message into a topic.
   *
   * @param topic 1 to 256 bytes of UTF-8, without control characters
   * @param message any string
   * @returns the sequence number of the message, once it is stored
   * @throws {TypeError | RangeError} if that cannot be a topic or a message
   * @throws {DsmqError} `too_large`, `unavailable`, `stopping`; `unknown_outcome`, if the line broke before the answer
   */
  put(topic: string, message: string): Promise<number>;

  /**
   * Puts messages into a topic, in order. They are checked as a whole before the first is sent.
   *
   * @param topic as for `put`
   * @param messages any strings
   * @returns their sequence numbers, once all are stored
   * @throws as `put`; a {@linkcode DsmqError} lists in `outcomes` what became of each
   */
  putMany(topic: string, messages: readonly string[]): Promise<number[]>;

  /**
   * Gets the oldest unread message.
   *
   * @param topic where from
   * @returns the message, or `""` if there is none
   */
  get(topic: string): Promise<string>;

  /**
   * Gets the newest unread message; what is older is passed over for good.
   *
   * @param topic where from
   * @returns the message, or `""` if there is none
   */
  getLatest(topic: string): Promise<string>;

  /**
   * Gets the oldest unread message, as soon as there is one. The server wakes it; nothing polls.
   *
   * @param topic where from
   * @param options for how long
   * @returns the message, or `""` when the time is over
   */
  getWait(topic: string, options?: WaitOptions): Promise<string>;

  /**
   * Reads as `get`, `getLatest` and `getWait` do, and tells more: a message that is `""` from none at all, its
   * sequence number, and when it was stored.
   *
   * @param topic where from
   * @param options `mode` `"oldest"` by default; with `"wait"` also how long
   * @returns the message, or `undefined` if there is none
   */
  read(
    topic: string,
    options?: WaitOptions & { readonly mode?: "oldest" | "newest" | "wait" },
  ): Promise<Message | undefined>;

  /**
   * Subscribes to a topic. It starts where the connection's cursor is, and moves by itself from there: gets do
   * not move it, nor it them. The server sends no more than about 4 MiB ahead of what is read.
   *
   * @param topic what to subscribe to
   * @param options from where
   * @returns the messages, as they come
   */
  subscribe(topic: string, options?: SubscribeOptions): MessageStream;

  /**
   * Lists the topics that hold messages, in the order of their code points.
   *
   * @param prefix only topics that begin with this. Default: all
   * @returns the topics
   */
  topics(prefix?: string): Promise<TopicEntry[]>;

  /**
   * Stops the server, if it was started with leave for that.
   *
   * @throws {DsmqError} `not_allowed`, if it was not
   */
  shutdownServer(): Promise<void>;

  /** Sends what was put, waits for the answers, ends waits and subscriptions, and hangs up. May be called twice. */
  close(): Promise<void>;
}

/**
 * Connects to a server. While nobody answers it tries again, ten times in about five seconds: the server
 * may still be starting.
 *
 * @param target an address, or options; by default the server of this machine, `ws://127.0.0.1:30008`
 * @returns the connection
 * @throws {TypeError | RangeError} if an option is wrong
 * @throws {DsmqError} `unreachable`, if no server answers
 *
 * @example Put, and get
 * ```ts
 * import { connect, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * console.log(await mq.get("greetings")); // nothing more: an empty string
 * ```
 */
export async function connect(target?: string | URL | ConnectOptions): Promise<Connection> {
  const { link, welcome } = await reach(checked(target));
  return new LinkedConnection(link, welcome);
}

class LinkedConnection implements Connection {
  readonly url: string;
  readonly kept: Kept;
  readonly #link: Link;
  readonly #reads: Reads;
  readonly #limits: Welcome["limits"];

  constructor(link: Link, { kept, limits }: Welcome) {
    this.url = link.url;
    this.kept = kept;
    this.#link = link;
    this.#reads = new Reads(link);
    this.#limits = limits;
  }

  async put(topic: string, message: string): Promise<number> {
    requireTopic("put", topic);
    this.#requireMessage(topic, message);
    const { seq } = await this.#link.ask({ action: "put", topic, message }).answer;
    return seq!;
  }

  async putMany(topic: string, messages: readonly string[]): Promise<number[]> {
    requireTopic("put", topic);
    const parts: string[][] = [];
    let room = 0;
    for (const message of messages) {
      const bytes = this.#requireMessage(topic, message);
      // A request each frame: no frame is much larger than it has to be.
      if (bytes > room) {
        parts.push([]);
        room = FRAME_BYTES;
      }
      room -= bytes;
      parts.at(-1)!.push(message);
    }
    const asked = parts.map((part) =>
      this.#link.ask({ action: "put", topic, messages: part }).answer
    );
    return joined(topic, parts, await Promise.allSettled(asked));
  }

  async get(topic: string): Promise<string> {
    return (await this.read(topic))?.body ?? "";
  }

  async getLatest(topic: string): Promise<string> {
    return (await this.read(topic, { mode: "newest" }))?.body ?? "";
  }

  async getWait(topic: string, options: WaitOptions = {}): Promise<string> {
    return (await this.read(topic, { ...options, mode: "wait" }))?.body ?? "";
  }

  async read(
    topic: string,
    { mode = "oldest", timeout = DEFAULT_WAIT, signal }: WaitOptions & {
      mode?: "oldest" | "newest" | "wait";
    } = {},
  ): Promise<Message | undefined> {
    requireTopic("get", topic);
    if (mode === "newest") return await this.#reads.newest(topic);
    if (mode === "oldest") return await this.#reads.oldest(topic);
    if (!(timeout >= 0 && timeout <= MAX_WAIT)) {
      throw new RangeError(
        `Cannot wait: timeout is milliseconds from 0 to ${MAX_WAIT}, got ${timeout}`,
      );
    }
    return await this.#reads.oldest(topic, Math.ceil(timeout), signal);
  }

  subscribe(topic: string, { since, onGap, signal }: SubscribeOptions = {}): MessageStream {
    requireTopic("subscribe", topic);
    signal?.throwIfAborted();
    const position = since ?? this.#reads.position(topic);
    const { messageBytes } = this.#limits;
    return new Subscription(this.#link, {
      topic,
      since: toWire(position),
      onGap,
      signal,
      messageBytes,
    });
  }

  async topics(prefix = ""): Promise<TopicEntry[]> {
    const found: TopicEntry[] = [];
    for (let more = true; more;) {
      const after = found.at(-1)?.topic ?? "";
      const answer: Answer = await this.#link.ask({ action: "topics", prefix, after }).answer;
      found.push(...answer.topics ?? []);
      more = answer.more ?? false;
    }
    return found;
  }

  async shutdownServer(): Promise<void> {
    await this.#link.ask({ action: "shutdown" }).answer;
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireMessage(topic: string, message: string): number {
    if (typeof message !== "string") {
      throw new TypeError(`Cannot put message: it is ${kindOf(message)}, not a string`);
    }
    const { bytes } = encodeBody(message);
    if (bytes > this.#limits.messageBytes) {
      const [code, sentence, details] = tooLarge(bytes, this.#limits);
      throw new DsmqError(code, sentence, { ...details, topic });
    }
    return bytes;
  }
}

function requireTopic(action: string, topic: string): void {
  const fault = topicFault(topic);
  if (fault === undefined) return;
  const ErrorClass = typeof topic === "string" ? RangeError : TypeError;
  throw new ErrorClass(`Cannot ${action}: ${fault}`);
}

/** The sequence numbers of all parts; if one failed, an error that says what became of each message. */
function joined(
  topic: string,
  parts: readonly string[][],
  settled: readonly PromiseSettledResult<Answer>[],
): number[] {
  const failure = settled.find(({ status }) => status === "rejected") as
    | PromiseRejectedResult
    | undefined;
  if (!failure) {
    return settled.flatMap((part) => (part as PromiseFulfilledResult<Answer>).value.seqs ?? []);
  }
  const outcomes = settled.flatMap((part, i): PutOutcome[] => {
    if (part.status === "fulfilled") return [...part.value.seqs ?? []];
    const { code, message, outcomes } = part.reason as DsmqError;
    return outcomes ? [...outcomes] : parts[i]!.map(() => ({ code, message }));
  });
  const { code, message } = failure.reason as DsmqError;
  throw new DsmqError(code, message, { topic, outcomes, cause: failure.reason });
}
