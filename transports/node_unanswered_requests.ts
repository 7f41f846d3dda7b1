/**
 * HTTP requests that came on a connection before earlier ones had their responses.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How many of a connection may wait; browsers and proxies have one. A client that sends more reads no responses, and each takes kilobytes. */
const MAX_WAITING = 4;

interface Waiting {
  count: number;
  /** Called once none waits. */
  onNone: (() => void) | undefined;
}

/** Counts the requests of each connection that wait for their responses. */
export class UnansweredRequests {
  readonly #waiting = new WeakMap<Socket, Waiting>();

  /**
   * Counts one more, until its response was sent or its connection is gone.
   *
   * @param socket the connection
   * @param outgoing its response
   */
  add(socket: Socket, outgoing: ServerResponse): void {
    const waiting = this.#waiting.get(socket) ?? { count: 0, onNone: undefined };
    this.#waiting.set(socket, waiting);
    waiting.count++;
    outgoing.once("close", () => {
      if (--waiting.count === 0) waiting.onNone?.();
    });
  }

  /** Whether a connection has reached the limit. */
  tooMany(socket: Socket): boolean {
    return (this.#waiting.get(socket)?.count ?? 0) >= MAX_WAITING;
  }

  /** Whether a request of a connection waits. */
  hasWaiting(socket: Socket): boolean {
    return (this.#waiting.get(socket)?.count ?? 0) > 0;
  }

  /** Calls back once none of the waiting requests of a connection waits any more. */
  whenNone(socket: Socket, callback: () => void): void {
    this.#waiting.get(socket)!.onNone = callback;
  }
}
