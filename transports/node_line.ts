/**
 * The line to a peer over `npm:ws`.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressHolder } from "../budgets/address.ts";
import type { EvictingAccount, EvictingBudget } from "../budgets/evicting.ts";
import { PEER_SPEED } from "../protocol/limits.ts";
import type { SharedEnd } from "../protocol/shared_end.ts";
import { CLOSE } from "../protocol/websocket.ts";
import { type InputLimit, LimitedInput } from "./input_limit.ts";
import { Line, LOW_WATER, type Shared } from "./line.ts";
import { Feed } from "./node_feed.ts";
import type { Pace } from "./pace.ts";
import type { Pings, Resting } from "./node_pings.ts";
import { PartialMessage } from "./partial_message.ts";
import { TextFrame } from "./text_frame.ts";
import type { Peer, Visit } from "./transport.ts";

/** One who answers pings, and has left so many unanswered, is gone. */
const UNANSWERED = 3;

/** It may leave one more for so many bytes that it has to read first, which slow lines take as long for. */
const BYTES_A_PING = 20 * PEER_SPEED;

/** How `npm:ws` says that it is open. */
const OPEN = 1;

/** How long a pong is that answers an empty ping, in bytes. */
const PONG = 6;

/** How long a peer that broke the rules has to hear why, in milliseconds. */
const LAST_WORD = 1000;

/** What these lines share beside what all do. */
export interface HardenedShared extends Shared {
  readonly pings: Pings;
  readonly ends: Pace;
  /** Memory for what has not come whole. */
  readonly partial: EvictingBudget;
}

/** The part of a WebSocket of `npm:ws` that is used. */
export interface Socketry {
  readonly bufferedAmount: number;
  readonly readyState: number;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "pong" | "close" | "error", listener: () => void): void;
  send(frame: string): void;
  ping(): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/**
 * What a socket was given in one go it reports as read when all of it was. So it gets a little at a time,
 * and the rest waits here: otherwise who reads slowly would look like who does not read.
 */
export class NodeLine extends Line implements Resting {
  readonly #socket: Socketry;
  readonly #connection: Socket;
  readonly #feed: Feed;
  readonly #partial: EvictingAccount;
  /** So much had come, and been sent, when it was looked at last; and had come when it was pinged. */
  #cameByLook = 0;
  #sentByLook = 0;
  #cameByPing = 0;
  /** How many pings were sent since something came, and how many bytes before. */
  #pings = 0;
  #sentBefore = 0;
  /** It answers pings also while it says nothing. Some do so only when they read, which they need not do for hours. */
  #answersPings = false;
  #waiting: (string | TextFrame)[] = [];
  /** In characters. */
  #waitingSize = 0;
  #input: LimitedInput | undefined;
  /** Said once nothing waits. */
  #goodbye: { code: number; reason: string } | undefined;
  /** It is hung up on because there is no room, and is told so if everything else has reached it. */
  #lacksRoom = false;
  #cut: ReturnType<typeof setTimeout> | undefined;

