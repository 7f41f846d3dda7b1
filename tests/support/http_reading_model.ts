/**
 * What readers of plain HTTP are told, compared with everything that was ever put: each message once and in order, and what is
 * gone once, where it is missing.
 *
 * @module
 */

import { afterNetworkPoll } from "../../budgets/after_network_poll.ts";
import type { TopicFilter } from "../../protocol/requests.ts";
import type { Random } from "../../testing/seeded.ts";
import { EventReader } from "./event_reader.ts";
import type { MemoryHttp } from "./memory_http.ts";

/** What was put, by its number. */
export type PutLog = Map<number, { readonly topic: string; readonly body: string }>;

/** A message, or a gap, as JSON. */
interface Told {
  readonly seq?: number;
  readonly body?: string;
  readonly topic?: string;
  readonly code?: string;
  readonly position: string;
}

/** After so many turns all has come that a stream has now. Readers let others have their turn once or twice meanwhile. */
const TURNS = 8;

/** One turn of the event loop, in which also the network is looked at. */
export const turn = () => new Promise<void>(afterNetworkPoll);

/** A reader that goes on from position to position, with responses of all forms. */
export class ModelReader {
  isFollowing = false;
  readonly #http: MemoryHttp;
  readonly #log: PutLog;
  readonly #filter: TopicFilter;
  readonly #random: Random;
  #seq = 0;
  #position: string | undefined;
  /** What was gone when the first request began: no gap for that. */
  #goneBefore: ReadonlySet<number> = new Set();
  /** Of a prefix: what was gone before the message that was read instead. A gap has to tell it. */
  readonly #owed = new Set<number>();
  #stream: EventReader | undefined;
  #pending: Promise<unknown> | undefined;

  constructor(http: MemoryHttp, log: PutLog, filter: TopicFilter, random: Random) {
    this.#http = http;
    this.#log = log;
    this.#filter = filter;
    this.#random = random;
  }

