/**
 * How one connection reads: its cursors, and the verbs that move them.
 *
 * @module
 */

import { errorAnswer, plainAnswer, plainError, readAnswer } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import { IdMap, NameMap, NameSet } from "../protocol/name_map.ts";
import type { GetRequest, Request, RequestOf, WireSince } from "../protocol/requests.ts";
import type { Message } from "../stores/store.ts";
import type { Deadlines } from "./deadlines.ts";
import { done, fail, type Host, idInUse, wireError } from "./host.ts";
import { Pages } from "./pages.ts";
import { type Gap, locate, locateFromStart, type Position, type Start } from "./positions.ts";
import { Reader } from "./reader.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Shares } from "./shares.ts";
import { Wait, type WaitContext } from "./wait.ts";
import { isFull, type Wire } from "./wire.ts";

/** At most so many `get`s are answered between two looks at how much the peer has yet to read. */
const GETS = 1024;

/** At most so many cursors are made at once. */
const OPENED = 128;

/** How often to look which cursors can be forgotten, when there may be no more, in milliseconds. */
const FORGET_EVERY = 1000;

/** A read that names a topic, and may say from where it is read. */
type ReadRequest = Request & { readonly topic: string };

/** What reads and streams need of their connection. */
export interface ReadsOptions {
  /** Tells how much the peer has yet to read. */
  readonly wire: Wire;
  readonly replies: ReplyWriter;
  /** What it has of what all connections share. */
  readonly shares: Shares;
  /** Why a topic may not be read (any more); asked before each message. */
  readonly refusal: (topic: string) => WireError | undefined;
}

/** The cursors of a connection and those who wait on them. */
export class Reads implements WaitContext {
  readonly replies: ReplyWriter;
  readonly deadlines: Deadlines;
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #shares: Shares;
  readonly #refusal: ReadsOptions["refusal"];
  #start: Start;
  /** By topic; there once something was read, as most that is in here: connections at rest are many. */
  #readers: NameMap<Reader> | undefined;
  /** Topics whose cursor was forgotten after they had been told what was missing at the start; they count as if it were there. */
  #told: NameSet | undefined;
  /** Those who wait, by id. */
  #waits: IdMap<Wait> | undefined;
  /** When it was last looked which readers can be forgotten, and with which floor. */
  #forgotAt = { time: -Infinity, floor: -1 };
  #closed = false;
  /** What those are told who wait when it is closed; `undefined` if nobody hears it. */
  #ending: WireError | undefined;

  /**
   * Makes it.
   *
   * @param host what is shared with other connections
   * @param start where topics start that have not been read
   * @param options what belongs to this connection
   */
  constructor(host: Host, start: Start, { wire, replies, shares, refusal }: ReadsOptions) {
    this.#host = host;
    this.#start = start;
    this.#wire = wire;
    this.replies = replies;
    this.deadlines = host.queue.deadlines;
    this.#shares = shares;
    this.#refusal = refusal;
  }

  /** Where topics start that have not been read. */
  get start(): Start {
    return this.#start;
  }

