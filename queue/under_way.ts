/**
 * How much is on its way between a peer and the server: while it passes, the peer may be silent.
 *
 * @module
 */

import { LUMP, PEER_SPEED, SLOWEST } from "../protocol/limits.ts";
import type { HeartbeatRequest } from "../protocol/requests.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Wire } from "./wire.ts";

/** So many heartbeats may be unanswered before the oldest is taken for answered. */
const MAX_UNANSWERED = 1000;

/** Counts what was sent and has not arrived, as the answers to heartbeats tell it, and what the peer has announced. */
export class UnderWay {
  readonly #replies: Pick<ReplyWriter, "sent" | "peerTellsProgress">;
  readonly #wire: Pick<Wire, "bytesReceived">;
  readonly #largestFrame: number;
  /** How much had been sent before each heartbeat that is not answered, and before the last that was, in bytes. */
  readonly #sentBefore: number[] = [];
  #arrived = 0;
  /** How large a frame the peer has announced, in bytes. */
  #ahead = 0;
  /** How much the peer says that it has received. */
  #read = 0;

  /**
   * Begins with nothing.
   *
   * @param replies tells how much was sent
   * @param wire tells how much has come, if it knows
   * @param largestFrame no frame of the peer is larger, in bytes
   */
  constructor(
    replies: Pick<ReplyWriter, "sent" | "peerTellsProgress">,
    wire: Pick<Wire, "bytesReceived">,
    largestFrame: number,
  ) {
    this.#replies = replies;
    this.#wire = wire;
    this.#largestFrame = largestFrame;
  }

  /** For how much longer than usual the peer may be silent, in milliseconds. */
  get slack(): number {
    const { sent, peerTellsProgress } = this.#replies;
    const down = sent - this.#arrived;
    // Where progress is seen, silence is none but for a lump.
    const downTime = (peerTellsProgress ? Math.min(down, LUMP) : down) / PEER_SPEED;
    const upTime = this.#wire.bytesReceived === undefined
      ? this.#ahead / SLOWEST
      : Math.min(this.#ahead, LUMP) / PEER_SPEED;
    return 1000 * (downTime + upTime);
  }

  /**
   * A frame has come: a heartbeat, or another.
   *
   * @returns whether it says that the peer has read something since it said so last
   */
  received(heartbeat: HeartbeatRequest | undefined): boolean {
    this.#ahead = Math.min(heartbeat?.ahead ?? 0, this.#largestFrame);
    if (heartbeat === undefined || heartbeat.ahead > 0) return false;
    const { received } = heartbeat;
    if (received !== undefined) {
      const more = received > this.#read;
      if (more) this.#read = received;
      return more;
    }
    // What was sent before the heartbeat that it answers has arrived; what came after that may be under way.
    const asked = this.#sentBefore.shift();
    this.#arrived = asked ?? this.#replies.sent;
    return asked !== undefined;
  }

  /** A heartbeat is about to be sent. */
  beats(): void {
    this.#sentBefore.push(this.#replies.sent);
    // One who answers none of them is heard otherwise.
    if (this.#sentBefore.length > MAX_UNANSWERED) this.#arrived = this.#sentBefore.shift()!;
  }
}
