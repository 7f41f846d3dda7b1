/**
 * Checks whether a port of `node:http` still accepts connections.
 *
 * @module
 */

import { connect, type Server, type Socket } from "node:net";

/** How often to check the port while nobody connects, in milliseconds. */
const PROBE_EVERY = 2000;

/**
 * How long accepting a connection may take: this many turns of this many milliseconds. With a single timer, a process that
 * was asleep or busy for that long would find its port dead before it has accepted anything.
 */
const ACCEPT_TIMEOUT = { checks: 10, interval: 100 };

/**
 * On Deno a server of Node that cannot accept a connection (too many open files) accepts none any more, without an error. So
 * if nobody has connected for a while, a connection is opened to test it.
 */
export class PortProbe {
  readonly #server: Server;
  readonly #address: { readonly host: string; readonly port: number };
  readonly #onDead: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #probing: Socket | undefined;
  #hadConnection = false;

  /**
   * Starts to check.
   *
   * @param server a server that listens
   * @param address host and port that reach it
   * @param onDead is called when it accepts nothing; again and again, as long as that is so
   * @param interval how often to check, in milliseconds
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

  /** Stops checking. */
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
    // It was accepted, which is all that the test needs.
    const onAccepted = () => socket.destroy();
    this.#server.once("connection", onAccepted);
    socket.on("close", () => {
      clearInterval(timer);
      this.#server.off("connection", onAccepted);
      this.#probing = undefined;
      // Without a connection attempt nothing is known.
      if (!this.#hadConnection && (failed === undefined || failed === "ECONNREFUSED")) {
        this.#onDead();
      }
    });
  }
}
