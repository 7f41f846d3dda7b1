/**
 * What a peer sends, handed to its WebSocket a little at a time.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Turn } from "../budgets/turns.ts";

/** So much is handed over at once, in bytes: as much as takes about {@linkcode GOAL}, within these bounds. */
const PIECE = { first: 4096, least: 1024, most: 64 * 1024 };

/** How long a piece should take, in milliseconds. */
const GOAL = 0.5;

/** What a piece costs at most, in milliseconds. */
const COST = { piece: 0.05, byte: 0.001 };

/** For how long a connection is read from before others have their turn, if they are there, in milliseconds. */
const TURN = 2;

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
export class Feed {
  readonly #connection: Socket;
  readonly #socket: Pausable;
  readonly #turn: Turn;
  readonly #take: (piece: Uint8Array) => void;
  #size = PIECE.first;
  /** What came and was not handed over. */
  #rest: Uint8Array | undefined;
  #waits = false;
  #closes = false;

  /** Takes the place of the WebSocket at its connection, before anything came. */
  constructor(connection: Socket, socket: Pausable, turn: Turn) {
    this.#connection = connection;
    this.#socket = socket;
    this.#turn = turn;
    const listeners = connection.listeners("data") as ((piece: Uint8Array) => void)[];
    this.#take = (piece) => {
      for (const listener of listeners) listener.call(connection, piece);
    };
    connection.on("data", (chunk: Uint8Array) => this.#came(chunk));
    for (const listener of listeners) connection.off("data", listener);
    // Where it is cut off, what is left would be read in one go, and be dropped after that.
    connection.prependListener("close", () => {
      this.#rest = undefined;
      connection.read();
    });
  }

  /** It waits for its turn: whatever the peer says, it is not heard yet. */
  get waits(): boolean {
    return this.#waits;
  }

  /** How much of it has come and is not handed over, in bytes. */
  get kept(): number {
    return this.#rest?.length ?? 0;
  }

  /** The server says goodbye: the WebSocket waits for the peer's. */
  closes(): void {
    this.#closes = true;
  }

  #came(chunk: Uint8Array): void {
    // Nothing counts after a goodbye, and to read it would cost as much as if it did.
    if (this.#isOver) return void this.#connection.pause();
    if (this.#waits || !this.#turn.enters(chunk.length)) this.#keep(chunk);
    else this.#read(chunk, this.#turn.lookedAt);
  }

  /** The WebSocket has read the peer's goodbye, or what is no frame. */
  get #isOver(): boolean {
    if (this.#socket.readyState === OPEN) return false;
    return !this.#closes || this.#connection.writableEnded;
  }

  #read(chunk: Uint8Array, began: number): void {
    const turn = this.#turn;
    let before = began;
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at += this.#size);
      this.#take(piece);
      if (this.#isOver) return;
      const now = turn.now();
      const took = now - before;
      before = now;
      // Not what the system did meanwhile.
      turn.charge(Math.min(took, COST.piece + COST.byte * piece.length), now);
      if (took > 2 * GOAL) this.#size = Math.max(PIECE.least, this.#size / 2);
      else if (took < GOAL / 2) this.#size = Math.min(PIECE.most, this.#size * 2);
      if (at < chunk.length && (turn.isBusy || now - began > TURN || turn.isOver)) {
        return this.#keep(chunk.subarray(at));
      }
    }
  }

  #keep(chunk: Uint8Array): void {
    this.#rest = this.#rest ? joined(this.#rest, chunk) : chunk;
    if (this.#waits) return;
    this.#waits = true;
    this.#socket.pause();
    this.#turn.enterNext(() => this.#goOn(), this.#rest.length);
  }

  #goOn(): void {
    this.#waits = false;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest && !this.#isOver) this.#read(rest, this.#turn.now());
    if (!this.#waits) this.#socket.resume();
  }
}

/** There is more only where something was read on although it was paused. */
function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}
