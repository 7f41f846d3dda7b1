/**
 * What a peer sends, handed to its WebSocket a little at a time.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Turn } from "../budgets/turns.ts";
import { Pace } from "./pace.ts";

/** So much is handed over at once, in bytes: as much as takes about {@linkcode GOAL}, within these bounds. */
const PIECE = { first: 4096, least: 1024, most: 64 * 1024 };

/** How long a piece should take, in milliseconds. */
const GOAL = 0.5;

/** What a piece costs at most, in milliseconds. */
const COST = { piece: 0.05, byte: 0.001 };

/** Who waits with so little may send more before it is read from no further, in bytes. */
const FEW = 1024;

/** For how long a connection is read from before others have their turn, if they are there, in milliseconds. */
const TURN = 2;

/**
 * So many calls are written down of where an error was made, while a WebSocket is told something. Of each peer that breaks
 * a rule or leaves Node makes errors that nobody hears, and their stacks take longer than all else there is to do.
 */
const STACK = 1;

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
  /** Its end, and that it is closed, which came after that. */
  #last: (() => void)[] = [];
  #waits = false;
  #pauses = false;
  #closes = false;
  /** Its end has come, and waits until others have a turn; hands it over. */
  #ends: (() => void) | undefined;

  /**
   * Takes the place of the WebSocket at its connection, before anything came.
   *
   * @param connection the connection
   * @param socket the WebSocket
   * @param turn the turns of its peer
   * @param pace thousands of peers may end at once: what there is to do then is done for a few at a time
   */
  constructor(connection: Socket, socket: Pausable, turn: Turn, pace: Pace = new Pace()) {
    this.#connection = connection;
    this.#socket = socket;
    this.#turn = turn;
    this.#take = standIn(connection, "data", (chunk) => this.#came(chunk));
    const end = standIn(connection, "end", () => {
      this.#ends = () => {
        this.#ends = undefined;
        this.#handOver(() => end(undefined));
      };
      const turn = pace.turn();
      if (turn) void turn.then(() => this.#ends?.());
      else this.#ends();
    });
    const close = standIn(connection, "close", (hadError) => {
      this.#ends?.();
      // The WebSocket would read it in one go.
      const rest = connection.read() as Uint8Array | null;
      if (rest && !this.#isOver) this.#keep(rest);
      this.#handOver(() => close(hadError));
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

  /** Nothing overtakes what waits: what a peer said before it left is heard. */
  #handOver(last: () => void): void {
    if (this.#isOver) this.#rest = undefined;
    this.#last.push(last);
    if (!this.#rest) this.#handOverLast();
  }

  #handOverLast(): void {
    for (const last of this.#last.splice(0)) last();
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
    // To pause for a few bytes, and to resume, takes as long as to read them.
    if (!this.#pauses && (this.#waits || chunk.length > FEW)) {
      this.#pauses = true;
      this.#socket.pause();
    }
    if (this.#waits) return;
    this.#waits = true;
    this.#turn.enterNext(() => this.#goOn(), this.#rest.length);
  }

  #goOn(): void {
    this.#waits = false;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest && !this.#isOver) this.#read(rest, this.#turn.now());
    if (this.#waits) return;
    if (this.#pauses) {
      this.#pauses = false;
      this.#socket.resume();
    }
    this.#handOverLast();
  }
}

/**
 * Takes the place of those who listen to a connection.
 *
 * @param connection the connection
 * @param event what they listen for
 * @param listener is told from now on
 * @returns tells them
 */
function standIn<Told>(
  connection: Socket,
  event: string,
  listener: (told: Told) => void,
): (told: Told) => void {
  const before = connection.listeners(event) as ((told: Told) => void)[];
  for (const one of before) connection.off(event, one);
  connection.on(event, listener);
  return (told) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = STACK;
    try {
      for (const one of before) one.call(connection, told);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}

/** There is more only where something was read on although it was paused. */
export function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}