  constructor(
    socket: Socketry,
    connection: Socket,
    arrived: (peer: Peer) => Visit,
    shared: HardenedShared,
  ) {
    super(arrived, shared, connection.remoteAddress ?? "");
    this.#socket = socket;
    this.#connection = connection;
    const leaves = shared.pings.add(this);
    const message = new PartialMessage();
    const partial = this.#partial = shared.partial.open(
      addressHolder(connection.remoteAddress ?? ""),
      () => {
        this.#lacksRoom = true;
        this.drop("there was no room for what had come of its frame");
      },
    );
    const hold = () => partial.hold(message.held + feed.kept);
    // The WebSocket has heard of it before, so what is whole is done with, or counts elsewhere.
    connection.on("data", (piece: Uint8Array) => {
      message.scan(piece);
      hold();
    });
    // From now on pieces are handed over in their turn; before that they count as well.
    const feed = this.#feed = new Feed(connection, socket, this.turn, shared.ends);
    connection.on("data", () => {
      if (feed.kept > 0) hold();
    });
    connection.on("drain", () => this.#goOn());
    socket.on("message", (data, isBinary) => this.received(isBinary ? data : `${data}`));
    socket.on("pong", () => {
      if (connection.bytesRead - this.#cameByPing <= PONG) this.#answersPings = true;
    });
    socket.on("close", () => {
      leaves();
      partial.close();
      clearTimeout(this.#cut);
      this.ended();
    });
    // It broke the rules of WebSockets, and is being told so. Without a listener that would end the process.
    socket.on("error", () => {
      this.ended();
      this.#cutOffSoon();
      this.stopReading();
    });
    this.opened();
  }

  ping(): void {
    const came = this.#connection.bytesRead;
    const isNew = came !== this.#cameByLook || this.unheard;
    this.#cameByLook = came;
    const sent = this.#connection.bytesWritten;
    // What was sent since may still be on its way, also if it was before the peer said something.
    const sentBefore = this.#sentByLook;
    this.#sentByLook = sent;
    if (isNew) {
      const wasAsked = this.#pings > 0;
      this.#pings = 0;
      this.#sentBefore = sentBefore;
      if (!wasAsked) return;
    } else if (this.#answersPings && this.#pings >= UNANSWERED + this.#pingsToRead(sent)) {
      return this.drop("it does not answer any more");
    }
    // Who has something to read is not at rest.
    if (this.measure() > 0) return;
    this.#pings++;
    this.#cameByPing = came;
    this.#socket.ping();
  }

  /** How many more pings it may leave unanswered, for what it has been sent since it said something. */
  #pingsToRead(sent: number): number {
    return Math.floor((sent - this.#sentBefore) / BYTES_A_PING);
  }

  override belongsTo(holder: string): void {
    super.belongsTo(holder);
    this.#partial.account.moveTo(holder);
  }

  get bytesReceived(): number {
    return this.#connection.bytesRead;
  }

  get unheard(): boolean {
    return this.#feed.waits;
  }

  protected override measure(): number {
    return this.#socket.bufferedAmount + this.#waitingSize;
  }

  protected override transmit(frame: string): void {
    if (this.#goodbye) return;
    if (this.#waiting.length === 0 && this.#socket.bufferedAmount < LOW_WATER) {
      return this.#socket.send(frame);
    }
    this.#wait(frame);
  }

  protected override transmitShared(head: string, end: SharedEnd): void {
    if (this.#goodbye) return;
    const frame = new TextFrame(head, end);
    if (this.#waiting.length === 0 && this.#socket.bufferedAmount < LOW_WATER) this.#send(frame);
    else this.#wait(frame);
  }

  #wait(frame: string | TextFrame): void {
    this.#waiting.push(frame);
    this.#waitingSize += frame.length;
  }

  #send(frame: string | TextFrame): void {
    if (typeof frame === "string") return this.#socket.send(frame);
    if (this.#socket.readyState !== OPEN) return;
    // `npm:ws` would make a copy of it. Nor may its parts be written together: for that they are copied, too.
    for (const part of frame.parts) this.#connection.write(part);
  }

  protected override sayGoodbye(code: number, reason: string): void {
    if (this.#goodbye) return;
    this.#goodbye = { code, reason };
    if (this.#waiting.length === 0) this.#close();
  }

  limitInput(limit: InputLimit | undefined, exceeded: () => void = () => {}): void {
    this.#input?.end();
    this.#input = limit && new LimitedInput(this.#connection, limit, exceeded);
  }

  protected override stopReading(): void {
    // At once: Deno reads 2 MiB of a connection in one go, and all of it would be copied for nothing.
    this.#connection.pause();
    // And again, for `npm:ws` may be about to resume it.
    setTimeout(() => this.#connection.pause(), 0);
  }

  protected override hangUp(): void {
    this.#waiting = [];
    this.#waitingSize = 0;
    if (!this.#lacksRoom || this.#connection.writableLength > 0) return this.#socket.terminate();
    this.#socket.close(CLOSE.tryAgainLater, "there is no room for your frame now");
    this.#connection.destroySoon();
    this.#cutOffSoon();
  }

  #cutOffSoon(): void {
    this.#cut ??= setTimeout(() => this.#socket.terminate(), LAST_WORD);
  }

  /** The connection has taken all that it was given. */
  #goOn(): void {
    let sent = 0;
    for (let size = 0; sent < this.#waiting.length && size < LOW_WATER; sent++) {
      const frame = this.#waiting[sent]!;
      size += frame.length;
      this.#send(frame);
    }
    for (const { length } of this.#waiting.splice(0, sent)) this.#waitingSize -= length;
    if (sent > 0 && this.#waiting.length === 0 && this.#goodbye) {
      this.#close();
    }
    this.wasRead();
  }

  #close(): void {
    const { code, reason } = this.#goodbye!;
    this.#feed.closes();
    this.#socket.close(code, reason);
  }
}
