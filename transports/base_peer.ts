/**
 * What all peers have in common, whichever transport they use.
 *
 * @module
 */

import type { Turn } from "../budgets/turns.ts";
import { MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { Peer, PeerEvents } from "./peer.ts";
import type { PortContext } from "./port_context.ts";
import type { UnreadAccount } from "./unread_limiter.ts";
import type { MonitoredPeer } from "./slow_peer_monitor.ts";

/** Below this many bytes little is buffered. */
export const LOW_WATER = 64 * 1024;

/** How many bytes a system may buffer before it tells that any of them was sent. */
const HIDDEN_BUFFER = 1024 * 1024;

/** After what time it is checked again whether a slow peer has read, in milliseconds: there is no event for it. */
const DRAIN_POLL = { first: 5, max: 100 };

/**
 * Guards the event handlers, counts what the peer has not read yet, and ends once. A socket calls `onOpen`, `onFrame` and
 * `onClose`, and implements the abstract methods.
 */
export abstract class BasePeer implements Peer, MonitoredPeer {
  readonly turn: Turn;
  readonly #context: PortContext;
  readonly #address: string;
  readonly #account: UnreadAccount;
  #onConnected: ((peer: Peer) => PeerEvents) | undefined;
  #events: PeerEvents | undefined;
  #closed = false;
  #closing = false;
  #monitored = false;
  /** An upper bound of what is buffered, in characters: asking the platform takes as long as sending. */
  #unread = 0;
  /** How much would be buffered if the peer had read nothing since the last check. */
  #unreadSinceCheck = 0;
  /** The largest frame since little was buffered, in bytes, if it is larger than a frame of replies. */
  #largestFrame = 0;
  /** The peer has reported that it has read. */
  #readConfirmed = false;
  /** It cannot report that. */
  #cannotConfirmReads = false;
  /** Set while somebody waits for the peer to read. */
  #drain: PromiseWithResolvers<void> | undefined;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #drainDelay = DRAIN_POLL.first;

  /**
   * Creates a peer before its socket is open.
   *
   * @param onConnected is called when it is connected
   * @param context what all peers of the port share
   * @param from the address of the peer
   */
  constructor(onConnected: (peer: Peer) => PeerEvents, context: PortContext, from: string) {
    this.#onConnected = onConnected;
    this.#context = context;
    this.#address = from;
    this.#account = context.unread.open(
      from,
      () => this.#closed ? 0 : this.#unread = this.measureUnread(),
    );
    this.turn = context.turns.join();
  }

  /** How many bytes the socket holds for the peer. */
  protected abstract measureUnread(): number;
  /** Sends a text frame. Not called after the end. */
  protected abstract transmit(frame: string): void;
  /** The same for a frame whose end is shared. */
  protected transmitShared(head: string, { body, closing }: SharedSuffix): void {
    this.transmit(head + body + closing);
  }
  /** Sends a close frame, unless that was done. */
  protected abstract sendClose(code: number, reason: string): void;
  /** Reads nothing more, as far as the platform allows. */
  protected abstract stopReading(): void;
  /** Ends the connection at once, as far as the platform allows. */
  protected abstract terminate(): void;

  /** The socket is open. */
  protected onOpen(): void {
    if (this.#closed) return this.terminate();
    this.#guarded(() => this.#connect());
  }

  /** A frame came. */
  protected onFrame(data: unknown): void {
    this.#guarded(() => this.#events?.receive(data));
  }

  /** Ends the connection of a peer that broke the rules, with a code and a reason for the peer, and another for the log. */
  protected disconnect(code: number, reason: string, logReason: string): void {
    if (this.#closed) return;
    this.onDropped(logReason);
    this.sendClose(code, reason);
  }

  /** The server or its platform ends the connection: here is why, for the log. */
  protected onDropped(reason: string, isSlowReader = false): void {
    if (this.#closed) return;
    this.onClose();
    this.#context.handler.onPeerDropped({ reason, address: this.#address, isSlowReader });
  }

  /** The peer has read something. Not all sockets tell. */
  protected onDrained(): void {
    if (this.#drain) this.#checkDrained();
  }

  /** The socket is closed. Some sockets tell this twice. */
  protected onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#account.close();
    this.#context.slowPeers.delete(this);
    this.#checkDrained();
    this.#guarded(() => {
      // A peer that never connected gets its events, too.
      this.#connect();
      this.#events?.end();
    });
  }

  #connect(): void {
    const onConnected = this.#onConnected;
    if (!onConnected) return;
    this.#onConnected = undefined;
    this.#events = onConnected(this);
  }

  get buffered(): number {
    return this.#unread < LOW_WATER && !this.#closed ? this.#unread : this.unreadBytes;
  }

  get unreadBytes(): number {
    return this.#closed ? 0 : this.#unread = this.measureUnread();
  }

  confirmRead(): void {
    this.#readConfirmed = true;
  }

  cannotConfirmReads(): void {
    this.#cannotConfirmReads = true;
  }

  assignTo(holder: string): void {
    this.#account.budget.moveTo(holder);
  }

  send(frame: string, bytes: number = frame.length): void {
    if (this.#closed) return;
    this.#countUnread(frame.length, bytes);
    this.transmit(frame);
    this.#afterSend();
  }

  sendShared(head: string, suffix: SharedSuffix, bytes: number): void {
    if (this.#closed) return;
    this.#countUnread(head.length + suffix.length, bytes);
    this.transmitShared(head, suffix);
    this.#afterSend();
  }

  /** This much is about to be sent. */
  #countUnread(characters: number, bytes: number): void {
    if (bytes > REPLY_FRAME_BYTES) this.#largestFrame = Math.max(this.#largestFrame, bytes);
    this.#unread += characters;
    this.#unreadSinceCheck += characters;
  }

  #afterSend(): void {
    if (this.#unread > this.#account.recountAt || this.#account.isReserved) this.#account.onSent();
    if (this.#unread > LOW_WATER && !this.#monitored && this.buffered > LOW_WATER) {
      this.#startMonitoring();
    }
  }

  mustReadFirst(bytes: number): boolean {
    return !this.#closed && this.#account.mustReadFirst(bytes);
  }

  hasRoom(bytes: number): boolean {
    return this.#closed || this.#account.hasRoom(bytes);
  }

  waitForRoom(bytes: number): Promise<void> {
    return this.#closed ? Promise.resolve() : this.#account.waitForRoom(bytes);
  }

  drained(): Promise<void> {
    if (this.#drain) return this.#drain.promise;
    const { promise } = this.#drain = Promise.withResolvers<void>();
    this.#checkDrained();
    return promise;
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closing = true;
    this.sendClose(code, reason);
    // It may never answer: then it is dropped.
    if (!this.#monitored) this.#startMonitoring();
  }

  closeAndStopReading(code: number, reason: string): void {
    if (this.#closed) return;
    this.close(code, reason);
    this.stopReading();
  }

  drop(reason: string, isSlowReader = false): void {
    if (this.#closed) return;
    this.onDropped(reason, isSlowReader);
    const wait = this.#context.terminatePacer.wait();
    if (wait) void wait.then(() => this.terminate());
    else this.terminate();
  }

  checkProgress(): "reading" | "stalled" | "drained" {
    const now = this.measureUnread();
    this.#account.onMeasured(now);
    const hasRead = this.#readConfirmed || now < this.#unreadSinceCheck;
    this.#readConfirmed = false;
    this.#unread = this.#unreadSinceCheck = now;
    if (now <= LOW_WATER) this.#largestFrame = 0;
    if (now <= LOW_WATER && !this.#closing) {
      this.#monitored = false;
      return "drained";
    }
    return hasRead ? "reading" : "stalled";
  }

  /**
   * Progress of a large frame shows only when all of it was sent; and small ones may be buffered. Without memory there is no time.
   */
  get slack(): number {
    if (this.#account.isExhausted) return 0;
    const isHidden = this.#largestFrame > 0 || (this.#cannotConfirmReads && !this.#closing);
    return isHidden ? 1000 * (this.#largestFrame + HIDDEN_BUFFER) / MIN_PEER_SPEED : 0;
  }

  #startMonitoring(): void {
    this.#monitored = true;
    this.#unreadSinceCheck = this.measureUnread();
    this.#context.slowPeers.add(this);
  }

  /** Checks whether the peer has read. If not, it checks again, after longer and longer pauses. */
  #checkDrained(): void {
    clearTimeout(this.#drainTimer);
    const { buffered } = this;
    if (buffered > LOW_WATER || this.mustReadFirst(buffered)) {
      this.#drainTimer = setTimeout(() => this.#checkDrained(), this.#drainDelay);
      this.#drainDelay = Math.min(2 * this.#drainDelay, DRAIN_POLL.max);
      return;
    }
    this.#drainDelay = DRAIN_POLL.first;
    this.#drain?.resolve();
    this.#drain = undefined;
  }

  /** Runs an event handler. An exception would end the whole process. */
  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#context.handler.onError(error);
      this.close(CLOSE_CODE.internalError, "internal error");
    }
  }
}
