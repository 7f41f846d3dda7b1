/**
 * How one connection reads: the verbs that move its cursors, at once or as soon as there is something.
 *
 * @module
 */

import {
  errorAnswer,
  PLAIN_HEAD,
  plainAnswer,
  plainError,
  readAnswer,
  readHead,
} from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import { IdMap } from "../protocol/name_map.ts";
import { FRAME_BYTES } from "../protocol/limits.ts";
import type { GetRequest, RequestOf } from "../protocol/requests.ts";
import type { Message } from "../stores/store.ts";
import type { Cursors, CursorsOptions, ReadRequest } from "./cursors.ts";
import type { Deadlines } from "./deadlines.ts";
import { done, fail, type Host, idInUse, wireError } from "./host.ts";
import type { LargeBodies } from "./large_bodies.ts";
import { noLeave } from "./leave.ts";
import { type Page, Pages } from "./pages.ts";
import type { Gap } from "./positions.ts";
import type { Reader } from "./reader.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Shares } from "./shares.ts";
import { Wait, type WaitContext } from "./wait.ts";
import { hasRoom, isFull, type Wire } from "./wire.ts";

/** At most so many `get`s are answered between two looks at how much the peer has yet to read. */
const GETS = 1024;

/** At most so many cursors are made at once. */
const OPENED = 128;

/** What reads and streams need of their connection. */
export interface ReadsOptions extends CursorsOptions {
  /** Why a topic may not be read (any more); asked before each message. */
  readonly refusal: (topic: string) => WireError | undefined;
  /** Whether a topic may be read, without a word. */
  readonly mayRead: (topic: string) => boolean;
}

/** How far a run of `get`s is answered, and how many bytes there has to be room for before it goes on. */
interface Place {
  next: number;
  needs: number;
}

/** The reads of a connection, and those of them that wait. */
export class Reads implements WaitContext {
  readonly replies: ReplyWriter;
  readonly deadlines: Deadlines;
  readonly bodies: LargeBodies;
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #shares: Shares;
  readonly #refusal: ReadsOptions["refusal"];
  readonly #mayRead: ReadsOptions["mayRead"];
  readonly #cursors: Cursors;
  /** Those who wait, by id; there once somebody has waited. */
  #waits: IdMap<Wait> | undefined;
  #closed = false;
  /** What those are told who wait when it is closed; `undefined` if nobody hears it. */
  #ending: WireError | undefined;

  /**
   * Makes it.
   *
   * @param host what is shared with other connections
   * @param cursors what they move
   * @param options what belongs to this connection
   */
  constructor(host: Host, cursors: Cursors, options: ReadsOptions) {
    const { wire, replies, shares, refusal, mayRead } = options;
    this.#host = host;
    this.#cursors = cursors;
    this.#wire = wire;
    this.replies = replies;
    this.deadlines = host.queue.deadlines;
    this.bodies = host.queue.bodies;
    this.#shares = shares;
    this.#refusal = refusal;
    this.#mayRead = mayRead;
  }

  /** Answers with the oldest unread message, or the newest, if there is one. */
  async get(request: GetRequest): Promise<void> {
    const reader = await this.#cursors.readerFor(request, request.since);
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
    if (!hasRoom(this.#wire, needs)) return needs;
    this.#give(request, reader, reader.take(page));
    return 0;
  }

  /** Answers many `get`s, with as few reads of the store as can be; `pause` waits for a slow peer, and lets others have their turn. */
  async getMany(
    run: readonly GetRequest[],
    pause: () => Promise<void> | undefined,
  ): Promise<void> {
    const { queue, welcome: { limits } } = this.#host;
    const missing = this.#cursors.missing(run);
    for (let i = 0; i < missing.length && !this.#closed; i += OPENED) {
      await this.#cursors.open(missing.slice(i, i + OPENED));
      await pause();
    }
    const readers = this.#readersOf(run);
    const place: Place = { next: 0, needs: 0 };
    while (place.next < run.length && !this.#closed) {
      try {
        // Where there is no room for a message, it is read again once there is.
        if (place.needs > 0) await this.#wire.room?.(place.needs);
        const gets = readers.slice(place.next, place.next + GETS);
        const pages = await Pages.read(queue, gets, limits.messageBytes);
        this.#giveFrom(place, run, readers, pages);
      } catch (error) {
        for (const request of run.slice(place.next)) {
          fail(this.#host, request, wireError(error, queue.log), this.replies);
        }
        return;
      }
      if (place.next < run.length) await pause();
    }
  }

  /** The reader of each request; there is none where there may be no more. */
  #readersOf(run: readonly GetRequest[]): readonly (Reader | undefined)[] {
    const readers: (Reader | undefined)[] = [];
    let reader: Reader | undefined;
    for (const { topic } of run) {
      // Mostly all are of one topic.
      if (reader?.topic !== topic) reader = this.#cursors.find(topic);
      readers.push(reader);
    }
    return readers;
  }

  /** Answers `get`s from a place on, as far as pages and the room that there is allow. */
  #giveFrom(
    place: Place,
    run: readonly GetRequest[],
    readers: readonly (Reader | undefined)[],
    pages: Pages,
  ): void {
    let last: Reader | undefined;
    let page: Page | undefined;
    place.needs = 0;
    for (let i = place.next; i < run.length; i++) {
      place.next = i;
      const request = run[i]!;
      const reader = readers[i];
      if (!reader) {
        fail(this.#host, request, this.#cursors.full(), this.replies);
        continue;
      }
      if (this.#forbids(request) || this.#tellsGap(request, reader)) continue;
      if (reader !== last) {
        last = reader;
        page = pages.of(reader);
      }
      if (!page?.answers) return;
      const message = page.next;
      if (message && !hasRoom(this.#wire, message.bytes)) {
        place.needs = message.bytes;
        return;
      }
      page.take();
      this.#give(request, reader, message);
      if (!isFull(this.#wire, this.replies.pending)) continue;
      // What was read may expire before the peer is ready for it: it is read again.
      place.next = i + 1;
      return;
    }
    place.next = run.length;
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
    const reader = await this.#cursors.readerFor(request, request.since);
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
    const forbidden: Wait[] = [];
    for (const wait of this.#waits?.values() ?? []) {
      if (this.#mayRead(wait.topic)) continue;
      // None of them gets a message while others are told.
      wait.callOff();
      forbidden.push(wait);
    }
    const tell = (wait: Wait) => wait.end(noLeave("read", wait.topic));
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
    this.#cursors.clear();
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
    if (message && message.bytes >= FRAME_BYTES) return this.#giveLarge(id, reader, message);
    if (id === undefined) return this.replies.addPlain(plainAnswer(message));
    const text = readAnswer(id, message, reader.cursor);
    this.replies.add(text, message && text.length - message.body.length + message.bytes);
  }

  #giveLarge(id: number | undefined, { cursor }: Reader, message: Message): void {
    const { replies, bodies } = this;
    if (id === undefined) replies.addPlainLarge(PLAIN_HEAD, message, bodies);
    else replies.addLarge(readHead(id, message, cursor), message, bodies);
  }
}

/** Answers a read with a gap, and where it goes on; that is no failure of its client. */
export function tellGap({ id }: ReadRequest, { error, through }: Gap, replies: ReplyWriter): void {
  if (typeof id === "number") replies.add(errorAnswer(id, error, through));
  else replies.addPlain(plainError(error));
}
