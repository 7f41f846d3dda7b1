/**
 * A peer over `npm:ws`.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressHolder } from "../budgets/address_key.ts";
import type { EvictingAccount, EvictingBudget } from "../budgets/evicting_budget.ts";
import { MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import type { SharedSuffix } from "../protocol/shared_suffix.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import { type InputLimit, LimitedInput } from "./limited_input.ts";
import { BasePeer, LOW_WATER } from "./base_peer.ts";
import type { PortContext } from "./port_context.ts";
import { WebSocketInput } from "./node_websocket_input.ts";
import type { Pacer } from "./pacer.ts";
import { CHECKS, type IdlePings, type PingTarget } from "./node_idle_pings.ts";
import { PartialMessage } from "./partial_message.ts";
import { TextFrame } from "./text_frame.ts";
import type { Peer, PeerEvents } from "./peer.ts";

/** A peer that answers pings, and has left this many unanswered, is gone. */
const MAX_UNANSWERED = 3;

/** For every this many bytes that it has to read first it may leave one more unanswered: slow networks take that long. */
const BYTES_PER_PING = 20 * MIN_PEER_SPEED;

/** The value of `readyState` when `npm:ws` is open. */
const OPEN = 1;

/** The size of the pong to an empty ping, in bytes. */
const PONG = 6;

/** How long a peer that broke the rules has to receive the reason, in milliseconds. */
const CLOSE_TIMEOUT = 1000;

/** What these peers share besides what all share. */
export interface HardenedContext extends PortContext {
  readonly pings: IdlePings;
  readonly endPacer: Pacer;
  /** Memory for incomplete messages. */
  readonly partial: EvictingBudget;
}

