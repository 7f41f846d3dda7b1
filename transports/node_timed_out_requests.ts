/**
 * Connections whose request took too long.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Pacer } from "./pacer.ts";

/** Ends them a few at a time: thousands may be found at once, and ending them all takes a third of a second. */
export class TimedOutRequests {
  readonly #pacer = new Pacer();
  readonly #timedOut = new WeakSet<Socket>();

  /** A request took too long; `end` is called when its turn comes. It may be found again until then. */
  add(socket: Socket, end: () => void): void {
    if (this.#timedOut.has(socket)) return;
    this.#timedOut.add(socket);
    const wait = this.#pacer.wait();
    if (wait) void wait.then(end);
    else end();
  }

  /** Its request took too long: what comes now is ignored. */
  has(socket: Socket): boolean {
    return this.#timedOut.has(socket);
  }
}
