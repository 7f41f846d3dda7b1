/**
 * A connection: the calls of its user, turned into requests.
 *
 * @module
 */

import type { Kept, TopicEntry } from "../protocol/answers.ts";
import { encodeBody, tooLarge } from "../protocol/body.ts";
import { DsmqError } from "../protocol/errors.ts";
import { DEFAULT_WAIT, type Limits, TOPICS_PAGE } from "../protocol/limits.ts";
import { kindOf, seen } from "../protocol/text.ts";
import type {
  Connection,
  MessageStream,
  ReadOptions,
  SubscribeOptions,
  WaitOptions,
} from "./api.ts";
import {
  refuseOptions,
  requireGapChoice,
  requireOptions,
  requireSignal,
  requireTimeout,
} from "./arguments.ts";
import { members } from "./asked.ts";
import type { Link } from "./link.ts";
import type { Message } from "./message.ts";
import { Puts } from "./puts.ts";
import { Reads } from "./reads.ts";
import { toWire } from "./since.ts";
import type { State, StateChange } from "./states.ts";
import { Subscription } from "./subscription.ts";
import { TopicNames } from "./topic.ts";
import { TopicList } from "./topic_list.ts";

const WAIT_OPTIONS = ["timeout", "signal"] as const satisfies (keyof WaitOptions)[];
const READ_OPTIONS = ["mode", ...WAIT_OPTIONS] as const satisfies (keyof ReadOptions)[];
const SUBSCRIBE_OPTIONS = [
  "since",
  "onGap",
  "signal",
] as const satisfies (keyof SubscribeOptions)[];

/** A connection over a link. */
export class LinkedConnection implements Connection {
  readonly #link: Link;
  readonly #puts: Puts;
  readonly #reads: Reads;
  readonly #topics: TopicNames;

  /**
   * Makes a connection.
   *
   * @param link an open link
   */
  constructor(link: Link) {
    this.#link = link;
    this.#puts = new Puts(link);
    this.#reads = new Reads(link);
    this.#topics = new TopicNames(() => this.#limits.topicBytes);
  }

  get url(): string {
    return this.#link.url;
  }

  get kept(): Kept {
    return this.#link.welcome.kept;
  }

  get maxMessageBytes(): number {
    return this.#limits.messageBytes;
  }

  get pending(): number {
    return this.#link.pending;
  }

  get state(): State {
    return this.#link.states.state;
  }

  states(): AsyncIterableIterator<StateChange, undefined> {
    return this.#link.states.watch();
  }

