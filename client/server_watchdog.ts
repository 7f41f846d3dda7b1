/**
 * Whether both ends hear each other: the server sends a heartbeat each so often, which is answered, and large frames
 * are announced either way.
 *
 * @module
 */

import type { Welcome } from "../protocol/encode_replies.ts";
import {
  announcementThreshold,
  BURST_BYTES,
  HEARTBEAT_TIMEOUT,
  maxRequestFrameBytes,
  MIN_PEER_SPEED,
  MIN_UPLOAD_SPEED,
} from "../protocol/limits.ts";
import { utf8Length } from "../protocol/text.ts";
import type { ClientSocket } from "./client_socket.ts";

/** The server is told that bytes come before it believes that nobody reads them, in milliseconds. */
const MAX_REPORT_DELAY = 2000;

/** What is watched, and written to. */
type WatchedSocket = Pick<ClientSocket, "bytesReceived" | "bufferedBytes" | "send" | "abort">;

/** Watches over a connection to a server. */
export class ServerWatchdog {
  /** How many frames came. */
  #frames = 0;
  /** How large a frame the server has announced, in bytes. */
  #announcedBytes = 0;
  /** How much has come, in bytes, or in frames where bytes are not seen. */
  #received = () => this.#frames;
  /** How much of it the server has been told of, and when. */
  #reported = { received: 0, at: 0 };
  #timer: ReturnType<typeof setInterval> | undefined;
  #socket: WatchedSocket | undefined;
  /** No frame of the server is larger, in bytes. */
  #maxFrameBytes = 0;
  /** A frame of more bytes than this is announced to the server. */
  #announceAbove = Infinity;
  /** An answer to a heartbeat was sent behind much that waited to leave, and that still does. */
  #isReplyQueued = false;

  /**
   * Begins to watch, if the server sends heartbeats.
   *
   * @param welcome what the server said of itself
   * @param socket what the server is heard on; it is given up if nothing is heard for too long
   */
  start({ heartbeat, limits }: Pick<Welcome, "heartbeat" | "limits">, socket: WatchedSocket): void {
    this.#socket = socket;
    this.#maxFrameBytes = maxRequestFrameBytes(limits);
    if (heartbeat !== undefined) this.#startTimer(heartbeat, socket);
  }

  /** Sends a frame, behind an announcement if it is large. */
  send(frame: string): void {
    const socket = this.#socket;
    if (!socket) return;
    // A character takes up to three bytes.
    if (3 * frame.length > this.#announceAbove) {
      const bytes = utf8Length(frame);
      if (bytes > this.#announceAbove) socket.send(`{"action":"heartbeat","ahead":${bytes}}`);
    }
    socket.send(frame);
  }

  /** A frame came. */
  onFrame(): void {
    this.#frames++;
    this.#announcedBytes = 0;
  }

  /**
   * A large frame is on its way: where its bytes are not seen, nothing is heard until all are there.
   *
   * @param bytes how large it is; no more is believed than one can have
   */
  onAnnouncement(bytes: number): void {
    this.#announcedBytes = Math.min(bytes, this.#maxFrameBytes);
  }

  /** Answers a heartbeat: alone, and not in its turn, for that tells the server that all up to it has arrived. */
  replyToHeartbeat(): void {
    const isQueued = (this.#socket?.bufferedBytes ?? 0) > BURST_BYTES;
    // While much waits to leave, one answer among it is enough: a server that reads nothing cannot make it more and more.
    if (isQueued && this.#isReplyQueued) return;
    this.#isReplyQueued = isQueued;
    this.#markReported();
    this.#socket?.send('{"action":"heartbeat"}');
  }

  /** The connection is over. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#socket = undefined;
    this.#announcedBytes = 0;
    this.#isReplyQueued = false;
    this.#announceAbove = Infinity;
  }

  #startTimer(interval: number, socket: WatchedSocket): void {
    this.#received = () => socket.bytesReceived ?? this.#frames;
    this.#markReported();
    const reportAfter = Math.min(interval, MAX_REPORT_DELAY) / 2;
    let silence = 0;
    let checkedAt = performance.now();
    let receivedBefore = this.#received();
    this.#announceAbove = announcementThreshold(interval, MIN_UPLOAD_SPEED);
    this.#timer = setInterval(() => {
      const now = performance.now();
      const elapsed = now - checkedAt;
      checkedAt = now;
      const received = this.#received();
      const hasGrown = received > receivedBefore;
      receivedBefore = received;
      silence = hasGrown ? 0 : silence + elapsed;
      if (received > this.#reported.received && now - this.#reported.at >= reportAfter) {
        this.#markReported();
        socket.send(`{"action":"heartbeat","received":${received}}`);
      }
      // What came while this process was asleep is still to be read.
      if (elapsed > interval) silence = Math.min(silence, interval);
      else if (silence >= HEARTBEAT_TIMEOUT.intervals * interval + this.#slowFrameTime(socket)) {
        socket.abort(`nothing was heard for ${Math.round(silence)} ms`);
      }
    }, Math.min(interval / HEARTBEAT_TIMEOUT.checks, MAX_REPORT_DELAY));
  }

  /** The server knows by now how much has come. */
  #markReported(): void {
    this.#reported = { received: this.#received(), at: performance.now() };
  }

  #slowFrameTime({ bytesReceived }: WatchedSocket): number {
    const unseenBytes = bytesReceived === undefined
      ? this.#announcedBytes
      : Math.min(this.#announcedBytes, BURST_BYTES);
    return 1000 * unseenBytes / MIN_PEER_SPEED;
  }
}
