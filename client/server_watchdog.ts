/**
 * Notices when the server is gone: it sends heartbeats, which the client answers, and both announce large frames.
 *
 * @module
 */

import type { Welcome } from "../protocol/encode_replies.ts";
import {
  announcementThreshold,
  BURST_BYTES,
  HEARTBEAT_TIMEOUT,
  MIN_PEER_SPEED,
  MIN_UPLOAD_SPEED,
} from "../protocol/heartbeat.ts";
import { largestMessage, maxRequestFrameBytes } from "../protocol/frame_sizes.ts";
import type { ClientSocket } from "./client_socket.ts";

/** The client reports what it has received before the server assumes that nobody reads it, in milliseconds. */
const MAX_REPORT_DELAY = 2000;

/** What the watch needs of a socket. */
type WatchedSocket = Pick<
  ClientSocket,
  "announcementThreshold" | "bytesReceived" | "framesReceived" | "bufferedBytes" | "send" | "abort"
>;

/** Watches the connection to a server. */
export class ServerWatchdog {
  /** The size of the frame that the server has announced, and how many frames had arrived by then. */
  #announced = { bytes: 0, frames: 0 };
  /** How much was reported to the server as received, and when. */
  #reported = { received: 0, at: 0 };
  #timer: ReturnType<typeof setInterval> | undefined;
  #socket: WatchedSocket | undefined;
  /** The largest frame of the server, in bytes. */
  #maxFrameBytes = 0;
  /** The answer to a heartbeat waits behind much that is not sent yet. */
  #isReplyQueued = false;

  /**
   * Begins to watch a socket, if the server sends heartbeats.
   *
   * @param welcome what the server said of itself
   * @param socket the socket; it is dropped if nothing arrives for too long
   */
  start({ heartbeat, limits }: Pick<Welcome, "heartbeat" | "limits">, socket: WatchedSocket): void {
    this.#socket = socket;
    this.#maxFrameBytes = maxRequestFrameBytes({ messageBytes: largestMessage(limits) });
    if (heartbeat !== undefined) this.#startTimer(heartbeat, socket);
  }

  /**
   * A large frame is on its way. Where the socket does not count bytes, nothing is noticed until all of it has arrived.
   *
   * @param bytes its size; at most that of the largest possible frame counts
   */
  onAnnouncement(bytes: number): void {
    const frames = this.#socket?.framesReceived ?? 0;
    this.#announced = { bytes: Math.min(bytes, this.#maxFrameBytes), frames };
  }

  /** Answers a heartbeat at once, in a frame of its own: it tells the server that everything before it has arrived. */
  replyToHeartbeat(): void {
    const isQueued = (this.#socket?.bufferedBytes ?? 0) > BURST_BYTES;
    // While much waits to be sent, one answer among it is enough: a server that reads nothing must not make it grow.
    if (isQueued && this.#isReplyQueued) return;
    this.#isReplyQueued = isQueued;
    this.#markReported();
    this.#socket?.send('{"action":"heartbeat"}');
  }

  /** The socket is closed. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#socket = undefined;
    this.#announced = { bytes: 0, frames: 0 };
    this.#isReplyQueued = false;
  }

  #startTimer(interval: number, socket: WatchedSocket): void {
    this.#markReported();
    const reportAfter = Math.min(interval, MAX_REPORT_DELAY) / 2;
    let silence = 0;
    let checkedAt = performance.now();
    let receivedBefore = receivedBy(socket);
    socket.announcementThreshold = announcementThreshold(interval, MIN_UPLOAD_SPEED);
    this.#timer = setInterval(() => {
      const now = performance.now();
      const elapsed = now - checkedAt;
      checkedAt = now;
      const received = receivedBy(socket);
      const hasGrown = received > receivedBefore;
      receivedBefore = received;
      silence = hasGrown ? 0 : silence + elapsed;
      if (received > this.#reported.received && now - this.#reported.at >= reportAfter) {
        this.#markReported();
        socket.send(`{"action":"heartbeat","received":${received}}`);
      }
      // What arrived while this process was asleep is still to be read.
      if (elapsed > interval) silence = Math.min(silence, interval);
      else if (silence >= HEARTBEAT_TIMEOUT.intervals * interval + this.#slowFrameTime(socket)) {
        socket.abort(`nothing was received for ${Math.round(silence)} ms`);
      }
    }, Math.min(interval / HEARTBEAT_TIMEOUT.checks, MAX_REPORT_DELAY));
  }

  /** The server now knows how much has arrived. */
  #markReported(): void {
    this.#reported = {
      received: this.#socket ? receivedBy(this.#socket) : 0,
      at: performance.now(),
    };
  }

  /** How long an announced frame may take whose bytes are not seen, in milliseconds. */
  #slowFrameTime({ bytesReceived, framesReceived }: WatchedSocket): number {
    const { bytes, frames } = this.#announced;
    const coming = frames === framesReceived ? bytes : 0;
    const unseenBytes = bytesReceived === undefined ? coming : Math.min(coming, BURST_BYTES);
    return 1000 * unseenBytes / MIN_PEER_SPEED;
  }
}

/** How much has arrived, in bytes, or in frames where the socket does not count bytes. */
function receivedBy({ bytesReceived, framesReceived }: WatchedSocket): number {
  return bytesReceived ?? framesReceived;
}
