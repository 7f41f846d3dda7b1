/**
 * One connection's place in one topic: its cursor, and the line of those who wait there.
 *
 * @module
 */

import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { MessagePage, TopicMessage } from "../stores/store.ts";
import type { Gap, Position } from "./positions.ts";
import type { Queue } from "./queue.ts";
import { toWireError } from "./store_failure.ts";
import type { TopicBatch, TopicListener } from "./topic_batch.ts";
import { type Waiter, Waiters } from "./waiters.ts";
import { hasRoom, mustWait, type Peer } from "../transports/peer.ts";

/** Of so many messages one is looked at whether others have to have their turn before it goes on. */
const CHECK_EVERY = 64;

/**
 * A cursor and the line of waiters on it.
 *
 * While someone waits, all up to the cursor has been read and nothing after it is known; so what the
 * feed brings next goes to the first in the line, or, if the peer has much to read already, stays in the
 * store until it has read.
 */
export class TopicCursor implements TopicListener {
  readonly topic: string;
  readonly #queue: Queue;
  readonly #peer: Pick<Peer, "buffered" | "drained" | "hasRoom" | "waitForRoom" | "turn">;
  #position: number;
  /** So many bytes there has to be room for before it reads on. */
  #roomNeeded = 0;
  #gap: Gap | undefined;
  /** There once somebody has waited: most never do. */
  #waiters: Waiters | undefined;
  /** The line is being served from the store; what the feed brings meanwhile is only noted. */
  #reading: Promise<void> | undefined;
  #newMeanwhile = false;

  /**
   * Makes a reader.
   *
   * @param queue where messages come from
   * @param peer tells how much the peer has yet to read
   * @param topic what it reads
   * @param position it reads what comes after; the first read is told of a gap there, instead
   */
  constructor(
    queue: Queue,
    peer: Pick<Peer, "buffered" | "drained" | "hasRoom" | "waitForRoom" | "turn">,
    topic: string,
    { after, gap }: Position,
  ) {
    this.#queue = queue;
    this.#peer = peer;
    this.topic = topic;
    this.#position = after;
    this.#gap = gap;
  }

  /** The topic is read up to here. */
  get position(): number {
    return this.#position;
  }

  /** Someone waits: there is nothing for anybody else. */
  get hasWaiters(): boolean {
    return this.#waiters !== undefined && this.#waiters.length > 0;
  }

  /** Nobody waits, nothing is missing, and all up to the cursor is gone: a new one there would read the same. */
  isRedundant(floor: number): boolean {
    return !this.hasWaiters && !this.#reading && this.#gap === undefined && this.#position <= floor;
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
  advance(position: number): void {
    if (position > this.#position) this.#position = position;
  }

  /** A message goes to the peer: it, and all before it, is read. */
  deliver(message: TopicMessage): void {
    this.#position = message.seq;
    this.#queue.counts.delivered++;
  }

  /** Looks for the oldest unread message, or the newest; the cursor stays where it is. */
  peek(newest: boolean): Promise<MessagePage> {
    return this.#read(1, newest);
  }

  /** Takes the message of a page that was looked for, if there is one: the cursor moves past it. */
  take({ messages: [message], through }: MessagePage): TopicMessage | undefined {
    if (message) this.deliver(message);
    this.advance(through);
    return message;
  }

  /** Joins the line. Resolves when the waiter was served, or when it has to wait for the feed. */
  async addWaiter(waiter: Waiter): Promise<void> {
    const waiters = this.#waiters ??= new Waiters();
    waiters.add(waiter);
    if (waiters.length > 1) return;
    // First the feed, then a read: neither a gap nor an overlap between the two.
    this.#queue.addListener(this.topic, this);
    await this.#catchUp();
  }

  /** Those who wait take what is there by now: a feed may bring it later. */
  serveWaiters(): Promise<void> {
    return this.#catchUp();
  }

  /** One of those in the line, who is no longer open, leaves it. */
  removeWaiter(): void {
    this.#waiters!.remove();
    this.#stopListeningIfIdle();
  }

  onMessages({ messages }: TopicBatch): void {
    if (this.#reading) this.#newMeanwhile = true;
    else if (!this.#serve(messages)) void this.#catchUp();
  }

  resync(): void {
    void this.#catchUp();
  }

  #catchUp(): Promise<void> {
    if (this.#reading) this.#newMeanwhile = true;
    return this.#reading ??= this.#serveFromStore();
  }

  async #serveFromStore(): Promise<void> {
    try {
      do {
        if (mustWait(this.#peer)) await this.#peer.drained();
        if (this.#roomNeeded > 0) await this.#peer.waitForRoom?.(this.#roomNeeded);
        this.#roomNeeded = 0;
        const { turn } = this.#peer;
        if (turn?.isOver) await new Promise<void>((resolve) => void turn.next(resolve));
        this.#newMeanwhile = false;
        // They may all have left meanwhile.
        if (!this.hasWaiters) break;
        const page = await this.#read(this.#waiters!.length, false);
        if (page.messages.length > 0) this.#serve(page.messages);
        else this.advance(page.through);
        this.#newMeanwhile ||= page.messages.length > 0;
      } while (this.#newMeanwhile && this.hasWaiters);
    } catch (error) {
      const failure = toWireError(error, this.#queue.log);
      for (let waiter; (waiter = this.#waiters?.next());) waiter.end(failure);
    } finally {
      this.#reading = undefined;
      this.#stopListeningIfIdle();
    }
  }

  /** Gives out messages, one to each who waits; `false` if the peer has to read before there may be more. */
  #serve(messages: readonly TopicMessage[]): boolean {
    let served = 0;
    for (const message of messages) {
      if (message.seq <= this.#position) continue;
      // Each may have a frame of its own, and to send one takes long.
      if (++served % CHECK_EVERY === 0 && this.#peer.turn?.isOver) return false;
      if (mustWait(this.#peer)) return false;
      if (!this.hasWaiters) break;
      if (!hasRoom(this.#peer, message.bytes)) {
        this.#roomNeeded = message.bytes;
        return false;
      }
      const waiter = this.#waiters?.next();
      if (!waiter) break;
      this.deliver(message);
      waiter.deliver(message);
    }
    return true;
  }

  /** Nobody waits: the feed need not call. */
  #stopListeningIfIdle(): void {
    if (!this.hasWaiters && !this.#reading) this.#queue.removeListener(this.topic, this);
  }

  async #read(count: number, newest: boolean): Promise<MessagePage> {
    const query = {
      topic: this.topic,
      after: this.#position,
      count,
      bytes: REPLY_FRAME_BYTES,
      newest,
    };
    const [page] = await this.#queue.store.read([query]);
    return page!;
  }
}
