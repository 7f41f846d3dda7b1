/**
 * What one connection is told, in the order in which it became true.
 *
 * @module
 */

import { announcement, namedAnnouncement } from "../protocol/answers.ts";
import { FRAME_BYTES } from "../protocol/limits.ts";
import type { SharedEnd } from "../protocol/shared_end.ts";
import { utf8Length } from "../protocol/text.ts";
import type { Message } from "../stores/store.ts";
import type { LargeBodies } from "./large_bodies.ts";
import type { Wire } from "./wire.ts";

type Sending = Pick<Wire, "send" | "sendShared" | "cannotTell">;

/**
 * The only way out of a connection: answers, late answers of waits, frames of streams and heartbeats leave in the
 * order in which they are given to it.
 *
 * Answers are packed into frames of up to 256 KiB, or less if the peer wants that; a larger one has a frame of its own. What is added while no
 * frame of requests is being done leaves at the end of the turn.
 */
export class ReplyWriter {
  readonly #wire: Sending;
  /**
   * One array for as long as the connection lasts: V8 comes to make a new one for each frame in its old space, where it
   * holds its answers, though dead, until the whole heap is collected.
   */
  readonly #replies: string[] = [];
  #bytes = 0;
  /** The frame that is being done is an array: a single answer goes out as an array, too. */
  #batched = false;
  #inFrame = false;
  #flushes = false;
  /** What was added last is an answer of dsmq 1.x, which stands alone where its request did. */
  #plain = false;
  /** It was told something as a client of dsmq 1.x is. */
  #is1x = false;

  /** No frame has more bytes, unless one answer has. */
  frameBytes: number = FRAME_BYTES;
  /** The peer is told before each frame what is in it. */
  names = false;
  /** The peer counts on heartbeats: it is told before a frame of more bytes than this, which takes long to arrive. */
  announcesAbove = Infinity;
  /** While a frame comes to it, the peer says so: only those that were announced may keep it silent for a while. */
  peerTellsProgress = false;
  /** How much was sent that may keep the peer silent, in bytes. */
  sent = 0;

  /**
   * Makes an empty one.
   *
   * @param wire takes the frames
   */
  constructor(wire: Sending) {
    this.#wire = wire;
  }

  /** How much was added that is not sent yet, in bytes. */
  get pending(): number {
    return this.#bytes;
  }

  /** The requests of a frame are about to be done; with `batched`, answers leave in arrays. */
  beginFrame(batched: boolean): void {
    this.flush();
    this.#inFrame = true;
    this.#batched = batched;
  }

  /** They are done: sends what was added. */
  endFrame(): void {
    this.flush();
    this.#inFrame = this.#batched = false;
  }

  /** Adds an answer. */
  add(answer: string, bytes: number = utf8Length(answer)): void {
    if (this.#plain) this.flush();
    // Commas and brackets count with the answers, one byte each and one over.
    if (this.#bytes + bytes + 2 > this.frameBytes) this.flush();
    this.#replies.push(answer);
    this.#bytes += bytes + 1;
    if (!this.#inFrame) this.#flushSoon();
  }

  /** Adds an answer that is all ASCII. */
  addAscii(answer: string): void {
    this.add(answer, answer.length);
  }

  /** Adds an answer to dsmq 1.x, which gets an object for an object. */
  addPlain(answer: string, bytes?: number): void {
    this.#tellOf1x();
    if (!this.#batched) this.flush();
    this.add(answer, bytes);
    this.#plain = !this.#batched;
  }

  /** Adds an answer to a request that was done some time ago: it does not wait for the end of a frame. */
  addLate(answer: string): void {
    this.add(answer);
    this.#flushSoon();
  }

  /**
   * Adds an answer that ends with a message which is too large to share a frame with others.
   *
   * @param head what comes before the message
   * @param message the message, after which one bracket comes
   * @param bodies what is being sent of large messages
   */
  addLarge(head: string, message: Message, bodies: LargeBodies): void {
    const batched = this.#batched;
    const end = bodies.of(message, batched ? "}]" : "}");
    this.sendShared(batched ? `[${head}` : head, end, message.bytes);
  }

  /** The same to dsmq 1.x. */
  addPlainLarge(head: string, message: Message, bodies: LargeBodies): void {
    this.#tellOf1x();
    this.addLarge(head, message, bodies);
  }

  /** Sends a frame that ends as those of others do, after all that was added; `bytes` is how many its body has. */
  sendShared(head: string, end: SharedEnd, bytes: number): void {
    this.flush();
    const all = head.length + bytes + end.after.length;
    this.#announce(all, head);
    if (this.#wire.sendShared) this.#wire.sendShared(head, end, all);
    else this.#wire.send(head + end.body + end.after, all);
  }

  /** Sends a frame of so many bytes, after all that was added. */
  sendFrame(frame: string, bytes: number = frame.length): void {
    this.flush();
    this.#send(frame, bytes, frame);
  }

  /** Sends what was added. */
  flush(): void {
    const replies = this.#replies;
    if (replies.length === 0) return;
    const bytes = this.#bytes;
    this.#bytes = 0;
    this.#plain = false;
    const only = replies.length === 1 ? replies[0] : undefined;
    const frame = only !== undefined && !this.#batched ? only : `[${replies.join(",")}]`;
    replies.length = 0;
    this.#send(frame, bytes, only);
  }

  #tellOf1x(): void {
    if (this.#is1x) return;
    this.#is1x = true;
    this.#wire.cannotTell?.();
  }

  /** What is served from one batch of the feed leaves together. */
  #flushSoon(): void {
    if (this.#flushes) return;
    this.#flushes = true;
    queueMicrotask(() => {
      this.#flushes = false;
      this.flush();
    });
  }

  /** Sends a frame; `only` is what is alone in it. */
  #send(frame: string, bytes: number, only: string | undefined): void {
    this.#announce(bytes, only);
    this.#wire.send(frame, bytes);
  }

  /** Says what comes next, if the peer wants to know. */
  #announce(bytes: number, only: string | undefined): void {
    const large = bytes > this.announcesAbove;
    if (large || !this.peerTellsProgress) this.sent += bytes;
    if (this.names && only !== undefined) this.#wire.send(namedAnnouncement(only, bytes));
    else if (this.names) this.#wire.send(announcement(bytes));
    else if (large) this.#wire.send(announcement(bytes));
  }
}
