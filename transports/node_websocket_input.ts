/**
 * What a peer sends, handed to its WebSocket a little at a time.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Turn } from "../budgets/turns.ts";
import { Pacer } from "./pacer.ts";

/** So much is handed over at once, in bytes: as much as takes about {@linkcode TARGET_MS}, within these bounds. */
const PIECE_SIZE = { first: 4096, min: 1024, max: 64 * 1024 };

/** How long a piece should take, in milliseconds. */
const TARGET_MS = 0.5;

/** What a piece costs at most, in milliseconds. */
const MAX_COST = { piece: 0.05, byte: 0.001 };

/** Who waits with so little may send more before it is read from no further, in bytes. */
const SMALL_INPUT = 1024;

/** For how long a connection is read from before others have their turn, if they are there, in milliseconds. */
const MAX_READ_MS = 2;

/**
 * So many calls are written down of where an error was made, while a WebSocket is told something. Of each peer that breaks
 * a rule or leaves Node makes errors that nobody hears, and their stacks take longer than all else there is to do.
 */
const STACK_DEPTH = 1;

/** The part of a WebSocket of `npm:ws` that is used. */
export interface Pausable {
  readonly readyState: number;
  pause(): void;
  resume(): void;
}

/** How `npm:ws` says that it is open. */
const OPEN = 1;

/**
 * Stands between a connection and its WebSocket. A piece of 64 KiB, as it comes from the system, can hold 10,922 frames,
 * which `npm:ws` would read in one go; and the system may bring five of them before it looks at another connection.
 */
export class WebSocketInput {
  readonly #connection: Socket;
  readonly #socket: Pausable;
  readonly #turn: Turn;
  readonly #deliver: (piece: Uint8Array) => void;
  #size = PIECE_SIZE.first;
  /** What came and was not handed over. */
  #buffered: Uint8Array | undefined;
  /** Its end, and that it is closed, which came after that. */
  #endEvents: (() => void)[] = [];
  #isWaiting = false;
  #isPaused = false;
  #isClosing = false;
  /** Its end has come, and waits until others have a turn; hands it over. */
  #deliverEnd: (() => void) | undefined;

  /**
   * Takes the place of the WebSocket at its connection, before anything came.
   *
   * @param connection the connection
   * @param socket the WebSocket
   * @param turn the turns of its peer
   * @param pacer thousands of peers may end at once: what there is to do then is done for a few at a time
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
      // The WebSocket would read it in one go.
      const buffered = connection.read() as Uint8Array | null;
      if (buffered && !this.#isOver) this.#buffer(buffered);
      this.#deliverInOrder(() => emitClose(hadError));
    });
  }

  /** It waits for its turn: whatever the peer says, it is not heard yet. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** How much of it has come and is not handed over, in bytes. */
  get buffered(): number {
    return this.#buffered?.length ?? 0;
  }

  /** The server says goodbye: the WebSocket waits for the peer's. */
  onCloseSent(): void {
    this.#isClosing = true;
  }

  #onData(chunk: Uint8Array): void {
    // Nothing counts after a goodbye, and to read it would cost as much as if it did.
    if (this.#isOver) return void this.#connection.pause();
    if (this.#isWaiting || !this.#turn.mayAccept(chunk.length)) this.#buffer(chunk);
    else this.#read(chunk, this.#turn.checkedAt);
  }

  /** The WebSocket has read the peer's goodbye, or what is no frame. */
  get #isOver(): boolean {
    if (this.#socket.readyState === OPEN) return false;
    return !this.#isClosing || this.#connection.writableEnded;
  }

  /** Nothing overtakes what waits: what a peer said before it left is heard. */
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
      // Not what the system did meanwhile.
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
    // To pause for a few bytes, and to resume, takes as long as to read them.
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
 * Takes the place of those who listen to a connection.
 *
 * @param connection the connection
 * @param event what they listen for
 * @param replacement is told from now on
 * @returns tells them
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

/** There is more only where something was read on although it was paused. */
export function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
