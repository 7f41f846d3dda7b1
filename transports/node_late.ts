/**
 * Connections whose request did not come in time.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Pace } from "./pace.ts";

/** Ends them a few at a time: thousands may be found late at once, and ending them all takes a third of a second. */
export class LateRequests {
  readonly #pace = new Pace();
  readonly #late = new WeakSet<Socket>();

  /** One is late; `end` is called when its turn comes. It may be found again until then. */
  add(socket: Socket, end: () => void): void {
    if (this.#late.has(socket)) return;
    this.#late.add(socket);
    const turn = this.#pace.turn();
    if (turn) void turn.then(end);
    else end();
  }

  /** It was late: what comes now comes in vain. */
  has(socket: Socket): boolean {
    return this.#late.has(socket);
  }
}
