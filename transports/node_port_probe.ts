/**
 * Whether a port of `node:http` still takes connections.
 *
 * @module
 */

import { connect, type Server, type Socket } from "node:net";

/** How often to look whether the port takes connections, while nobody comes, in milliseconds. */
const PROBE_EVERY = 2000;

/**
 * How long a connection may take to be taken: so many turns of so many milliseconds. In one time, a process that was
 * asleep or busy for that long would find its port dead before it has looked who came.
 */
const ACCEPT_TIMEOUT = { checks: 10, interval: 100 };

/**
 * On Deno a server of Node that cannot accept a connection (too many open files) accepts none any more, and does
 * not say so. So where nobody has come for a while, it is tried: one connection, which says nothing.
 */
export class PortProbe {
  readonly #server: Server;
  readonly #address: { readonly host: string; readonly port: number };
  readonly #onDead: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #probing: Socket | undefined;
  #hadConnection = false;

  /**
   * Begins to look.
   *
   * @param server listens
   * @param address host and port that reach it
   * @param onDead called when it takes nobody; again and again, as long as that is so
   * @param interval how often to look, in milliseconds
   */
  constructor(
    server: Server,
    address: { readonly host: string; readonly port: number },
    onDead: () => void,
    interval: number = PROBE_EVERY,
  ) {
    this.#server = server;
    this.#address = address;
    this.#onDead = onDead;
    server.on("connection", () => this.#hadConnection = true);
    this.#timer = setInterval(() => this.#check(), interval);
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#probing?.destroy();
  }

  #check(): void {
    if (this.#probing) return;
    if (this.#hadConnection) {
      this.#hadConnection = false;
      return;
    }
    const socket = this.#probing = connect(this.#address);
    let checks = 0;
    const timer = setInterval(
      () => ++checks === ACCEPT_TIMEOUT.checks && socket.destroy(),
      ACCEPT_TIMEOUT.interval,
    );
    let failed: string | undefined;
    socket.on("error", (error: Error & { code?: string }) => failed = error.code);
    // Taken: that is all it came for.
    const onAccepted = () => socket.destroy();
    this.#server.once("connection", onAccepted);
    socket.on("close", () => {
      clearInterval(timer);
      this.#server.off("connection", onAccepted);
      this.#probing = undefined;
      // Where there is nothing to connect with, nothing is known.
      if (!this.#hadConnection && (failed === undefined || failed === "ECONNREFUSED")) {
        this.#onDead();
      }
    });
  }
}