  /** Reads the next message, or a page. Returns whether there was anything. */
  async read(): Promise<boolean> {
    const isText = this.#random(2) === 0;
    const after = await this.#after();
    const count = isText ? "" : `&count=${1 + this.#random(4)}`;
    const response = await this.#http.get(this.#path(`after=${after}${count}`));
    const { status, headers } = response;
    const position = headers.get("dsmq-position")!;
    if (status === 410) return await this.#take(await response.json());
    if (status === 204) return await this.#nothing(position);
    if (status !== 200) throw this.#fault(`${status} ${await response.text()}`);
    if (isText) {
      const topic = headers.get("dsmq-topic");
      return await this.#take({
        seq: Number(headers.get("dsmq-seq")),
        body: await response.text(),
        position,
        ...(topic !== null && { topic: decodeURIComponent(topic) }),
      });
    }
    const { messages, next } = await response.json();
    if (messages.length === 0) return await this.#nothing(next);
    for (const message of messages) await this.#take(message);
    return next === this.#position || Promise.reject(this.#fault(`the page leads to ${next}`));
  }

  /** Begins to follow. */
  async follow(): Promise<void> {
    this.isFollowing = true;
    const isFirst = this.#position === undefined;
    const after = await this.#after();
    const isLines = this.#random(2) === 0;
    const accept = isLines ? "application/x-ndjson" : "text/event-stream";
    const headers: Record<string, string> = { accept };
    if (!isFirst && !isLines) headers["last-event-id"] = after;
    const query = "last-event-id" in headers ? "after=start" : `after=${after}`;
    const response = await this.#http.get(this.#path(query), { headers });
    this.#stream = new EventReader(response, isLines ? "\n" : "\n\n");
    const begun = response.headers.get("dsmq-position")!;
    if (isFirst) await this.#nothing(begun, false);
    else if (begun !== this.#position) throw this.#fault(`the stream begins at ${begun}`);
  }

  /** Takes what the stream has now, at most so many parts of it. */
  async takeStreamed(parts: number): Promise<void> {
    for (let i = 0; i < parts && this.#stream; i++) {
      const pending: Promise<unknown> = this.#pending ??= this.#stream.part();
      let part: unknown;
      const taken = pending.then((value) => void (part = value));
      for (let turns = 0; part === undefined && turns < TURNS; turns++) await turn();
      if (part === undefined) return;
      await taken;
      this.#pending = undefined;
      await this.#onPart(`${part}`);
    }
  }

  /** Breaks off: what was sent and not taken is read again. */
  async breakOff(): Promise<void> {
    this.isFollowing = false;
    const stream = this.#stream;
    this.#stream = undefined;
    await stream?.[Symbol.asyncDispose]();
    await this.#pending?.catch(() => {});
    this.#pending = undefined;
  }

  /** Reads to the end: nothing is left then, nor untold. */
  async finish(): Promise<void> {
    if (this.isFollowing) {
      await this.takeStreamed(Infinity);
      const left = await this.#readable(this.#seq, Infinity);
      if (left.length > 0) throw this.#fault(`the stream has not brought ${left}`);
      await this.breakOff();
    }
    while (await this.read());
    if (this.#owed.size > 0) throw this.#fault(`was never told of ${[...this.#owed]}`);
  }

  async #onPart(part: string): Promise<void> {
    if (part === "" || part.startsWith(":")) return;
    const event = part.startsWith("{") ? undefined : part.split("\n");
    const id = event?.find((line) => line.startsWith("id: "))?.slice(4);
    const data = event ? event.find((line) => line.startsWith("data: "))?.slice(6) : part;
    if (data === undefined) return;
    const told = JSON.parse(data);
    const item: Told = told.gap ?? told;
    if (event && id !== item.position) throw this.#fault(`the id ${id} is not ${item.position}`);
    await this.#take(item);
  }

  #path(query: string): string {
    const { topic, prefix } = this.#filter;
    return prefix === undefined
      ? `/topics/${topic}?${query}`
      : `/messages?prefix=${prefix}&${query}`;
  }

  async #after(): Promise<string> {
    if (this.#position !== undefined) {
      // A position does not say what was gone when its reader began.
      this.#goneBefore = new Set();
      return this.#position;
    }
    const left = new Set(await this.#readable(0, Infinity));
    this.#goneBefore = new Set(this.#put(0, Infinity).filter((seq) => !left.has(seq)));
    return "start";
  }

  /** Takes a message, or a gap. */
  async #take({ seq, body, topic, code, position }: Told): Promise<true> {
    const from = this.#seq;
    const to = this.#seqOf(position);
    if (to <= from) throw this.#fault(`goes from ${from} back to ${to}`);
    const left = await this.#readable(from, code ? to : to - 1);
    if (left.length > 0) throw this.#fault(`${code ?? "a message"} passes over ${left}`);
    const missing = this.#missing(from, code ? to : to - 1);
    if (code === undefined) {
      const put = this.#log.get(to);
      const isNamed = this.#filter.prefix !== undefined;
      const isRight = seq === to && put?.body === body &&
        topic === (isNamed ? put?.topic : undefined);
      if (!isRight || !this.#isOf(put!.topic)) throw this.#fault(`${to} is another message`);
      if (missing.length > 0 && !isNamed) throw this.#fault(`was not told of ${missing}`);
      for (const one of missing) this.#owed.add(one);
    } else {
      const told = [...this.#owed].filter((one) => one <= to);
      for (const one of told) this.#owed.delete(one);
      if (code !== "trimmed" || missing.length + told.length === 0) {
        throw this.#fault(`${code} from ${from} to ${to}, where nothing is missing`);
      }
    }
    [this.#seq, this.#position] = [to, position];
    return true;
  }

  /** There is nothing up to a position, nor, unless a stream begins there, behind it. */
  async #nothing(position: string, isEnd = true): Promise<false> {
    const to = this.#seqOf(position);
    const [left, missing] = [
      await this.#readable(this.#seq, isEnd ? Infinity : to),
      this.#missing(this.#seq, to),
    ];
    if (to < this.#seq || left.length + missing.length > 0) {
      throw this.#fault(`nothing up to ${to}, but ${[...left, ...missing]}`);
    }
    [this.#seq, this.#position] = [to, position];
    return false;
  }

  #missing(after: number, through: number): number[] {
    return this.#put(after, through).filter((seq) => !this.#goneBefore.has(seq));
  }

  #isOf(name: string): boolean {
    const { topic, prefix } = this.#filter;
    return prefix === undefined ? name === topic : name.startsWith(prefix);
  }

  /** What was ever put after one number and up to another. */
  #put(after: number, through: number): number[] {
    return [...this.#log]
      .filter(([seq, { topic }]) => seq > after && seq <= through && this.#isOf(topic))
      .map(([seq]) => seq);
  }

  /** What of that can be read. */
  async #readable(after: number, through: number): Promise<number[]> {
    const query = { prefix: "", after, count: 100_000, bytes: Infinity };
    const [page] = await this.#http.queue.store.read([query]);
    return page!.messages
      .filter(({ seq, topic }) => seq <= through && this.#isOf(topic))
      .map(({ seq }) => seq);
  }

  #seqOf(position: string): number {
    const [epoch, seq] = position.split(":");
    if (epoch !== this.#http.queue.store.epoch) throw this.#fault(`wrong epoch in ${position}`);
    return Number(seq);
  }

  #fault(what: string): Error {
    return new Error(`A reader of ${JSON.stringify(this.#filter)} at ${this.#seq}: ${what}`);
  }
}
