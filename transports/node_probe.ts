/**
 * Whether a port of `node:http` still takes connections.
 *
 * @module
 */

import { connect, type Server, type Socket } from "node:net";

/** How often to look whether the port takes connections, while nobody comes, in milliseconds. */
const EVERY = 2000;

/**
 * How long a connection may take to be taken: so many turns of so many milliseconds. In one time, a process that was
 * asleep or busy for that long would find its port dead before it has looked who came.
 */
const WITHIN = { turns: 10, turn: 100 };

/**
 * On Deno a server of Node that cannot accept a connection (too many open files) accepts none any more, and does
 * not say so. So where nobody has come for a while, it is tried: one connection, which says nothing.
 */
export class Probe {
  readonly #server: Server;
  readonly #where: { readonly host: string; readonly port: number };
  readonly #dead: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #trying: Socket | undefined;
  #came = false;

  /**
   * Begins to look.
   *
   * @param server listens
   * @param where host and port that reach it
   * @param dead called when it takes nobody; again and again, as long as that is so
   * @param every how often to look, in milliseconds
   */
  constructor(
    server: Server,
    where: { readonly host: string; readonly port: number },
    dead: () => void,
    every: number = EVERY,
  ) {
    this.#server = server;
    this.#where = where;
    this.#dead = dead;
    server.on("connection", () => this.#came = true);
    this.#timer = setInterval(() => this.#look(), every);
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#trying?.destroy();
  }

  #look(): void {
    if (this.#trying) return;
    if (this.#came) {
      this.#came = false;
      return;
    }
    const socket = this.#trying = connect(this.#where);
    let turns = 0;
    const late = setInterval(() => ++turns === WITHIN.turns && socket.destroy(), WITHIN.turn);
    let failed: string | undefined;
    socket.on("error", (error: Error & { code?: string }) => failed = error.code);
    // Taken: that is all it came for.
    const taken = () => socket.destroy();
    this.#server.once("connection", taken);
    socket.on("close", () => {
      clearInterval(late);
      this.#server.off("connection", taken);
      this.#trying = undefined;
      // Where there is nothing to connect with, nothing is known.
      if (!this.#came && (failed === undefined || failed === "ECONNREFUSED")) this.#dead();
    });
  }
}
