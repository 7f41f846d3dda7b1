/**
 * Everything that one connection sends, in order.
 *
 * @module
 */

import {
  announcementFrame,
  namedAnnouncementFrame,
  readReplyEnd,
} from "../protocol/encode_replies.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import { utf8Length } from "../protocol/text.ts";
import type { TopicMessage } from "../stores/store.ts";
import type { LargeBodyCache } from "../queue/large_body_cache.ts";
import type { Peer } from "../transports/peer.ts";

type FrameSink = Pick<Peer, "send" | "sendShared" | "cannotConfirmReads">;

/**
 * The only way out of a connection: replies, late replies of waits, stream frames and heartbeats leave in the order in
 * which they are added.
 *
 * Replies are packed into frames of up to 256 KiB, or less if the peer wants that; a larger reply has a frame of its own.
 * What is added while no frame of requests is processed leaves at the end of the turn.
 */
export class ReplyWriter {
  readonly #peer: FrameSink;
  /**
   * One array for the whole connection. V8 would put a new one for each frame into its old space, where it holds its replies,
   * though dead, until the whole heap is collected.
   */
  readonly #replies: string[] = [];
  #bytes = 0;
  /** The frame of requests is an array: a single reply leaves as an array, too. */
  #batched = false;
  #inFrame = false;
  #flushScheduled = false;
  /** The last reply is one to dsmq 1.x, which stands alone if its request did. */
  #lastIsLegacy = false;
  /** It has sent a reply to dsmq 1.x. */
  #isLegacy = false;
  #ended = false;

  /** No frame has more bytes, unless a single reply has. */
  frameBytes: number = REPLY_FRAME_BYTES;
  /** Each frame is announced to the peer. */
  announcesFrames = false;
  /** With heartbeats: larger frames, in bytes, are announced to the peer, because they take long to arrive. */
  announcesAbove = Infinity;
  /** The peer reports progress while it receives a frame: only announced frames may keep it silent for a while. */
  peerReportsProgress = false;
  /** How many bytes were sent that may keep the peer silent. */
  sent = 0;

  /**
   * Starts empty.
   *
   * @param peer gets the frames
   */
  constructor(peer: FrameSink) {
    this.#peer = peer;
  }

  /** How many bytes were added and not sent yet. */
  get pending(): number {
    return this.#bytes;
  }

  /** The requests of a frame are processed from now on. `batched`: replies leave in arrays. */
  beginFrame(batched: boolean): void {
    this.flush();
    this.#inFrame = true;
    this.#batched = batched;
  }

  /** They are finished: sends what was added. */
  endFrame(): void {
    this.flush();
    this.#inFrame = this.#batched = false;
  }

  /** Adds a reply. */
  add(reply: string, bytes: number = utf8Length(reply)): void {
    if (!this.#ended) this.#add(reply, bytes);
  }

  #add(reply: string, bytes: number): void {
    if (this.#lastIsLegacy) this.flush();
    // A comma or bracket counts with each reply, and one more byte for the last bracket.
    if (this.#bytes + bytes + 2 > this.frameBytes) this.flush();
    this.#replies.push(reply);
    this.#bytes += bytes + 1;
    if (!this.#inFrame) this.#scheduleFlush();
  }

  /** Adds a reply that is all ASCII. */
  addAscii(reply: string): void {
    this.add(reply, reply.length);
  }

  /** Adds a reply to dsmq 1.x, which gets an object for an object. */
  addLegacy(reply: string, bytes?: number): void {
    this.#markLegacy();
    if (!this.#batched) this.flush();
    this.add(reply, bytes);
    this.#lastIsLegacy = !this.#batched;
  }

  /** Adds the reply to a request that left the pipeline, or what no request asks for: it does not wait for the end of a frame. */
  addLate(reply: string, bytes?: number): void {
    this.add(reply, bytes);
    this.#scheduleFlush();
  }

  /** Takes nothing more but what {@linkcode ReplyWriter.addLast} adds. What was added before is still sent. */
  end(): void {
    this.flush();
    this.#ended = true;
  }

  /** Adds the reply to a request that ends with the connection. */
  addLast(reply: string): void {
    this.#add(reply, utf8Length(reply));
    this.#scheduleFlush();
  }

  /**
   * Adds a reply that ends with a message too large to share a frame with others.
   *
   * @param head what comes before the message
   * @param message the message, after which its attributes and one bracket come
   * @param largeBodies large bodies that are being sent
   */
  addLarge(head: string, message: TopicMessage, largeBodies: LargeBodyCache): void {
    this.#addLarge(head, message, largeBodies, readReplyEnd(message));
  }

  /** The same to dsmq 1.x, which knows no attributes. */
  addLegacyLarge(head: string, message: TopicMessage, largeBodies: LargeBodyCache): void {
    this.#markLegacy();
    this.#addLarge(head, message, largeBodies, "}");
  }

  #addLarge(head: string, message: TopicMessage, largeBodies: LargeBodyCache, end: string): void {
    const batched = this.#batched;
    const suffix = largeBodies.get(message, batched ? `${end}]` : end);
    // The attributes are in the closing, too.
    const bytes = message.bytes - (message.attributes?.length ?? 0);
    this.sendShared(batched ? `[${head}` : head, suffix, bytes);
  }

  /** Sends a frame whose end is shared with other connections, after all that was added. `bytes` is the size of its body. */
  sendShared(head: string, suffix: SharedSuffix, bytes: number): void {
    if (this.#ended) return;
    this.flush();
    const total = head.length + bytes + suffix.closing.length;
    this.#announce(total, head);
    if (this.#peer.sendShared) this.#peer.sendShared(head, suffix, total);
    else this.#peer.send(head + suffix.body + suffix.closing, total);
  }

  /** Sends a frame of this many bytes, after all that was added. */
  sendFrame(frame: string, bytes: number = frame.length): void {
    if (this.#ended) return;
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

  /** Everything from one batch of the feed is sent together. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  /** Sends a frame. `only` is its reply, if it has just one. */
  #send(frame: string, bytes: number, only: string | undefined): void {
    this.#announce(bytes, only);
    this.#peer.send(frame, bytes);
  }

  /** Announces the next frame, if the peer wants that. */
  #announce(bytes: number, only: string | undefined): void {
    const large = bytes > this.announcesAbove;
    if (large || !this.peerReportsProgress) this.sent += bytes;
    if (this.announcesFrames && only !== undefined) {
      this.#peer.send(namedAnnouncementFrame(only, bytes));
    } else if (this.announcesFrames) this.#peer.send(announcementFrame(bytes));
    else if (large) this.#peer.send(announcementFrame(bytes));
  }
}
