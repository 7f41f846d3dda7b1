/**
 * The line to a peer, as far as it is the same however the peer arrived.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import { MIN_PEER_SPEED, REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import { Pacer } from "./pacer.ts";
import type { Peer, PeerEvents } from "./peer.ts";
import type { ConnectionHandler, PeerLimits } from "./transport.ts";
import { type UnreadAccount, UnreadLimiter } from "./unread_limiter.ts";
import { type MonitoredPeer, SlowPeerMonitor } from "./slow_peer_monitor.ts";

/** Little is buffered below so many bytes. */
export const LOW_WATER = 64 * 1024;

/** So much may have to leave before a system that holds back much tells that any of it did, in bytes. */
const HIDDEN_BUFFER = 1024 * 1024;

/** After what time to look again whether a slow peer has read, in milliseconds: there is no event for it. */
const DRAIN_POLL = { first: 5, max: 100 };

/** What the lines of one port share. */
export interface PortContext {
  readonly handler: ConnectionHandler;
  readonly slowPeers: SlowPeerMonitor;
  readonly unread: UnreadLimiter;
  readonly turns: Turns;
  /** Thousands may be given up at once, and to hang up on them takes a third of a second. */
  readonly terminatePacer: Pacer;
}

/** What the lines of a new port share. */
export function createPortContext(handler: ConnectionHandler, limits: PeerLimits): PortContext {
  return {
    handler,
    slowPeers: new SlowPeerMonitor(limits),
    unread: new UnreadLimiter(limits.unread),
    turns: new Turns(),
    terminatePacer: new Pacer(),
  };
}

/**
 * Guards what the visit does, keeps account of what the peer has yet to read, and ends once. A socket
 * says what it hears to `opened`, `received` and `ended`, and does what the abstract methods say.
 */
export abstract class BasePeer implements Peer, MonitoredPeer {
  readonly turn: Turn;
  readonly #context: PortContext;
  readonly #account: UnreadAccount;
  #onConnected: ((peer: Peer) => PeerEvents) | undefined;
  #events: PeerEvents | undefined;
  #closed = false;
  #closing = false;
  #monitored = false;
  /** At most so much is buffered, in characters: to ask the platform takes as long as to send. */
  #unread = 0;
  /** At least so much would be buffered if the peer had read nothing since the last look. */
  #unreadSinceCheck = 0;
  /** The largest frame that was sent since little was buffered, in bytes, if it is larger than answers together may be. */
  #largestFrame = 0;
  /** The peer has said that it has read. */
  #readConfirmed = false;
  /** It cannot say so. */
  #cannotConfirmReads = false;
  /** There while somebody waits for the peer to read. */
  #drain: PromiseWithResolvers<void> | undefined;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #drainDelay = DRAIN_POLL.first;

  /**
   * Makes the line, before the peer has arrived.
   *
   * @param onConnected begins the visit
   * @param context what all lines share
   * @param from the address of the peer
   */
  constructor(onConnected: (peer: Peer) => PeerEvents, context: PortContext, from: string) {
    this.#onConnected = onConnected;
    this.#context = context;
    this.#account = context.unread.open(
      from,
      () => this.#closed ? 0 : this.#unread = this.measureUnread(),
    );
    this.turn = context.turns.join();
  }

  /** How many bytes the socket holds for the peer. */
  protected abstract measureUnread(): number;
  /** Sends a text frame; the line is not gone. */
  protected abstract transmit(frame: string): void;
  /** The same, of a frame that ends as those of others do. */
  protected transmitShared(head: string, { body, closing }: SharedSuffix): void {
    this.transmit(head + body + closing);
  }
  /** Says goodbye, if that has not been done. */
  protected abstract sendClose(code: number, reason: string): void;
  /** Reads nothing more, as far as the platform can. */
  protected abstract stopReading(): void;
  /** Ends the connection at once, as far as the platform can. */
  protected abstract terminate(): void;

  /** It is known whether the peer arrives. */
  protected onSettled(): void {}

  /** The socket is open. */
  protected onOpen(): void {
    if (this.#closed) return this.terminate();
    this.#guarded(() => this.#connect());
  }

  /** A frame came. */
  protected onFrame(data: unknown): void {
    this.#guarded(() => this.#events?.receive(data));
  }

  /** Gives up a peer that broke the rules, with a code and a reason for itself, and another for the log. */
  protected disconnect(code: number, reason: string, logReason: string): void {
    if (this.#closed) return;
    this.onClose();
    this.sendClose(code, reason);
    this.#context.handler.onPeerDropped(logReason);
  }

  /** The peer has read. Not all sockets know. */
  protected onDrained(): void {
    if (this.#drain) this.#checkDrained();
  }

  /** The socket is closed. Some say so twice. */
  protected onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#account.close();
    this.#context.slowPeers.delete(this);
    this.#checkDrained();
    this.#guarded(() => {
      // One who never came was promised a visit, too.
      this.#connect();
      this.#events?.end();
    });
  }

  #connect(): void {
    const onConnected = this.#onConnected;
    if (!onConnected) return;
    this.#onConnected = undefined;
    this.onSettled();
    this.#events = onConnected(this);
  }

  get buffered(): number {
    if (this.#closed) return 0;
    return this.#unread < LOW_WATER ? this.#unread : this.#unread = this.measureUnread();
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

  /** So much is about to be sent. */
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
    if (!this.#drain) {
      this.#drain = Promise.withResolvers<void>();
      const { promise } = this.#drain;
      this.#checkDrained();
      return promise;
    }
    return this.#drain.promise;
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closing = true;
    this.sendClose(code, reason);
    // It may never answer: then it is given up.
    if (!this.#monitored) this.#startMonitoring();
  }

  closeAndStopReading(code: number, reason: string): void {
    if (this.#closed) return;
    this.close(code, reason);
    this.stopReading();
  }

  drop(reason: string): void {
    if (this.#closed) return;
    this.onClose();
    const wait = this.#context.terminatePacer.wait();
    if (wait) void wait.then(() => this.terminate());
    else this.terminate();
    this.#context.handler.onPeerDropped(reason);
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
   * That a large frame moves shows when all of it has left; and what is small may be held back, too. Where its holder has
   * as much to read as it may have, nobody has time for that.
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

  /** Looks whether the peer has read; if not, looks again, after longer and longer pauses. */
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

  /** Does what an event asks for. An exception would end the whole process. */
  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#context.handler.onError(error);
      this.close(CLOSE_CODE.internalError, "internal error");
    }
  }
}
