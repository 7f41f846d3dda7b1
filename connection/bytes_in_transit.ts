/**
 * How much is on its way between a peer and the server: while it passes, the peer may be silent.
 *
 * @module
 */

import { BURST_BYTES, MIN_PEER_SPEED, MIN_UPLOAD_SPEED } from "../protocol/limits.ts";
import type { HeartbeatRequest } from "../protocol/requests.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Peer } from "../transports/peer.ts";

/** So many heartbeats may be unanswered before the oldest is taken for answered. */
const MAX_UNANSWERED = 1000;

/** Counts what was sent and has not arrived, as the answers to heartbeats tell it, and what the peer has announced. */
export class BytesInTransit {
  readonly #replies: Pick<ReplyWriter, "sent" | "peerReportsProgress">;
  readonly #peer: Pick<Peer, "bytesReceived">;
  readonly #largestFrame: number;
  /** How much had been sent before each heartbeat that is not answered, and before the last that was, in bytes. */
  readonly #sentBefore: number[] = [];
  #arrived = 0;
  /** How large a frame the peer has announced, in bytes. */
  #announced = 0;
  /** How much the peer says that it has received. */
  #confirmed = 0;

  /**
   * Begins with nothing.
   *
   * @param replies tells how much was sent
   * @param peer tells how much has come, if it knows
   * @param largestFrame no frame of the peer is larger, in bytes
   */
  constructor(
    replies: Pick<ReplyWriter, "sent" | "peerReportsProgress">,
    peer: Pick<Peer, "bytesReceived">,
    largestFrame: number,
  ) {
    this.#replies = replies;
    this.#peer = peer;
    this.#largestFrame = largestFrame;
  }

  /** For how much longer than usual the peer may be silent, in milliseconds. */
  get slack(): number {
    const { sent, peerReportsProgress } = this.#replies;
    const unread = sent - this.#arrived;
    // Where progress is seen, silence is none but for a lump.
    const downTime = (peerReportsProgress ? Math.min(unread, BURST_BYTES) : unread) /
      MIN_PEER_SPEED;
    const upTime = this.#peer.bytesReceived === undefined
      ? this.#announced / MIN_UPLOAD_SPEED
      : Math.min(this.#announced, BURST_BYTES) / MIN_PEER_SPEED;
    return 1000 * (downTime + upTime);
  }

  /**
   * A frame has come: a heartbeat, or another.
   *
   * @returns whether it says that the peer has read something since it said so last
   */
  onFrame(heartbeat: HeartbeatRequest | undefined): boolean {
    this.#announced = Math.min(heartbeat?.ahead ?? 0, this.#largestFrame);
    if (heartbeat === undefined || heartbeat.ahead > 0) return false;
    const { received: confirmed } = heartbeat;
    if (confirmed !== undefined) {
      const isNew = confirmed > this.#confirmed;
      if (isNew) this.#confirmed = confirmed;
      return isNew;
    }
    // What was sent before the heartbeat that it answers has arrived; what came after that may be under way.
    const sentBefore = this.#sentBefore.shift();
    this.#arrived = sentBefore ?? this.#replies.sent;
    return sentBefore !== undefined;
  }

  /** A heartbeat is about to be sent. */
  onHeartbeatSent(): void {
    this.#sentBefore.push(this.#replies.sent);
    // One who answers none of them is heard otherwise.
    if (this.#sentBefore.length > MAX_UNANSWERED) this.#arrived = this.#sentBefore.shift()!;
  }
}