/** The part of a WebSocket of `npm:ws` that is used. */
export interface WsSocket {
  readonly bufferedAmount: number;
  readonly readyState: number;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "pong" | "close", listener: () => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  send(frame: string): void;
  ping(): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/**
 * A socket reports data as sent only when all that it was given in one go is sent. So it gets a little at a time, and the
 * rest waits here: otherwise a peer that reads slowly would look like one that does not read.
 */
export class NodePeer extends BasePeer implements PingTarget {
  readonly #socket: WsSocket;
  readonly #connection: Socket;
  readonly #input: WebSocketInput;
  readonly #partial: EvictingAccount;
  /** How much had come at the last check, and how many there were since something came. */
  #receivedByCheck = 0;
  #quietChecks = 0;
  /** How many checks there were in all, and how much was sent by the one that began the interval. */
  #checks = 0;
  #sentByInterval = 0;
  /** How much had come at the last ping. */
  #receivedByPing = 0;
  /** How many pings were sent since something came, and how many bytes before. */
  #pings = 0;
  #sentBefore = 0;
  /** It answers pings even while it is silent. Some clients answer only while they read, and may not read for hours. */
  #respondsToPings = false;
  #queue: (string | TextFrame)[] = [];
  /** In characters. */
  #queueSize = 0;
  #limitedInput: LimitedInput | undefined;
  /** Sent once nothing waits. */
  #closeFrame: { code: number; reason: string } | undefined;
  /** It is closed because there is no memory, and gets that reason if everything else has reached it. */
  #lacksRoom = false;
  #terminateTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    socket: WsSocket,
    connection: Socket,
    onConnected: (peer: Peer) => PeerEvents,
    context: HardenedContext,
  ) {
    super(onConnected, context, connection.remoteAddress ?? "");
    this.#socket = socket;
    this.#connection = connection;
    const stopPings = context.pings.add(this);
    const message = new PartialMessage();
    const partial = this.#partial = context.partial.open(
      addressHolder(connection.remoteAddress ?? ""),
      () => {
        this.#lacksRoom = true;
        this.drop("there was no memory for its incomplete frame");
      },
    );
    const hold = () => partial.set(message.held + input.buffered);
    // The WebSocket got this before, so complete messages are handled, or counted elsewhere.
    connection.on("data", (piece: Uint8Array) => {
      message.scan(piece);
      hold();
    });
    // From now on pieces are handed over in their turn. Until then they count as well.
    const input = this.#input = new WebSocketInput(connection, socket, this.turn, context.endPacer);
    connection.on("data", () => {
      if (input.buffered > 0) hold();
    });
    connection.on("drain", () => this.#resume());
    socket.on("message", (data, isBinary) => this.onFrame(isBinary ? data : `${data}`));
    socket.on("pong", () => {
      if (connection.bytesRead - this.#receivedByPing <= PONG) this.#respondsToPings = true;
    });
    socket.on("close", () => {
      stopPings();
      partial.close();
      clearTimeout(this.#terminateTimer);
      this.onClose();
    });
    // It violated the WebSocket protocol, and `npm:ws` sends it a close frame. Without a listener this would end the process.
    socket.on("error", (error) => {
      this.onDropped(`it broke the WebSocket protocol (${error.message})`);
      this.#terminateSoon();
      this.stopReading();
    });
    this.onOpen();
  }

  checkIdle(): void {
    const received = this.#connection.bytesRead;
    const sent = this.#connection.bytesWritten;
    // What was sent since may still be on its way, even if the peer has sent something after that.
    const sentBefore = this.#sentByInterval;
    if (this.#checks++ % CHECKS === 0) this.#sentByInterval = sent;
    if (received !== this.#receivedByCheck || this.hasUnreadInput) {
      this.#receivedByCheck = received;
      this.#quietChecks = 0;
      this.#pings = 0;
      this.#sentBefore = sentBefore;
      return;
    }
    // The last thing may have come just after the check before, so one less is an interval; later pings come after whole ones.
    if (++this.#quietChecks % CHECKS !== CHECKS - 1) return;
    if (this.#respondsToPings && this.#pings >= MAX_UNANSWERED + this.#pingsToRead(sent)) {
      return this.drop("it does not answer any more");
    }
    // A peer that has something to read is not idle.
    if (this.measureUnread() > 0) return;
    this.#pings++;
    this.#receivedByPing = received;
    this.#socket.ping();
  }

  /** How many more pings it may leave unanswered, for what it was sent since its last sign. */
  #pingsToRead(sent: number): number {
    return Math.floor((sent - this.#sentBefore) / BYTES_PER_PING);
  }

  override assignTo(holder: string): void {
    super.assignTo(holder);
    this.#partial.account.moveTo(holder);
  }

  get bytesReceived(): number {
    return this.#connection.bytesRead;
  }

  get hasUnreadInput(): boolean {
    return this.#input.isWaiting;
  }

  protected override measureUnread(): number {
    return this.#socket.bufferedAmount + this.#queueSize;
  }

  protected override transmit(frame: string): void {
    if (this.#closeFrame) return;
    if (this.#queue.length === 0 && this.#socket.bufferedAmount < LOW_WATER) {
      return this.#socket.send(frame);
    }
    this.#enqueue(frame);
  }

  protected override transmitShared(head: string, suffix: SharedSuffix): void {
    if (this.#closeFrame) return;
    const frame = new TextFrame(head, suffix);
    if (this.#queue.length === 0 && this.#socket.bufferedAmount < LOW_WATER) this.#send(frame);
    else this.#enqueue(frame);
  }

  #enqueue(frame: string | TextFrame): void {
    this.#queue.push(frame);
    this.#queueSize += frame.length;
  }

  #send(frame: string | TextFrame): void {
    if (typeof frame === "string") return this.#socket.send(frame);
    if (this.#socket.readyState !== OPEN) return;
    // `npm:ws` would make a copy of it. Nor may its parts be written together: then they are copied, too.
    for (const part of frame.parts) this.#connection.write(part);
  }

  protected override sendClose(code: number, reason: string): void {
    if (this.#closeFrame) return;
    this.#closeFrame = { code, reason };
    if (this.#queue.length === 0) this.#close();
  }

  limitInput(limit: InputLimit | undefined, onExceeded: () => void = () => {}): void {
    this.#limitedInput?.end();
    this.#limitedInput = limit && new LimitedInput(this.#connection, limit, onExceeded);
  }

  protected override stopReading(): void {
    // At once: Deno reads 2 MiB of a connection in one go, and all of it would be copied for nothing.
    this.#connection.pause();
    // And again, because `npm:ws` may be about to resume it.
    setTimeout(() => this.#connection.pause(), 0);
  }

  protected override terminate(): void {
    this.#queue = [];
    this.#queueSize = 0;
    if (!this.#lacksRoom || this.#connection.writableLength > 0) return this.#socket.terminate();
    this.#socket.close(CLOSE_CODE.tryAgainLater, "there is no memory for this frame now");
    this.#connection.destroySoon();
    this.#terminateSoon();
  }

  #terminateSoon(): void {
    this.#terminateTimer ??= setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT);
  }

  /** The connection has sent everything that it was given. */
  #resume(): void {
    let sent = 0;
    for (let size = 0; sent < this.#queue.length && size < LOW_WATER; sent++) {
      const frame = this.#queue[sent]!;
      size += frame.length;
      this.#send(frame);
    }
    for (const { length } of this.#queue.splice(0, sent)) this.#queueSize -= length;
    if (sent > 0 && this.#queue.length === 0 && this.#closeFrame) {
      this.#close();
    }
    this.onDrained();
  }

  #close(): void {
    const { code, reason } = this.#closeFrame!;
    this.#input.onCloseSent();
    this.#socket.close(code, reason);
  }
}
