/**
 * One connection's place in one topic: its cursor, and the line of those who wait there.
 *
 * @module
 */

import { FRAME_BYTES } from "../protocol/limits.ts";
import type { Message, Page } from "../stores/store.ts";
import { wireError } from "./host.ts";
import type { Gap, Position } from "./positions.ts";
import type { Interest, Queue, TopicBatch } from "./queue.ts";
import { type Waiter, WaitingLine } from "./waiting_line.ts";
import { hasRoom, isFull, type Wire } from "./wire.ts";

/** Of so many messages one is looked at whether others have to have their turn before it goes on. */
const LOOK_EVERY = 64;

/**
 * A cursor and the line of waiters on it.
 *
 * While someone waits, all up to the cursor has been read and nothing after it is known; so what the
 * feed brings next goes to the first in the line, or, if the peer has much to read already, stays in the
 * store until it has read.
 */
export class Reader implements Interest {
  readonly topic: string;
  readonly #queue: Queue;
  readonly #wire: Pick<Wire, "buffered" | "drained" | "hasRoom" | "room" | "turn">;
  #cursor: number;
  /** So many bytes there has to be room for before it reads on. */
  #needs = 0;
  #gap: Gap | undefined;
  /** There once somebody has waited: most never do. */
  #line: WaitingLine | undefined;
  /** The line is being served from the store; what the feed brings meanwhile is only noted. */
  #reading: Promise<void> | undefined;
  #fedMeanwhile = false;

  /**
   * Makes a reader.
   *
   * @param queue where messages come from
   * @param wire tells how much the peer has yet to read
   * @param topic what it reads
   * @param position it reads what comes after; the first read is told of a gap there, instead
   */
  constructor(
    queue: Queue,
    wire: Pick<Wire, "buffered" | "drained" | "hasRoom" | "room" | "turn">,
    topic: string,
    { after, gap }: Position,
  ) {
    this.#queue = queue;
    this.#wire = wire;
    this.topic = topic;
    this.#cursor = after;
    this.#gap = gap;
  }

  /** The topic is read up to here. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Someone waits: there is nothing for anybody else. */
  get waiting(): boolean {
    return this.#line !== undefined && this.#line.length > 0;
  }

  /** Nobody waits, nothing is missing, and all up to the cursor is gone: a new one there would read the same. */
  isWorthless(floor: number): boolean {
    return !this.waiting && !this.#reading && this.#gap === undefined && this.#cursor <= floor;
  }

  /** What the first read is to be told instead, if messages are missing. */
  get gap(): Gap | undefined {
    return this.#gap;
  }

  /** What the first read is told instead, if messages are missing; once. */
  takeGap(): Gap | undefined {
    const gap = this.#gap;
    this.#gap = undefined;
    return gap;
  }

  /** Nothing more is there up to here: moves the cursor forward, never back. */
  advance(to: number): void {
    if (to > this.#cursor) this.#cursor = to;
  }

  /** A message goes to the peer: it, and all before it, is read. */
  deliver(message: Message): void {
    this.#cursor = message.seq;
    this.#queue.counts.delivered++;
  }

  /** Looks for the oldest unread message, or the newest; the cursor stays where it is. */
  look(newest: boolean): Promise<Page> {
    return this.#read(1, newest);
  }

  /** Takes the message of a page that was looked for, if there is one: the cursor moves past it. */
  take({ messages: [message], through }: Page): Message | undefined {
    if (message) this.deliver(message);
    this.advance(through);
    return message;
  }

  /** Joins the line. Resolves when the waiter was served, or when it has to wait for the feed. */
  async wait(waiter: Waiter): Promise<void> {
    const line = this.#line ??= new WaitingLine();
    line.join(waiter);
    if (line.length > 1) return;
    // First the feed, then a read: neither a gap nor an overlap between the two.
    this.#queue.attend(this.topic, this);
    await this.#catchUp();
  }

  /** Those who wait take what is there by now: a feed may bring it later. */
  serveWaiting(): Promise<void> {
    return this.#catchUp();
  }

  /** One of those in the line, who is no longer open, leaves it. */
  left(): void {
    this.#line!.left();
    this.#rest();
  }

  fed({ messages }: TopicBatch): void {
    if (this.#reading) this.#fedMeanwhile = true;
    else if (!this.#serve(messages)) void this.#catchUp();
  }

  resync(): void {
    void this.#catchUp();
  }

  #catchUp(): Promise<void> {
    if (this.#reading) this.#fedMeanwhile = true;
    return this.#reading ??= this.#serveFromStore();
  }

  async #serveFromStore(): Promise<void> {
    try {
      do {
        if (isFull(this.#wire)) await this.#wire.drained();
        if (this.#needs > 0) await this.#wire.room?.(this.#needs);
        this.#needs = 0;
        const { turn } = this.#wire;
        if (turn?.isOver) await new Promise<void>((resolve) => void turn.next(resolve));
        this.#fedMeanwhile = false;
        // They may all have left meanwhile.
        if (!this.waiting) break;
        const page = await this.#read(this.#line!.length, false);
        if (page.messages.length > 0) this.#serve(page.messages);
        else this.advance(page.through);
        this.#fedMeanwhile ||= page.messages.length > 0;
      } while (this.#fedMeanwhile && this.waiting);
    } catch (error) {
      const failure = wireError(error, this.#queue.log);
      for (let waiter; (waiter = this.#line?.first());) waiter.end(failure);
    } finally {
      this.#reading = undefined;
      this.#rest();
    }
  }

  /** Gives out messages, one to each who waits; `false` if the peer has to read before there may be more. */
  #serve(messages: readonly Message[]): boolean {
    let served = 0;
    for (const message of messages) {
      if (message.seq <= this.#cursor) continue;
      // Each may have a frame of its own, and to send one takes long.
      if (++served % LOOK_EVERY === 0 && this.#wire.turn?.isOver) return false;
      if (isFull(this.#wire)) return false;
      if (!this.waiting) break;
      if (!hasRoom(this.#wire, message.bytes)) {
        this.#needs = message.bytes;
        return false;
      }
      const waiter = this.#line?.first();
      if (!waiter) break;
      this.deliver(message);
      waiter.served(message);
    }
    return true;
  }

  /** Nobody waits: the feed need not call. */
  #rest(): void {
    if (!this.waiting && !this.#reading) this.#queue.leave(this.topic, this);
  }

  async #read(count: number, newest: boolean): Promise<Page> {
    const query = { topic: this.topic, after: this.#cursor, count, bytes: FRAME_BYTES, newest };
    const [page] = await this.#queue.store.read([query]);
    return page!;
  }
}
