/**
 * Whether a port of `node:http` still takes connections.
 *
 * @module
 */

import { connect, type Server, type Socket } from "node:net";

/** How often to look whether the port takes connections, while nobody comes, in milliseconds. */
const EVERY = 2000;

/** How long a connection may take to be taken, in milliseconds. */
const WITHIN = 1000;

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
   */
  constructor(
    server: Server,
    where: { readonly host: string; readonly port: number },
    dead: () => void,
  ) {
    this.#server = server;
    this.#where = where;
    this.#dead = dead;
    server.on("connection", () => this.#came = true);
    this.#timer = setInterval(() => this.#look(), EVERY);
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
    const late = setTimeout(() => socket.destroy(), WITHIN);
    let failed: string | undefined;
    socket.on("error", (error: Error & { code?: string }) => failed = error.code);
    // Taken: that is all it came for.
    const taken = () => socket.destroy();
    this.#server.once("connection", taken);
    socket.on("close", () => {
      clearTimeout(late);
      this.#server.off("connection", taken);
      this.#trying = undefined;
      // Where there is nothing to connect with, nothing is known.
      if (!this.#came && (failed === undefined || failed === "ECONNREFUSED")) this.#dead();
    });
  }
}
