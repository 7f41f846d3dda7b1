/**
 * Whether the peer of one connection is still there.
 *
 * @module
 */

import { heartbeatFrame } from "../protocol/encode_replies.ts";
import { BURST_BYTES, MIN_PEER_SPEED, MIN_UPLOAD_SPEED } from "../protocol/heartbeat.ts";
import { maxRequestFrameBytes } from "../protocol/frame_sizes.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { HeartbeatRequest } from "../protocol/requests.ts";
import type { StoreBounds } from "../stores/store.ts";
import { BUFFER_LIMIT, type Peer } from "../transports/peer.ts";
import type { HeartbeatTarget } from "./heartbeats.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/** How many heartbeats may be unanswered. Beyond that the oldest counts as answered. */
const MAX_UNANSWERED = 1000;

/** The connection whose peer is watched. */
export interface WatchedConnection {
  /** The peer is gone, and what it said before is being done. */
  readonly peerGone: boolean;
  /** The peer was silent for too long. */
  giveUp(): void;
}

/**
 * Counts what was sent and has not arrived, as the answers to heartbeats tell it, and what the peer has announced: while
 * that is under way, a peer that says nothing is still there.
 */
export class Liveness implements HeartbeatTarget {
  readonly #connection: WatchedConnection;
  readonly #peer: Pick<Peer, "bytesReceived" | "hasUnreadInput" | "buffered">;
  readonly #replies: Pick<ReplyWriter, "sent" | "peerReportsProgress" | "sendFrame">;
  /** No frame of the peer is larger, in bytes. */
  readonly #largestFrame: number;
  /** Something came since this was asked last. */
  #frameReceived = false;
  /** How many bytes had come when this was asked last. */
  #bytesReceived: number | undefined;
  /** How much had been sent before each heartbeat that is not answered, and before the last that was, in bytes. */
  readonly #sentBefore: number[] = [];
  #arrived = 0;
  /** How large a frame the peer has announced, in bytes. */
  #announced = 0;
  /** How much the peer says that it has received, in bytes. */
  #confirmed = 0;

  /**
   * Begins to watch.
   *
   * @param connection is notified when its peer is silent for too long
   * @param peer tells how much has come, if it knows
   * @param replies tells how much was sent, and sends heartbeats
   * @param limits what the connection is held to
   */
  constructor(
    connection: WatchedConnection,
    peer: Pick<Peer, "bytesReceived" | "hasUnreadInput" | "buffered">,
    replies: Pick<ReplyWriter, "sent" | "peerReportsProgress" | "sendFrame">,
    limits: Limits,
  ) {
    this.#connection = connection;
    this.#peer = peer;
    this.#replies = replies;
    this.#largestFrame = maxRequestFrameBytes(limits);
  }

  /**
   * A frame has come.
   *
   * @param heartbeat what it says, if it is a heartbeat
   * @returns whether it says that the peer has read something since it said so last
   */
  onFrame(heartbeat: HeartbeatRequest | undefined): boolean {
    this.#frameReceived = true;
    this.#announced = Math.min(heartbeat?.ahead ?? 0, this.#largestFrame);
    if (heartbeat === undefined || heartbeat.ahead > 0) return false;
    const { received } = heartbeat;
    if (received !== undefined) {
      const isNew = received > this.#confirmed;
      if (isNew) this.#confirmed = received;
      return isNew;
    }
    // What was sent before the heartbeat that it answers has arrived. What was sent later may be under way.
    const sentBefore = this.#sentBefore.shift();
    this.#arrived = sentBefore ?? this.#replies.sent;
    return sentBefore !== undefined;
  }

  /** For how much longer than usual the peer may be silent, in milliseconds. */
  get slack(): number {
    const { sent, peerReportsProgress } = this.#replies;
    const down = sent - this.#arrived;
    // A peer that tells its progress is silent at most for what arrives in one go.
    const downTime = (peerReportsProgress ? Math.min(down, BURST_BYTES) : down) / MIN_PEER_SPEED;
    const upTime = this.#peer.bytesReceived === undefined
      ? this.#announced / MIN_UPLOAD_SPEED
      : Math.min(this.#announced, BURST_BYTES) / MIN_PEER_SPEED;
    return 1000 * (downTime + upTime);
  }

  hadActivity(): boolean {
    const { bytesReceived } = this.#peer;
    const hasInput = this.#connection.peerGone || this.#peer.hasUnreadInput === true;
    const active = this.#frameReceived || bytesReceived !== this.#bytesReceived || hasInput;
    this.#frameReceived = false;
    this.#bytesReceived = bytesReceived;
    return active;
  }

  onHeartbeatTimeout(): void {
    this.#connection.giveUp();
  }

  sendHeartbeat(every: number, bounds: StoreBounds): void {
    // A peer that does not read has enough to read.
    if (this.#peer.buffered >= BUFFER_LIMIT) return;
    this.#sentBefore.push(this.#replies.sent);
    // A peer that never answers heartbeats shows in other ways that it is alive.
    if (this.#sentBefore.length > MAX_UNANSWERED) this.#arrived = this.#sentBefore.shift()!;
    this.#replies.sendFrame(heartbeatFrame({ heartbeat: every, ...bounds }));
  }
}