  set start(start: Start) {
    this.#start = start;
    if (this.#told) this.#shares.of("totalCursors").giveBack(this.#told.size);
    this.#told = undefined;
  }

  /** The reader of a request's topic; or there may be no more, and the request fails. */
  async readerFor(request: ReadRequest, since: WireSince | undefined): Promise<Reader | undefined> {
    const { topic } = request;
    const known = this.#readers?.get(topic);
    if (known) return known;
    await this.#open([{ topic, since }]);
    const reader = this.#readers?.get(topic);
    if (!reader) fail(this.#host, request, this.#full(), this.replies);
    return reader;
  }

  /** Makes the readers of topics that have none, as far as there is room. */
  async #open(
    topics: readonly { readonly topic: string; readonly since: WireSince | undefined }[],
  ): Promise<void> {
    const { queue } = this.#host;
    const room = await this.#room(topics.length);
    const readers = this.#readers ??= new NameMap();
    const { size } = readers;
    const named: { topic: string; since: WireSince }[] = [];
    const unnamed: string[] = [];
    for (const { topic, since } of topics.slice(0, room)) {
      if (since === undefined) unnamed.push(topic);
      else named.push({ topic, since });
    }
    const open = (topic: string, position: Position) =>
      readers.set(topic, new Reader(queue, this.#wire, topic, position));
    try {
      if (named.length > 0) {
        const positions = await locate(queue.store, named);
        named.forEach(({ topic }, i) => open(topic, positions[i]!));
      }
      if (unnamed.length === 0) return;
      const positions = await locateFromStart(queue.store, this.#start, unnamed);
      unnamed.forEach((topic, i) => {
        const told = this.#told?.has(topic);
        open(topic, told ? { after: this.#start.after, gap: undefined } : positions[i]!);
      });
    } finally {
      this.#shares.of("totalCursors").giveBack(room - (readers.size - size));
    }
  }

  /** Takes room for so many more cursors, or for as many as there is. */
  async #room(wanted: number): Promise<number> {
    let room = this.#take(wanted);
    if (room === wanted) return room;
    await this.#forget();
    room += this.#take(wanted - room, room);
    return room;
  }

  #take(wanted: number, taken = 0): number {
    const { cursors } = this.#host.welcome.limits;
    const account = this.#shares.of("totalCursors");
    const most = Math.min(wanted, cursors - (this.#readers?.size ?? 0) - taken);
    if (most > 0 && account.take(most)) return most;
    let room = 0;
    while (room < most && account.take()) room++;
    return room;
  }

  #full(): WireError {
    const { cursors } = this.#host.welcome.limits;
    if ((this.#readers?.size ?? 0) < cursors) {
      return this.#shares.lack("totalCursors", "read topic");
    }
    return tooMany("read topic", cursors, `${cursors} topics were read on this connection`);
  }

  /** Forgets cursors that nobody would miss: what comes after them is what comes after the start. */
  async #forget(): Promise<void> {
    const { queue: { store, clock }, welcome: { limits } } = this.#host;
    const { floor } = await store.bounds();
    const { time, floor: before } = this.#forgotAt;
    const now = clock.now();
    // To look through them all takes time: without another floor seldom more can be forgotten.
    if (this.#start.after > floor || (floor === before && Math.abs(now - time) < FORGET_EVERY)) {
      return;
    }
    this.#forgotAt = { time: now, floor };
    const tells = this.#start.gap !== undefined || this.#start.heard < Infinity;
    for (const [topic, reader] of this.#readers ?? []) {
      if (!reader.isWorthless(floor)) continue;
      this.#readers!.delete(topic);
      if (!tells) this.#shares.of("totalCursors").giveBack();
      else (this.#told ??= new NameSet()).add(topic);
    }
    // There is a limit to that, too: from then on nobody is told what was missing at the start.
    if ((this.#told?.size ?? 0) > limits.cursors) {
      this.start = { after: this.#start.after, gap: undefined, heard: Infinity };
    }
  }

  /** Answers with the oldest unread message, or the newest, if there is one. */
  async get(request: GetRequest): Promise<void> {
    const reader = await this.readerFor(request, request.since);
    if (!reader || this.#forbids(request) || this.#tellsGap(request, reader)) return;
    if (reader.waiting) await reader.serveWaiting();
    // Someone waits there still: so there is nothing, and whatever comes is the waiter's.
    if (reader.waiting) return this.#forbids(request) ? undefined : this.#give(request, reader);
    // Where there is no room for a message, it is read again once there is.
    for (let needs; (needs = await this.#giveNext(request, reader)) > 0;) {
      await this.#wire.room?.(needs);
    }
  }

  /** Answers with what is there, or returns how much room it needs; nobody holds the message until there is that. */
  async #giveNext(request: GetRequest, reader: Reader): Promise<number> {
    const page = await reader.look(request.action === "get_latest");
    // What it may read can have changed while the store was looking.
    if (this.#forbids(request)) return 0;
    const needs = page.messages[0]?.bytes ?? 0;
    if (needs > 0 && !(this.#wire.hasRoom?.(needs) ?? true)) return needs;
    this.#give(request, reader, reader.take(page));
    return 0;
  }

  /** Answers many `get`s, with as few reads of the store as can be; `pause` waits for a slow peer, and lets others have their turn. */
  async getMany(
    run: readonly GetRequest[],
    pause: () => Promise<void> | undefined,
  ): Promise<void> {
    const { queue, welcome: { limits } } = this.#host;
    const unread = new NameMap<WireSince | undefined>();
    let last: string | undefined;
    for (const { topic, since } of run) {
      // Mostly all are of one topic.
      if (topic === last) continue;
      last = topic;
      if (!this.#readers?.has(topic) && !unread.has(topic)) unread.set(topic, since);
    }
    const topics = [...unread].map(([topic, since]) => ({ topic, since }));
    for (let i = 0; i < topics.length && !this.#closed; i += OPENED) {
      await this.#open(topics.slice(i, i + OPENED));
      await pause();
    }
    let reader: Reader | undefined;
    const readers = run.map(({ topic }) =>
      reader = reader?.topic === topic ? reader : this.#readers?.get(topic)
    );
    let needs = 0;
    for (let i = 0; i < run.length && !this.#closed;) {
      try {
        const gets = readers.slice(i, i + GETS).filter((reader) => reader !== undefined);
        // Where there is no room for a message, it is read again once there is.
        if (needs > 0) await this.#wire.room?.(needs);
        needs = 0;
        const pages = await Pages.read(queue, gets, limits.messageBytes);
        for (; i < run.length; i++) {
          const [request, reader] = [run[i]!, readers[i]];
          if (!reader) {
            fail(this.#host, request, this.#full(), this.replies);
            continue;
          }
          if (this.#forbids(request) || this.#tellsGap(request, reader)) continue;
          if (!pages.answers(reader)) break;
          needs = pages.next(reader)?.bytes ?? 0;
          if (needs > 0 && !(this.#wire.hasRoom?.(needs) ?? true)) break;
          needs = 0;
          this.#give(request, reader, pages.take(reader));
          if (!isFull(this.#wire, this.replies.pending)) continue;
          // What was read may expire before the peer is ready for it: it is read again.
          i++;
          break;
        }
      } catch (error) {
        for (; i < run.length; i++) {
          fail(this.#host, run[i]!, wireError(error, queue.log), this.replies);
        }
      }
      await pause();
    }
  }

  /** Answers with the oldest unread message, as soon as there is one. */
  async getWait(request: RequestOf<"get_wait">): Promise<void> {
    const { id, timeout } = request;
    const waits = this.#waits ??= new IdMap();
    if (waits.has(id)) return fail(this.#host, request, idInUse(id), this.replies);
    const { waits: limit } = this.#host.welcome.limits;
    if (waits.size >= limit) {
      const error = tooMany("get_wait", limit, `${waits.size} wait already`);
      return fail(this.#host, request, error, this.replies);
    }
    const reader = await this.readerFor(request, request.since);
    if (!reader || this.#forbids(request) || this.#tellsGap(request, reader)) return;
    if (!this.#shares.of("totalWaits").take()) {
      return fail(this.#host, request, this.#shares.lack("totalWaits", "get_wait"), this.replies);
    }
    const wait = new Wait(id, reader, this);
    waits.set(id, wait);
    if (timeout === 0 && reader.waiting) await reader.serveWaiting();
    if (wait.open) await reader.wait(wait);
    if (!wait.open) return;
    if (timeout === 0) return wait.empty();
    wait.leavePipeline(timeout);
  }

  settled({ id }: Wait): void {
    this.#waits!.delete(id);
    this.#shares.of("totalWaits").giveBack();
  }

  /** Calls off a `getWait`: it is answered as if its time were over. */
  cancel(request: RequestOf<"cancel">): void {
    const wait = this.#waits?.get(request.wait);
    if (wait?.open) wait.empty();
    done(request, {}, this.replies);
  }

  /** Ends the waits for topics that may not be read any more. */
  endForbidden(): void {
    const forbidden: { wait: Wait; error: WireError }[] = [];
    for (const wait of this.#waits?.values() ?? []) {
      const error = this.#refusal(wait.topic);
      if (!error) continue;
      // None of them gets a message while others are told.
      wait.callOff();
      forbidden.push({ wait, error });
    }
    const tell = ({ wait, error }: { wait: Wait; error: WireError }) => wait.end(error);
    void this.#host.queue.chores.each(forbidden, forbidden.length, tell);
  }

  /** No more is read. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Ends all waits, for good.
   *
   * @param error what they are told; nothing, if nobody can hear it
   * @returns when they have been told, if that takes long
   */
  end(error?: WireError): Promise<void> | void {
    this.#closed = true;
    this.#ending = error;
    this.#readers?.clear();
    const waits = this.#waits;
    if (!waits || waits.size === 0) return;
    return this.#host.queue.chores.each(
      waits.values(),
      waits.size,
      (wait) => wait.end(this.#ending),
    );
  }

  /** Refuses a read of what may not be read; who is gone is not even told. */
  #forbids(request: GetRequest | RequestOf<"get_wait">): boolean {
    if (this.#closed) return true;
    const refusal = this.#refusal(request.topic);
    if (refusal) fail(this.#host, request, refusal, this.replies);
    return refusal !== undefined;
  }

  /** Tells once, instead of a read, that messages are missing. */
  #tellsGap(request: GetRequest | RequestOf<"get_wait">, reader: Reader): boolean {
    const gap = reader.takeGap();
    if (gap) tellGap(request, gap, this.replies);
    return gap !== undefined;
  }

  #give({ id }: GetRequest, reader: Reader, message?: Message): void {
    if (id === undefined) return this.replies.addPlain(plainAnswer(message));
    const text = readAnswer(id, message, reader.cursor);
    this.replies.add(text, message && text.length - message.body.length + message.bytes);
  }
}

/** Answers a read with a gap, and where it goes on; that is no failure of its client. */
export function tellGap({ id }: ReadRequest, { error, through }: Gap, replies: ReplyWriter): void {
  if (typeof id === "number") replies.add(errorAnswer(id, error, through));
  else replies.addPlain(plainError(error));
}