  get #limits(): Limits {
    return this.#link.welcome.limits;
  }

  put(topic: string, message: string, none?: unknown): Promise<number> {
    try {
      refuseOptions("put", none);
      const named = this.#topics.named("put", topic);
      return this.#puts.put(named, this.#checked(topic, message));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async putMany(topic: string, messages: readonly string[], none?: unknown): Promise<number[]> {
    refuseOptions("putMany", none);
    const named = this.#topics.named("put", topic);
    if (!Array.isArray(messages)) {
      throw new TypeError(`Cannot put messages: they must be an array, got ${kindOf(messages)}`);
    }
    // Checked as a whole before the first is sent; and a copy, which stays as it is.
    const bodies = Array.from(messages, (message: string) => this.#checked(topic, message));
    this.#link.requests.requireOpen({ action: "put", topic });
    return await this.#puts.putMany(named, bodies);
  }

  get(topic: string, none?: unknown): Promise<string> {
    try {
      refuseOptions("get", none);
      return this.#reads.oldest(this.#topics.named("get", topic), bodyOf);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async getLatest(topic: string, none?: unknown): Promise<string> {
    refuseOptions("getLatest", none);
    return bodyOf(await this.#reads.newest(this.#topics.named("get", topic)));
  }

  getWait(topic: string, options: WaitOptions = {}): Promise<string> {
    try {
      requireOptions("wait", options, WAIT_OPTIONS);
      return this.#wait("wait", topic, options, bodyOf);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async read(topic: string, options: ReadOptions = {}): Promise<Message | undefined> {
    requireOptions("read", options, READ_OPTIONS);
    const { mode, timeout, signal } = options;
    if (mode === "wait") return await this.#wait("read", topic, options, itself);
    requireMode(options);
    if (timeout !== undefined) requireTimeout("read", timeout);
    requireSignal("read", signal);
    const named = this.#topics.named("get", topic);
    signal?.throwIfAborted();
    if (mode === "newest") return await this.#reads.newest(named);
    return await this.#reads.oldest(named, itself);
  }

  subscribe(topic: string, options: SubscribeOptions = {}): MessageStream {
    this.#topics.named("subscribe", topic);
    requireOptions("subscribe", options, SUBSCRIBE_OPTIONS);
    const { since, onGap, signal } = options;
    requireGapChoice(onGap);
    requireSignal("subscribe", signal);
    signal?.throwIfAborted();
    this.#link.requireRoom("subscribe", topic);
    const fromCursor = since === undefined && !this.#link.requests.ended;
    return new Subscription(this.#link, {
      topic,
      since: this.#link.storeClock.fixed(toWire(since)),
      queue: fromCursor ? this.#reads.queueOf(topic) : undefined,
      onGap,
      signal,
      limits: this.#limits,
    });
  }

  async topics(prefix = "", none?: unknown): Promise<TopicEntry[]> {
    refuseOptions("topics", none, "a prefix alone");
    if (typeof prefix !== "string") {
      throw new TypeError(`Cannot list topics: prefix must be a string, got ${seen(prefix)}`);
    }
    if (!prefix.isWellFormed()) {
      throw new RangeError("Cannot list topics: prefix must have no lone surrogates");
    }
    this.#link.requireRoom("list topics");
    const list = new TopicList(prefix);
    let count = TOPICS_PAGE;
    for (let more = true; more;) {
      try {
        const asked = members({ prefix, after: list.last, count });
        more = await this.#link.request("topics", asked, (answer) => list.add(answer, count));
      } catch (error) {
        if (count === 1 || !(error instanceof DsmqError && error.code === "refused")) throw error;
        // A smaller page may come through.
        count = Math.ceil(count / 32);
      }
    }
    return list.entries;
  }

  async shutdownServer(none?: unknown): Promise<void> {
    refuseOptions("shutdownServer", none);
    await this.#link.request("shutdown", "", () => {});
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #wait<T>(
    action: string,
    topic: string,
    { timeout = DEFAULT_WAIT, signal }: WaitOptions,
    make: (message: Message | undefined) => T,
  ): Promise<T> {
    const named = this.#topics.named("get", topic);
    requireTimeout(action, timeout);
    requireSignal(action, signal);
    signal?.throwIfAborted();
    return this.#reads.oldest(named, make, { timeout: Math.ceil(timeout), signal });
  }

  /** A message that the server will take. */
  #checked(topic: string, message: string): string {
    const { messageBytes } = this.#limits;
    // A character takes up to six bytes: the size of a short one need not be known.
    if (typeof message === "string" && 6 * message.length + 2 <= messageBytes) return message;
    if (typeof message !== "string") {
      throw new TypeError(`Cannot put message: it must be a string, got ${kindOf(message)}`);
    }
    const { bytes } = encodeBody(message);
    if (bytes <= messageBytes) return message;
    const [code, sentence, details] = tooLarge(bytes, this.#limits);
    throw new DsmqError(code, sentence, { ...details, topic });
  }
}

/** Of a read that does not wait. */
function requireMode({ mode, timeout, signal }: ReadOptions): void {
  if (mode !== undefined && mode !== "oldest" && mode !== "newest") {
    const words = '"oldest", "newest" or "wait"';
    throw new RangeError(`Cannot read: mode must be ${words}, got ${seen(mode)}`);
  }
  if (mode === undefined && (timeout !== undefined || signal !== undefined)) {
    const what = timeout === undefined ? "signal" : "timeout";
    throw new TypeError(`Cannot read: ${what} is for a read that waits (mode: "wait")`);
  }
}

function itself(message: Message | undefined): Message | undefined {
  return message;
}

function bodyOf(message: Message | undefined): string {
  return message?.body ?? "";
}
