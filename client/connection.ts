/**
 * A connection: the calls of its user, turned into requests.
 *
 * @module
 */

import type { Answer, Kept, TopicEntry } from "../protocol/answers.ts";
import { type Body, encodeBody, tooLarge } from "../protocol/body.ts";
import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import { DEFAULT_WAIT, FRAME_BYTES, LIMITS, type Limits, MAX_WAIT } from "../protocol/limits.ts";
import { kindOf, seen } from "../protocol/text.ts";
import type {
  Connection,
  MessageStream,
  ReadOptions,
  SubscribeOptions,
  WaitOptions,
} from "./api.ts";
import { badAnswer, members } from "./asked.ts";
import type { Link } from "./link.ts";
import type { Message } from "./message.ts";
import { toWire } from "./options.ts";
import { numbered, Puts } from "./puts.ts";
import { Reads } from "./reads.ts";
import type { State, StateChange } from "./states.ts";
import { Subscription } from "./subscription.ts";
import { TopicNames } from "./topic.ts";

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
    this.#topics = new TopicNames(this.#limits.topicBytes ?? LIMITS.topicBytes.usual);
  }

  get url(): string {
    return this.#link.url;
  }

  get kept(): Kept {
    return this.#link.welcome.kept;
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

  put(topic: string, message: string): Promise<number> {
    try {
      const named = this.#topics.named("put", topic);
      // A character takes up to six bytes: the size of a short one need not be known.
      if (!(typeof message === "string" && 6 * message.length + 2 <= this.#limits.messageBytes)) {
        this.#body(topic, message);
      }
      return this.#puts.put(named, message);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async putMany(topic: string, messages: readonly string[]): Promise<number[]> {
    const { json } = this.#topics.named("put", topic);
    if (!Array.isArray(messages)) {
      throw new TypeError(`Cannot put messages: they are ${kindOf(messages)}, not an array`);
    }
    const parts: string[][] = [];
    let room = 0;
    for (const message of messages) {
      const { body, bytes } = this.#body(topic, message);
      // A request each frame: no frame is much larger than it has to be.
      if (bytes > room) {
        parts.push([]);
        room = FRAME_BYTES;
      }
      room -= bytes;
      parts.at(-1)!.push(body);
    }
    this.#link.requireOpen({ action: "put", topic });
    const asked = parts.map((part) => this.#putPart(topic, json, part));
    return joined(topic, parts, await Promise.allSettled(asked));
  }

  #putPart(topic: string, json: string, bodies: readonly string[]): Promise<readonly number[]> {
    const n = numbered(this.#link.number(bodies.length));
    const members = `"topic":${json},"messages":[${bodies.join()}]${n}`;
    return this.#link.request("put", topic, members, ({ seqs }) => {
      if (!Array.isArray(seqs) || seqs.length !== bodies.length) throw badAnswer("put", topic);
      return seqs;
    });
  }

  get(topic: string): Promise<string> {
    try {
      return this.#reads.oldest(this.#topics.named("get", topic), bodyOf);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async getLatest(topic: string): Promise<string> {
    return bodyOf(await this.read(topic, { mode: "newest" }));
  }

  getWait(topic: string, options: WaitOptions = {}): Promise<string> {
    try {
      return this.#wait(topic, options, bodyOf);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async read(topic: string, options: ReadOptions = {}): Promise<Message | undefined> {
    const { mode = "oldest" } = options;
    if (mode === "wait") return await this.#wait(topic, options, itself);
    const named = this.#topics.named("get", topic);
    if (mode === "oldest") return await this.#reads.oldest(named, itself);
    if (mode === "newest") return await this.#reads.newest(named);
    throw new RangeError(`Cannot get: mode is "oldest", "newest" or "wait", got ${seen(mode)}`);
  }

  subscribe(topic: string, { since, onGap, signal }: SubscribeOptions = {}): MessageStream {
    this.#topics.named("subscribe", topic);
    signal?.throwIfAborted();
    const position = since ?? this.#reads.position(topic);
    return new Subscription(this.#link, {
      topic,
      since: toWire(position),
      onGap,
      signal,
      limits: this.#limits,
    });
  }

  async topics(prefix = ""): Promise<TopicEntry[]> {
    const found: TopicEntry[] = [];
    for (let more = true; more;) {
      const after = found.at(-1)?.topic ?? "";
      const answer: Answer = await this.#link.request(
        "topics",
        undefined,
        members({ prefix, after }),
        (answer) => answer,
      );
      if (!Array.isArray(answer.topics)) throw badAnswer("list topics");
      found.push(...answer.topics);
      // A page without topics is the last, whatever it says.
      more = answer.more === true && answer.topics.length > 0;
    }
    return found;
  }

  async shutdownServer(): Promise<void> {
    await this.#link.request("shutdown", undefined, "", () => {});
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #wait<T>(
    topic: string,
    { timeout = DEFAULT_WAIT, signal }: WaitOptions,
    make: (message: Message | undefined) => T,
  ): Promise<T> {
    const named = this.#topics.named("get", topic);
    if (!(timeout >= 0 && timeout <= MAX_WAIT)) {
      throw new RangeError(
        `Cannot wait: timeout is milliseconds from 0 to ${MAX_WAIT}, got ${timeout}`,
      );
    }
    signal?.throwIfAborted();
    return this.#reads.oldest(named, make, { timeout: Math.ceil(timeout), signal });
  }

  #body(topic: string, message: string): Body {
    if (typeof message !== "string") {
      throw new TypeError(`Cannot put message: it is ${kindOf(message)}, not a string`);
    }
    const body = encodeBody(message);
    if (body.bytes > this.#limits.messageBytes) {
      const [code, sentence, details] = tooLarge(body.bytes, this.#limits);
      throw new DsmqError(code, sentence, { ...details, topic });
    }
    return body;
  }
}

function itself(message: Message | undefined): Message | undefined {
  return message;
}

function bodyOf(message: Message | undefined): string {
  return message?.body ?? "";
}

/** The sequence numbers of all parts; if one failed, an error that says what became of each message. */
function joined(
  topic: string,
  parts: readonly string[][],
  settled: readonly PromiseSettledResult<readonly number[]>[],
): number[] {
  const failure = settled.find((part) => part.status === "rejected");
  if (!failure) return settled.flatMap((part) => part.status === "fulfilled" ? part.value : []);
  const outcomes = settled.flatMap((part, i): readonly PutOutcome[] => {
    if (part.status === "fulfilled") return part.value;
    const { code, message, outcomes } = part.reason as DsmqError;
    return outcomes ?? parts[i]!.map(() => ({ code, message }));
  });
  const { code, message, limit } = failure.reason as DsmqError;
  const details = limit === undefined ? { topic } : { topic, limit };
  throw new DsmqError(code, message, { ...details, outcomes, cause: failure.reason });
}
