/**
 * Hands the input of a peer to its WebSocket a little at a time.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Turn } from "../budgets/turns.ts";
import { Pacer } from "./pacer.ts";

/** How many bytes are handed over at once: as many as take about {@linkcode TARGET_MS}, within these bounds. */
const PIECE_SIZE = { first: 4096, min: 1024, max: 64 * 1024 };

/** How long a piece should take, in milliseconds. */
const TARGET_MS = 0.5;

/** The maximum cost of a piece, in milliseconds. */
const MAX_COST = { piece: 0.05, byte: 0.001 };

/** While no more than this waits, in bytes, the connection is read on. */
const SMALL_INPUT = 1024;

/** For how long one connection is read before others have their turn, if there are others, in milliseconds. */
const MAX_READ_MS = 2;

/**
 * How many frames of a stack trace are recorded while a WebSocket handles input. For every peer that breaks a rule or
 * disconnects Node creates errors that nothing reads, and their stacks take longer than everything else.
 */
const STACK_DEPTH = 1;

/** The part of a WebSocket of `npm:ws` that is used. */
export interface Pausable {
  readonly readyState: number;
  pause(): void;
  resume(): void;
}

/** The value of `readyState` when `npm:ws` is open. */
const OPEN = 1;

/**
 * Stands between a connection and its WebSocket. A piece of 64 KiB, as it comes from the system, can hold 10,922 frames,
 * which `npm:ws` would parse in one go; and the system may deliver five of them before it polls another connection.
 */
export class WebSocketInput {
  readonly #connection: Socket;
  readonly #socket: Pausable;
  readonly #turn: Turn;
  readonly #deliver: (piece: Uint8Array) => void;
  #size = PIECE_SIZE.first;
  /** What has come and was not handed over. */
  #buffered: Uint8Array | undefined;
  /** The end and the close of the connection, which come after that. */
  #endEvents: (() => void)[] = [];
  #isWaiting = false;
  #isPaused = false;
  #isClosing = false;
  /** Hands over the end, which has come and waits until others had a turn. */
  #deliverEnd: (() => void) | undefined;

  /**
   * Takes the place of the WebSocket at its connection before anything has come.
   *
   * @param connection the connection
   * @param socket the WebSocket
   * @param turn the turns of its peer
   * @param pacer thousands of peers may end at once: their ends are handled a few at a time
   */
  constructor(connection: Socket, socket: Pausable, turn: Turn, pacer: Pacer = new Pacer()) {
    this.#connection = connection;
    this.#socket = socket;
    this.#turn = turn;
    this.#deliver = replaceListeners(connection, "data", (chunk) => this.#onData(chunk));
    const emitEnd = replaceListeners(connection, "end", () => {
      this.#deliverEnd = () => {
        this.#deliverEnd = undefined;
        this.#deliverInOrder(() => emitEnd(undefined));
      };
      const wait = pacer.wait();
      if (wait) void wait.then(() => this.#deliverEnd?.());
      else this.#deliverEnd();
    });
    const emitClose = replaceListeners(connection, "close", (hadError) => {
      this.#deliverEnd?.();
      // The WebSocket would parse it in one go.
      const buffered = connection.read() as Uint8Array | null;
      if (buffered && !this.#isOver) this.#buffer(buffered);
      this.#deliverInOrder(() => emitClose(hadError));
    });
  }

  /** It waits for its turn: what the peer has sent is not handled yet. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** How many bytes have come and were not handed over. */
  get buffered(): number {
    return this.#buffered?.length ?? 0;
  }

  /** The server sends a close frame: the WebSocket waits for the peer's. */
  onCloseSent(): void {
    this.#isClosing = true;
  }

  #onData(chunk: Uint8Array): void {
    // Nothing counts after a close frame, and parsing it would cost as much as if it did.
    if (this.#isOver) return void this.#connection.pause();
    if (this.#isWaiting || !this.#turn.mayAccept(chunk.length)) this.#buffer(chunk);
    else this.#read(chunk, this.#turn.checkedAt);
  }

  /** The WebSocket has read the peer's close frame, or something that is not a frame. */
  get #isOver(): boolean {
    if (this.#socket.readyState === OPEN) return false;
    return !this.#isClosing || this.#connection.writableEnded;
  }

  /** The end comes after what waits: what a peer sent before is handled. */
  #deliverInOrder(event: () => void): void {
    if (this.#isOver) this.#buffered = undefined;
    this.#endEvents.push(event);
    if (!this.#buffered) this.#deliverEndEvents();
  }

  #deliverEndEvents(): void {
    for (const event of this.#endEvents.splice(0)) event();
  }

  #read(chunk: Uint8Array, began: number): void {
    const turn = this.#turn;
    let previous = began;
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at += this.#size);
      this.#deliver(piece);
      if (this.#isOver) return;
      const now = turn.now();
      const took = now - previous;
      previous = now;
      // Not the time that the system used meanwhile.
      turn.charge(Math.min(took, MAX_COST.piece + MAX_COST.byte * piece.length), now);
      if (took > 2 * TARGET_MS) this.#size = Math.max(PIECE_SIZE.min, this.#size / 2);
      else if (took < TARGET_MS / 2) this.#size = Math.min(PIECE_SIZE.max, this.#size * 2);
      if (at < chunk.length && (turn.isBusy || now - began > MAX_READ_MS || turn.isOver)) {
        return this.#buffer(chunk.subarray(at));
      }
    }
  }

  #buffer(chunk: Uint8Array): void {
    this.#buffered = this.#buffered ? concatBytes(this.#buffered, chunk) : chunk;
    // Pausing for a few bytes, and resuming, takes as long as reading them.
    if (!this.#isPaused && (this.#isWaiting || chunk.length > SMALL_INPUT)) {
      this.#isPaused = true;
      this.#socket.pause();
    }
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#turn.acceptNext(() => this.#resume(), this.#buffered.length);
  }

  #resume(): void {
    this.#isWaiting = false;
    const buffered = this.#buffered;
    this.#buffered = undefined;
    if (buffered && !this.#isOver) this.#read(buffered, this.#turn.now());
    if (this.#isWaiting) return;
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#socket.resume();
    }
    this.#deliverEndEvents();
  }
}

/**
 * Replaces the listeners of a connection.
 *
 * @param connection the connection
 * @param event the name of the event
 * @param replacement is called from now on
 * @returns calls the old listeners
 */
function replaceListeners<Args>(
  connection: Socket,
  event: string,
  replacement: (args: Args) => void,
): (args: Args) => void {
  const listeners = connection.listeners(event) as ((args: Args) => void)[];
  for (const listener of listeners) connection.off(event, listener);
  connection.on(event, replacement);
  return (args) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = STACK_DEPTH;
    try {
      for (const listener of listeners) listener.call(connection, args);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}

/** There is more only if something was read on although it was paused. */
export function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
