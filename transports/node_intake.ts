/**
 * What comes on a connection of `node:http`, handed over in its turn.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Turn } from "../budgets/turns.ts";
import { joined } from "./node_feed.ts";

/** The part of a connection that is used. */
export interface Intaken {
  readonly destroyed: boolean;
  emit(event: string, ...told: unknown[]): boolean;
  pause(): unknown;
  resume(): unknown;
}

/**
 * Has HTTP listen to a connection as everybody does: otherwise it takes what comes out of the hands of the system, as if
 * that had been done already. To be called before HTTP knows of it.
 */
export function listensAsOthers(socket: Socket): void {
  const { _handle } = socket as unknown as { readonly _handle?: { _consumed?: boolean } | null };
  if (_handle) _handle._consumed = true;
}

/**
 * Stands between a connection and those who listen to it, until it is a WebSocket. The system brings up to 2 MiB of each
 * connection before it looks at anything else: of a body that nobody reads, or of requests by the thousand. Who keeps
 * something of what is handed over has to copy it.
 */
export class Intake {
  readonly #connection: Intaken;
  readonly #turn: Turn;
  readonly #emit: Intaken["emit"];
  readonly #caught: (error: unknown) => void;
  /** What came and was not handed over. */
  #rest: Uint8Array | undefined;
  /** It waits for its turn. */
  #waits = false;
  /** That was all, and nobody was told. */
  #ended = false;

  /** Takes its place, before anything came; whatever a listener throws is caught. */
  constructor(connection: Intaken, turn: Turn, caught: (error: unknown) => void) {
    this.#connection = connection;
    this.#turn = turn;
    this.#caught = caught;
    // Who listens changes as HTTP goes on: so it is not they who are replaced.
    const emit = this.#emit = connection.emit;
    connection.emit = (event, ...told) => {
      if (event === "data") return this.#came(told[0] as Uint8Array);
      if (event === "end" && this.#waits) return this.#ended = true;
      if (event === "close") this.#rest = undefined;
      return emit.call(connection, event, ...told);
    };
  }

  /** How much has come and is not handed over, in bytes. */
  get kept(): number {
    return this.#rest?.length ?? 0;
  }

  /** From now on everything is handed over as it comes. Nothing waits: what has just been handed over is why. */
  leave(): void {
    this.#connection.emit = this.#emit;
  }

  #came(chunk: Uint8Array): true {
    if (this.#waits || !this.#turn.enters(chunk.length)) this.#keep(chunk);
    else this.#handOver(chunk, this.#turn.lookedAt);
    return true;
  }

  #handOver(chunk: Uint8Array, began: number): void {
    try {
      this.#emit.call(this.#connection, "data", chunk);
    } catch (error) {
      this.#caught(error);
    }
    release(chunk);
    const now = this.#turn.now();
    this.#turn.charge(now - began, now);
  }

  #keep(chunk: Uint8Array): void {
    this.#rest = this.#rest ? joined(this.#rest, chunk) : chunk;
    this.#connection.pause();
    if (this.#waits) return;
    this.#waits = true;
    this.#turn.next(() => this.#goOn(), chunk.length);
  }

  #goOn(): void {
    this.#waits = false;
    const rest = this.#rest;
    this.#rest = undefined;
    if (this.#connection.destroyed) return;
    // Before anything is handed over: whoever listens may pause it again.
    if (!this.#ended) this.#connection.resume();
    if (rest) this.#handOver(rest, this.#turn.now());
    if (this.#ended) this.#emit.call(this.#connection, "end");
  }
}

/**
 * Frees the memory of what HTTP has read: V8 would not see to it before there are hundreds of MiB of such garbage, and
 * parsers, of which a thousand are kept for later, hold on to the last that they read.
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength > 0) buffer.transfer(0);
}
