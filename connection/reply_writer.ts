/**
 * What one connection is told, in the order in which it became true.
 *
 * @module
 */

import { announcementFrame, namedAnnouncementFrame } from "../protocol/encode_replies.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import { utf8Length } from "../protocol/text.ts";
import type { TopicMessage } from "../stores/store.ts";
import type { LargeBodyCache } from "../queue/large_body_cache.ts";
import type { Peer } from "../transports/peer.ts";

type FrameSink = Pick<Peer, "send" | "sendShared" | "cannotConfirmReads">;

/**
 * The only way out of a connection: answers, late answers of waits, frames of streams and heartbeats leave in the
 * order in which they are given to it.
 *
 * Answers are packed into frames of up to 256 KiB, or less if the peer wants that; a larger one has a frame of its own. What is added while no
 * frame of requests is being done leaves at the end of the turn.
 */
export class ReplyWriter {
  readonly #peer: FrameSink;
  /**
   * One array for as long as the connection lasts: V8 comes to make a new one for each frame in its old space, where it
   * holds its answers, though dead, until the whole heap is collected.
   */
  readonly #replies: string[] = [];
  #bytes = 0;
  /** The frame that is being done is an array: a single answer goes out as an array, too. */
  #batched = false;
  #inFrame = false;
  #flushScheduled = false;
  /** What was added last is an answer of dsmq 1.x, which stands alone where its request did. */
  #lastIsLegacy = false;
  /** It was told something as a client of dsmq 1.x is. */
  #isLegacy = false;

  /** No frame has more bytes, unless one answer has. */
  frameBytes: number = REPLY_FRAME_BYTES;
  /** The peer is told before each frame what is in it. */
  announcesFrames = false;
  /** The peer counts on heartbeats: it is told before a frame of more bytes than this, which takes long to arrive. */
  announcesAbove = Infinity;
  /** While a frame comes to it, the peer says so: only those that were announced may keep it silent for a while. */
  peerReportsProgress = false;
  /** How much was sent that may keep the peer silent, in bytes. */
  sent = 0;

  /**
   * Makes an empty one.
   *
   * @param peer takes the frames
   */
  constructor(peer: FrameSink) {
    this.#peer = peer;
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
  add(reply: string, bytes: number = utf8Length(reply)): void {
    if (this.#lastIsLegacy) this.flush();
    // Commas and brackets count with the answers, one byte each and one over.
    if (this.#bytes + bytes + 2 > this.frameBytes) this.flush();
    this.#replies.push(reply);
    this.#bytes += bytes + 1;
    if (!this.#inFrame) this.#scheduleFlush();
  }

  /** Adds an answer that is all ASCII. */
  addAscii(reply: string): void {
    this.add(reply, reply.length);
  }

  /** Adds an answer to dsmq 1.x, which gets an object for an object. */
  addLegacy(reply: string, bytes?: number): void {
    this.#markLegacy();
    if (!this.#batched) this.flush();
    this.add(reply, bytes);
    this.#lastIsLegacy = !this.#batched;
  }

  /** Adds an answer to a request that was done some time ago: it does not wait for the end of a frame. */
  addLate(reply: string): void {
    this.add(reply);
    this.#scheduleFlush();
  }

  /**
   * Adds an answer that ends with a message which is too large to share a frame with others.
   *
   * @param head what comes before the message
   * @param message the message, after which one bracket comes
   * @param largeBodies what is being sent of large messages
   */
  addLarge(head: string, message: TopicMessage, largeBodies: LargeBodyCache): void {
    const batched = this.#batched;
    const suffix = largeBodies.get(message, batched ? "}]" : "}");
    this.sendShared(batched ? `[${head}` : head, suffix, message.bytes);
  }

  /** The same to dsmq 1.x. */
  addLegacyLarge(head: string, message: TopicMessage, largeBodies: LargeBodyCache): void {
    this.#markLegacy();
    this.addLarge(head, message, largeBodies);
  }

  /** Sends a frame that ends as those of others do, after all that was added; `bytes` is how many its body has. */
  sendShared(head: string, suffix: SharedSuffix, bytes: number): void {
    this.flush();
    const total = head.length + bytes + suffix.closing.length;
    this.#announce(total, head);
    if (this.#peer.sendShared) this.#peer.sendShared(head, suffix, total);
    else this.#peer.send(head + suffix.body + suffix.closing, total);
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
    this.#lastIsLegacy = false;
    const only = replies.length === 1 ? replies[0] : undefined;
    const frame = only !== undefined && !this.#batched ? only : `[${replies.join(",")}]`;
    replies.length = 0;
    this.#send(frame, bytes, only);
  }

  #markLegacy(): void {
    if (this.#isLegacy) return;
    this.#isLegacy = true;
    this.#peer.cannotConfirmReads?.();
  }

  /** What is served from one batch of the feed leaves together. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  /** Sends a frame; `only` is what is alone in it. */
  #send(frame: string, bytes: number, only: string | undefined): void {
    this.#announce(bytes, only);
    this.#peer.send(frame, bytes);
  }

  /** Says what comes next, if the peer wants to know. */
  #announce(bytes: number, only: string | undefined): void {
    const large = bytes > this.announcesAbove;
    if (large || !this.peerReportsProgress) this.sent += bytes;
    if (this.announcesFrames && only !== undefined) {
      this.#peer.send(namedAnnouncementFrame(only, bytes));
    } else if (this.announcesFrames) this.#peer.send(announcementFrame(bytes));
    else if (large) this.#peer.send(announcementFrame(bytes));
  }
}
