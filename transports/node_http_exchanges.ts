/**
 * Requests of `node:http` and their responses: those of a connection are answered one after the other.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * How many requests of a connection may wait; browsers and proxies have one. A client that sends more reads no responses,
 * and each takes kilobytes.
 */
const MAX_WAITING = 4;

/** Why a request or its response is given up. */
const LEFT = "The client has left";

/** The part of a request that is used. */
export interface ExchangeRequest {
  /** All of it has come. */
  readonly complete: boolean;
  /** All of it has come, or what comes is being read. */
  readonly isRead: boolean;
  /** Its body will not be complete. */
  failBody(reason: Error): void;
}

/** A request and its response. */
export class HttpExchange {
  readonly outgoing: ServerResponse;
  readonly socket: Socket;
  /** Resolves once the responses before it have been written; `undefined` if there are none. */
  readonly turn: Promise<void> | undefined;
  readonly #incoming: ExchangeRequest;
  readonly #beginTurn: (() => void) | undefined;
  #controller: AbortController | undefined;
  #onGone: (() => void) | undefined;
  #isGone = false;

  /** A new one, whose turn begins at once or later. */
  constructor(
    incoming: ExchangeRequest,
    outgoing: ServerResponse,
    socket: Socket,
    hasToWait: boolean,
  ) {
    this.#incoming = incoming;
    this.outgoing = outgoing;
    this.socket = socket;
    if (!hasToWait) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.turn = promise;
    this.#beginTurn = resolve;
  }

  /** Nobody can be answered any more. */
  get isGone(): boolean {
    return this.#isGone || this.socket.destroyed;
  }

  /** All of the request has come. */
  get isComplete(): boolean {
    return this.#incoming.complete;
  }

  /** Its request is being handled, or its response streamed: nothing is missing of it, and nothing is handed over. */
  get isHandled(): boolean {
    return !this.outgoing.writableEnded && this.#incoming.isRead;
  }

  /** Aborts when the client leaves before its response is complete. Made when it is asked for: that takes a tenth of a request's time. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isGone) this.#controller.abort(new DOMException(LEFT, "AbortError"));
    return this.#controller.signal;
  }

  /** Calls back when the client leaves, instead of what was to be called before; at once if it has left. */
  onGone(callback: () => void): void {
    this.#onGone = callback;
    if (this.isGone) callback();
  }

  /** Its turn begins. */
  begin(): void {
    this.#beginTurn?.();
  }

  /** Gives it up, unless its response was handed over already: then that may still arrive. May be called twice. */
  abandon(): void {
    if (this.#isGone || this.outgoing.writableEnded) return;
    this.#isGone = true;
    const reason = new DOMException(LEFT, "AbortError");
    if (!this.isComplete) this.#incoming.failBody(reason);
    this.#controller?.abort(reason);
    this.#onGone?.();
    this.begin();
  }
}

/** The exchanges of a connection that are not over, the oldest first. */
interface Waiting {
  readonly exchanges: HttpExchange[];
  /** Called once there are none. */
  onNone: (() => void) | undefined;
}

/** The exchanges of all connections that are not over. */
export class HttpExchanges {
  readonly #waiting = new WeakMap<Socket, Waiting>();

  /**
   * Adds one, until its response was sent or its connection is gone.
   *
   * @param socket the connection
   * @param incoming the request
   * @param outgoing its response
   */
  add(socket: Socket, incoming: ExchangeRequest, outgoing: ServerResponse): HttpExchange {
    const waiting = this.#waiting.get(socket) ?? this.#watch(socket);
    const { exchanges } = waiting;
    const exchange = new HttpExchange(incoming, outgoing, socket, exchanges.length > 0);
    exchanges.push(exchange);
    outgoing.once("close", () => {
      // It may be that nothing was answered.
      exchange.abandon();
      const index = exchanges.indexOf(exchange);
      if (index >= 0) exchanges.splice(index, 1);
      if (exchanges.length === 0) waiting.onNone?.();
      else exchanges[0]!.begin();
    });
    return exchange;
  }

  /**
   * A response was handed over. The next one may be made, unless this one fills the buffers of the connection: then once
   * its client has read it.
   */
  onWritten({ socket }: HttpExchange): void {
    if (socket.writableNeedDrain) return;
    this.#waiting.get(socket)?.exchanges.find((other) => !other.outgoing.writableEnded)?.begin();
  }

  /**
   * What a connection sends can be read no further.
   *
   * @param socket the connection
   * @returns whether a response that says why can follow those of the complete requests
   */
  onUnreadable(socket: Socket): boolean {
    const { exchanges } = this.#waiting.get(socket) ?? {};
    const last = exchanges?.at(-1);
    if (!exchanges || !last || last.isComplete) return true;
    // Its body ends here. What its handler would answer now is not answered any more.
    last.abandon();
    exchanges.pop();
    return !last.outgoing.headersSent;
  }

  /** Whether a connection has reached the limit. */
  tooMany(socket: Socket): boolean {
    return (this.#waiting.get(socket)?.exchanges.length ?? 0) >= MAX_WAITING;
  }

  /** Whether the oldest request of a connection is being handled. */
  isHandled(socket: Socket): boolean {
    return this.#waiting.get(socket)?.exchanges[0]?.isHandled === true;
  }

  /** Whether a request of a connection waits. */
  hasWaiting(socket: Socket): boolean {
    return (this.#waiting.get(socket)?.exchanges.length ?? 0) > 0;
  }

  /** Calls back once none of the waiting requests of a connection waits any more. */
  whenNone(socket: Socket, callback: () => void): void {
    this.#waiting.get(socket)!.onNone = callback;
  }

  #watch(socket: Socket): Waiting {
    const waiting: Waiting = { exchanges: [], onNone: undefined };
    this.#waiting.set(socket, waiting);
    const onLeft = () => {
      // Node ends the connection, too: what was not handed over cannot be written any more.
      const isCut = waiting.exchanges.some(({ outgoing }) => !outgoing.writableEnded);
      for (const exchange of [...waiting.exchanges]) exchange.abandon();
      if (isCut) socket.destroy();
    };
    socket.once("end", onLeft);
    socket.once("close", onLeft);
    return waiting;
  }
}
