/**
 * How much is on its way between a peer and the server: while it passes, the peer cannot be heard.
 *
 * @module
 */

import type { HeartbeatRequest } from "../protocol/requests.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/** So many heartbeats may be unanswered before the oldest is taken for answered. */
const MAX_UNANSWERED = 100;

/** Counts what was sent and has not arrived, as the answers to heartbeats tell it, and what the peer has announced. */
export class UnderWay {
  readonly #replies: Pick<ReplyWriter, "sent">;
  readonly #largestFrame: number;
  /** How much had been sent before each heartbeat that is not answered, and before the last that was, in bytes. */
  readonly #sentBefore: number[] = [];
  #arrived = 0;
  /** How large a frame the peer has announced, in bytes. */
  #ahead = 0;

  /**
   * Begins with nothing.
   *
   * @param replies tells how much was sent
   * @param largestFrame no frame of the peer is larger, in bytes
   */
  constructor(replies: Pick<ReplyWriter, "sent">, largestFrame: number) {
    this.#replies = replies;
    this.#largestFrame = largestFrame;
  }

  /** In bytes. */
  get bytes(): number {
    return this.#ahead + this.#replies.sent - this.#arrived;
  }

  /** A frame has come: a heartbeat, or another. */
  received(heartbeat: HeartbeatRequest | undefined): void {
    this.#ahead = Math.min(heartbeat?.ahead ?? 0, this.#largestFrame);
    // What was sent before the heartbeat that it answers has arrived; what came after that may be under way.
    if (heartbeat?.ahead === 0) this.#arrived = this.#sentBefore.shift() ?? this.#replies.sent;
  }

  /** A heartbeat is about to be sent. */
  beats(): void {
    this.#sentBefore.push(this.#replies.sent);
    // One who answers none of them is heard otherwise.
    if (this.#sentBefore.length > MAX_UNANSWERED) this.#arrived = this.#sentBefore.shift()!;
  }
}
