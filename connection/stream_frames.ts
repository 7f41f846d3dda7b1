/**
 * Streams as frames of a connection.
 *
 * @module
 */

import { jobsHead } from "../protocol/encode_group_replies.ts";
import { streamError, streamFrameHead } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import { MIN_SHARED_BYTES } from "../protocol/shared_suffix.ts";
import type { LargeBodyCache } from "../queue/large_body_cache.ts";
import type { TopicBatch } from "../queue/topic_batch.ts";
import { hasRoom, mustWait, type Peer } from "../transports/peer.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { StreamOutput } from "./server_stream.ts";

/** Sends the streams of one connection. */
export class StreamFrames implements StreamOutput {
  readonly #peer: Peer;
  readonly #replies: ReplyWriter;
  readonly #largeBodies: LargeBodyCache;

  /** Sends in order with all else that the connection sends. */
  constructor(peer: Peer, replies: ReplyWriter, largeBodies: LargeBodyCache) {
    this.#peer = peer;
    this.#replies = replies;
    this.#largeBodies = largeBodies;
  }

  get frameBytes(): number {
    return this.#replies.frameBytes;
  }

  get isFull(): boolean {
    return mustWait(this.#peer);
  }

  hasRoom(bytes: number): boolean {
    return hasRoom(this.#peer, bytes);
  }

  waitForRoom(bytes: number): Promise<void> | undefined {
    return this.#peer.waitForRoom?.(bytes);
  }

  sendMessages(sub: number, previous: number, batch: TopicBatch): void {
    this.#send(streamFrameHead(sub, previous), batch);
  }

  /**
   * Sends jobs.
   *
   * @param sub the id of the stream
   * @param batch their messages
   * @param claims their claims
   * @param attempts how often each was tried, this time included
   */
  sendJobs(
    sub: number,
    batch: TopicBatch,
    claims: readonly number[],
    attempts: readonly number[],
  ): void {
    const head = jobsHead(sub, claims, attempts);
    if (batch.bytes >= MIN_SHARED_BYTES) return this.#send(head, batch);
    // They mostly come with the answer to what has finished others.
    const reply = head + batch.text;
    this.#replies.addLate(reply, sizeOf(reply, batch));
  }

  #send(head: string, batch: TopicBatch): void {
    const { messages, bytes } = batch;
    if (bytes < MIN_SHARED_BYTES) {
      const frame = head + batch.text;
      return this.#replies.sendFrame(frame, sizeOf(frame, batch));
    }
    const suffix = messages.length > 1
      ? batch.suffix
      : this.#largeBodies.get(messages[0]!, batch.end);
    // There is a comma between two messages; the attributes are in the closing, too.
    const size = bytes + messages.length - 1 - batch.attributeCharacters;
    this.#replies.sendShared(head + batch.head, suffix, size);
  }

  sendError(sub: number, error: WireError, through: number | undefined): void {
    this.#replies.sendFrame(streamError(sub, error, through));
  }
}

/** At most so many bytes: those of text that is not ASCII are counted with it. */
function sizeOf(frame: string, { bytes, topics }: TopicBatch): number {
  return frame.length + bytes + 2 * topics.length;
}
