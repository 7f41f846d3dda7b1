/**
 * A connection: the calls of its user, turned into requests.
 *
 * @module
 */

import type { Answer, Kept, TopicEntry, Welcome } from "../protocol/answers.ts";
import { encodeBody, tooLarge } from "../protocol/body.ts";
import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import { DEFAULT_WAIT, FRAME_BYTES, MAX_WAIT } from "../protocol/limits.ts";
import { kindOf, seen, topicFault } from "../protocol/text.ts";
import type {
  Connection,
  MessageStream,
  ReadOptions,
  SubscribeOptions,
  WaitOptions,
} from "./api.ts";
import { badAnswer, type Link } from "./link.ts";
import { toWire } from "./options.ts";
import { type Message, Reads } from "./reads.ts";
import { Subscription } from "./subscription.ts";

/** A connection over a link. */
export class LinkedConnection implements Connection {
  readonly url: string;
  readonly kept: Kept;
  readonly #link: Link;
  readonly #reads: Reads;
  readonly #limits: Welcome["limits"];

  /**
   * Makes a connection.
   *
   * @param link an open link
   * @param welcome what the server said of itself
   */
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
    if (!Number.isSafeInteger(seq)) throw badAnswer("put", topic);
    return seq!;
  }

  async putMany(topic: string, messages: readonly string[]): Promise<number[]> {
    requireTopic("put", topic);
    if (!Array.isArray(messages)) {
      throw new TypeError(`Cannot put messages: they are ${kindOf(messages)}, not an array`);
    }
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
    this.#link.requireOpen({ action: "put", topic });
    const asked = parts.map((part) => this.#putPart(topic, part));
    return joined(topic, parts, await Promise.allSettled(asked));
  }

  async #putPart(topic: string, messages: readonly string[]): Promise<readonly number[]> {
    const { seqs } = await this.#link.ask({ action: "put", topic, messages }).answer;
    if (!Array.isArray(seqs) || seqs.length !== messages.length) throw badAnswer("put", topic);
    return seqs;
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
    { mode = "oldest", timeout = DEFAULT_WAIT, signal }: ReadOptions = {},
  ): Promise<Message | undefined> {
    requireTopic("get", topic);
    if (mode === "newest") return await this.#reads.newest(topic);
    if (mode === "oldest") return await this.#reads.oldest(topic);
    if (mode !== "wait") {
      throw new RangeError(`Cannot get: mode is "oldest", "newest" or "wait", got ${seen(mode)}`);
    }
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
      if (!Array.isArray(answer.topics)) throw badAnswer("list topics");
      found.push(...answer.topics);
      // A page without topics is the last, whatever it says.
      more = answer.more === true && answer.topics.length > 0;
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
  settled: readonly PromiseSettledResult<readonly number[]>[],
): number[] {
  const failure = settled.find((part) => part.status === "rejected");
  if (!failure) return settled.flatMap((part) => part.status === "fulfilled" ? part.value : []);
  const outcomes = settled.flatMap((part, i): readonly PutOutcome[] => {
    if (part.status === "fulfilled") return part.value;
    const { code, message, outcomes } = part.reason as DsmqError;
    return outcomes ?? parts[i]!.map(() => ({ code, message }));
  });
  const { code, message } = failure.reason as DsmqError;
  throw new DsmqError(code, message, { topic, outcomes, cause: failure.reason });
}
