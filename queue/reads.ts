/**
 * How one connection reads: its cursors, and the verbs that move them.
 *
 * @module
 */

import { plainAnswer, readAnswer } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import type { GetRequest, Request, RequestOf } from "../protocol/requests.ts";
import type { Message } from "../stores/store.ts";
import { done, fail, type Host, idInUse, wireError } from "./host.ts";
import { Outbox } from "./outbox.ts";
import { Pages } from "./pages.ts";
import type { Position } from "./positions.ts";
import { Reader } from "./reader.ts";
import { Wait } from "./wait.ts";
import { BUFFER_LIMIT, type Wire } from "./wire.ts";

/** At most so many `get`s are answered between two looks at how much the peer has yet to read. */
const GETS = 1024;

/** How often to look which cursors can be forgotten, when there may be no more, in milliseconds. */
const FORGET_EVERY = 1000;

/** The cursors of a connection and those who wait on them. */
export class Reads {
  readonly #host: Host;
  readonly #wire: Wire;
  /** By topic; there once something was read, as most that is in here: connections at rest are many. */
  #readers: Map<string, Reader> | undefined;
  /** Those who wait, by id. */
  #waits: Map<number, Wait> | undefined;
  /** Answers that come after those of their frame: a message for a waiter, or the end of its time. */
  #late: Outbox | undefined;
  #flushing = false;
  /** When it was last looked which readers can be forgotten. */
  #forgotAt = -Infinity;

  /** Where topics start that have not been read. */
  start: Position;

  /**
   * Makes it.
   *
   * @param host what is shared with other connections
   * @param wire takes answers that come late
   * @param start where topics start
   */
  constructor(host: Host, wire: Wire, start: Position) {
    this.#host = host;
    this.#wire = wire;
    this.start = start;
  }

  /** The reader of a request's topic; or there may be no more, and the request fails. */
  async readerFor(
    request: Request & { readonly topic: string },
    out: Outbox,
  ): Promise<Reader | undefined> {
    if (this.#isFull(1)) await this.#forget();
    return this.#placed(request, out);
  }

  #placed(request: Request & { readonly topic: string }, out: Outbox): Reader | undefined {
    const reader = this.#reader(request.topic);
    if (!reader) fail(this.#host, request, this.#full(), out);
    return reader;
  }

  /** The reader of a topic, if there is room for it; a topic that was not read before begins at the start. */
  #reader(topic: string): Reader | undefined {
    const readers = this.#readers ??= new Map();
    let reader = readers.get(topic);
    if (!reader && readers.size < this.#host.welcome.limits.cursors) {
      reader = new Reader(this.#host.queue, this.#wire, topic, this.start);
      readers.set(topic, reader);
    }
    return reader;
  }

  /** Whether there may not be room for so many topics more. */
  #isFull(more: number): boolean {
    return (this.#readers?.size ?? 0) + more > this.#host.welcome.limits.cursors;
  }

  #full(): WireError {
    return tooMany(
      "read topic",
      this.#host.welcome.limits.cursors,
      "its connection reads too many others",
    );
  }

