/**
 * How far one connection has read one topic, and the waiters for its next message.
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

/** After this many messages it is checked whether others have to have their turn. */
const CHECK_EVERY = 64;

/**
 * A cursor and its waiters.
 *
 * While there are waiters, everything up to the cursor has been read, and nothing after it is known. So what the feed
 * delivers next goes to the first waiter; or, if the peer has much to read already, it stays in the store until the peer has
 * read.
 */
export class TopicCursor implements TopicListener {
  readonly topic: string;
  readonly #queue: Queue;
  readonly #peer: Pick<Peer, "buffered" | "drained" | "hasRoom" | "waitForRoom" | "turn">;
  #position: number;
  /** For how many bytes there has to be room before it reads on. */
  #roomNeeded = 0;
  #gap: Gap | undefined;
  /** Created for the first waiter: most cursors never have one. */
  #waiters: Waiters | undefined;
  /** The waiters are being served from the store. What the feed delivers meanwhile is only noted. */
  #reading: Promise<void> | undefined;
  #newMeanwhile = false;

  /**
   * Creates a cursor.
   *
   * @param queue where messages come from
   * @param peer tells how much the peer has not read yet
   * @param topic what it reads
   * @param position it reads what comes after this; a gap there is the reply to the first read
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

  /** The topic was read up to this number. */
  get position(): number {
    return this.#position;
  }

  /** There are waiters: so there is no message for another read. */
  get hasWaiters(): boolean {
    return this.#waiters !== undefined && this.#waiters.length > 0;
  }

  /** It has no waiters and no gap, and everything up to it is gone: a new cursor would read the same. */
  isRedundant(floor: number): boolean {
    return !this.hasWaiters && !this.#reading && this.#gap === undefined && this.#position <= floor;
  }

  /** The gap that the first read has to report, if messages are missing. */
  get gap(): Gap | undefined {
    return this.#gap;
  }

  /** The same, once. */
  takeGap(): Gap | undefined {
    const gap = this.#gap;
    this.#gap = undefined;
    return gap;
  }

  /** There are no more messages up to this number: moves the cursor forward, never back. */
  advance(position: number): void {
    if (position > this.#position) this.#position = position;
  }

  /** A message goes to the peer: it was read, and everything before it. */
  deliver(message: TopicMessage): void {
    this.#position = message.seq;
    this.#queue.counts.deliver(1, message.bytes);
    this.#queue.tracing?.deliver([message]);
  }

  /** Reads the oldest unread message, or the newest. The cursor stays where it is. */
  peek(newest: boolean): Promise<MessagePage> {
    return this.#read(1, newest);
  }

  /** Takes the message of such a page, if there is one: the cursor moves past it. */
  take({ messages: [message], through }: MessagePage): TopicMessage | undefined {
    if (message) this.deliver(message);
    this.advance(through);
    return message;
  }

  /** Adds a waiter. Resolves when it was served, or has to wait for the feed. */
  async addWaiter(waiter: Waiter): Promise<void> {
    const waiters = this.#waiters ??= new Waiters();
    waiters.add(waiter);
    if (waiters.length > 1) return;
    // First the feed, then a read: so there is neither a gap nor an overlap between the two.
    this.#queue.addListener(this.topic, this);
    await this.#catchUp();
  }

  /** Gives the waiters what is in the store by now: the feed may deliver it later. */
  serveWaiters(): Promise<void> {
    return this.#catchUp();
  }

  /** Removes a waiter that is not open any more. */
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
        // All waiters may have ended meanwhile.
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

  /** Gives one message to each waiter. Returns `false` if the peer has to read first. */
  #serve(messages: readonly TopicMessage[]): boolean {
    let served = 0;
    for (const message of messages) {
      if (message.seq <= this.#position) continue;
      // Each may have a frame of its own, and sending a frame takes long.
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

  /** Without waiters it does not listen to the feed. */
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
