/**
 * Requests by HTTP that came on one connection before those ahead of them were answered.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How many of a connection may wait; browsers and proxies have one. Who sends more reads no answers, and each takes kilobytes. */
const MAX_WAITING = 4;

interface Waiting {
  count: number;
  /** Called once none waits any more. */
  onNone: (() => void) | undefined;
}

/** How many requests of each connection wait for their answers to leave. */
export class UnansweredRequests {
  readonly #waiting = new WeakMap<Socket, Waiting>();

  /**
   * One more waits, until its answer has left or its connection is gone.
   *
   * @param socket the connection
   * @param outgoing its answer
   */
  add(socket: Socket, outgoing: ServerResponse): void {
    const waiting = this.#waiting.get(socket) ?? { count: 0, onNone: undefined };
    this.#waiting.set(socket, waiting);
    waiting.count++;
    outgoing.once("close", () => {
      if (--waiting.count === 0) waiting.onNone?.();
    });
  }

  /** Whether so many of a connection wait that it may ask for no more. */
  tooMany(socket: Socket): boolean {
    return (this.#waiting.get(socket)?.count ?? 0) >= MAX_WAITING;
  }

  /** Whether one of a connection waits. */
  hasWaiting(socket: Socket): boolean {
    return (this.#waiting.get(socket)?.count ?? 0) > 0;
  }

  /** Calls back once none of a connection waits any more, of those that do. */
  whenNone(socket: Socket, callback: () => void): void {
    this.#waiting.get(socket)!.onNone = callback;
  }
}