  /** Forgets readers that would be the same if they were new; only between requests, for those hold on to theirs. */
  async #forget(): Promise<void> {
    const { store, clock } = this.#host.queue;
    const now = clock.now();
    // To go through them all takes time; a clock that was set back is no reason to wait.
    if (Math.abs(now - this.#forgotAt) < FORGET_EVERY) return;
    this.#forgotAt = now;
    const { floor } = await store.bounds();
    if (this.start.gap !== undefined || this.start.after > floor) return;
    for (const [topic, reader] of this.#readers ?? []) {
      if (reader.isWorthless(floor)) this.#readers!.delete(topic);
    }
  }

  /** Why it cannot read these topics as well; or nothing, if there is room for them. */
  async refusal(topics: readonly string[]): Promise<WireError | undefined> {
    const more = () => topics.filter((topic) => !this.#readers?.has(topic)).length;
    if (!this.#isFull(more())) return undefined;
    await this.#forget();
    return this.#isFull(more()) ? this.#full() : undefined;
  }

  /** Goes on from positions that the client knows better; there is room for them. */
  place(positions: ReadonlyMap<string, Position>): void {
    for (const [topic, position] of positions) this.#reader(topic)?.move(position);
  }

  /** Some who wait may not have been given yet what the feed has brought. */
  get catchingUp(): boolean {
    return this.#waits !== undefined && this.#waits.size > 0 &&
      [...this.#readers!.values()].some(({ reading }) => reading);
  }

  /** Answers with the oldest unread message, or the newest. */
  async get(request: GetRequest, out: Outbox): Promise<void> {
    // Mostly there is room, and to wait for nothing takes time, too.
    if (this.#isFull(1)) await this.#forget();
    const reader = this.#placed(request, out);
    if (!reader || this.#tellGap(request, reader, out)) return;
    // Someone waits there: so there is nothing, and whatever comes is the waiter's.
    const message = reader.waiting ? undefined : await reader.next(request.action === "get_latest");
    this.#give(request, reader, message, out);
  }

  /** Answers many `get`s, with as few reads of the store as can be; `breathe` waits for a slow peer. */
  async getMany(
    run: readonly GetRequest[],
    out: Outbox,
    breathe: () => Promise<void> | undefined,
  ): Promise<void> {
    const { queue, welcome: { limits } } = this.#host;
    if (this.#isFull(run.length)) await this.#forget();
    const readers = run.map(({ topic }) => this.#reader(topic));
    for (let i = 0; i < run.length;) {
      try {
        const gets = readers.slice(i, i + GETS).filter((reader) => reader !== undefined);
        const pages = await Pages.read(queue, gets, limits.messageBytes);
        for (; i < run.length; i++) {
          const [request, reader] = [run[i]!, readers[i]];
          if (!reader) {
            fail(this.#host, request, this.#full(), out);
            continue;
          }
          if (this.#tellGap(request, reader, out)) continue;
          if (!pages.answers(reader)) break;
          this.#give(request, reader, pages.take(reader), out);
          if (this.#wire.buffered < BUFFER_LIMIT) continue;
          // What was read may expire before the peer is ready for it: it is read again.
          i++;
          break;
        }
      } catch (error) {
        for (; i < run.length; i++) {
          fail(this.#host, run[i]!, wireError(error, this.#host.queue.log), out);
        }
      }
      await breathe();
    }
  }

  /** Answers with the oldest unread message, as soon as there is one. */
  async getWait(request: RequestOf<"get_wait">, out: Outbox): Promise<void> {
    const { id, timeout } = request;
    const waits = this.#waits ??= new Map();
    if (waits.has(id)) return fail(this.#host, request, idInUse(id), out);
    const { waits: limit } = this.#host.welcome.limits;
    if (waits.size >= limit) {
      const error = tooMany("get_wait", limit, `${waits.size} wait already`);
      return fail(this.#host, request, error, out);
    }
    if (this.#isFull(1)) await this.#forget();
    const reader = this.#placed(request, out);
    if (!reader || this.#tellGap(request, reader, out)) return;
    const wait = new Wait(id, reader, (answer) => out.add(answer), () => waits.delete(id));
    waits.set(id, wait);
    await reader.wait(wait);
    if (!wait.open) return;
    if (timeout === 0) return wait.empty();
    const callOff = this.#host.queue.clock.after(timeout, () => wait.empty());
    wait.leaveFrame((answer) => this.#sendLate(answer), callOff);
  }

  /** Calls off a `getWait`: it is answered as if its time were over. */
  cancel(request: RequestOf<"cancel">, out: Outbox): void {
    this.#waits?.get(request.wait)?.empty();
    done(request, {}, out);
  }

  /** Ends the waits for those topics to which this finds something to say. */
  endSome(judge: (topic: string) => WireError | undefined): void {
    for (const wait of [...this.#waits?.values() ?? []]) {
      const error = judge(wait.topic);
      if (error) wait.end(error);
    }
  }

  /** Ends all waits with an error. */
  end(error: WireError): void {
    for (const wait of [...this.#waits?.values() ?? []]) wait.end(error);
    this.#late?.flush();
    this.#readers?.clear();
  }

  /** Tells once, instead of a read, that messages are missing. */
  #tellGap(request: GetRequest | RequestOf<"get_wait">, reader: Reader, out: Outbox): boolean {
    const gap = reader.takeGap();
    if (gap === undefined) return false;
    fail(this.#host, request, gap, out);
    return true;
  }

  #give({ id }: GetRequest, reader: Reader, message: Message | undefined, out: Outbox): void {
    const text = id === undefined ? plainAnswer(message) : readAnswer(id, message, reader.cursor);
    out.add(text, message && text.length - message.body.length + message.bytes);
  }

  #sendLate(answer: string): void {
    this.#late ??= new Outbox(this.#wire, false);
    this.#late.add(answer);
    if (this.#flushing) return;
    this.#flushing = true;
    // What is served from one batch of the feed leaves together.
    queueMicrotask(() => {
      this.#flushing = false;
      this.#late?.flush();
    });
  }
}
