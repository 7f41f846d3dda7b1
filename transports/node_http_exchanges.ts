/**
 * Requests of `node:http` and their responses: those of a connection are answered one after the other.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * How many requests of a connection may wait for their responses, in any case. As a rule the next one is parsed once those
 * before it have theirs: each takes kilobytes.
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
  /** Its body will not be complete, unless it is. */
  failBody(reason: Error): void;
}

/** A request and its response. */
export class HttpExchange {
  readonly outgoing: ServerResponse;
  readonly socket: Socket;
  /** Resolves once the responses before it have been written; `undefined` if there are none. */
  readonly turn: Promise<void> | undefined;
  /** Others were handled before it. */
  readonly hasPaced: boolean;
  /** The network was polled after this moment: its client has sent it after it had the response before it. */
  readonly polledAt: number;
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
    { hasToWait, hasPaced, polledAt }: {
      readonly hasToWait: boolean;
      readonly hasPaced: boolean;
      readonly polledAt: number;
    },
  ) {
    this.#incoming = incoming;
    this.hasPaced = hasPaced;
    this.polledAt = hasToWait ? -Infinity : polledAt;
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
    this.#incoming.failBody(reason);
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
  /** Called once there are few, or the connection is gone. */
  onRoom: (() => void) | undefined;
  /** The next request was held, and has waited for others to be handled. */
  hasPaced: boolean;
  /** When a response was handed over last. */
  answeredAt: number;
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
    const exchange = new HttpExchange(incoming, outgoing, socket, {
      hasToWait: hasToWait(exchanges, socket),
      hasPaced: waiting.hasPaced,
      polledAt: waiting.answeredAt,
    });
    waiting.hasPaced = false;
    exchanges.push(exchange);
    outgoing.once("close", () => {
      // It may be that nothing was answered.
      exchange.abandon();
      const index = exchanges.indexOf(exchange);
      if (index >= 0) exchanges.splice(index, 1);
      this.#onRoom(waiting);
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
    const waiting = this.#waiting.get(socket);
    if (!waiting) return;
    waiting.answeredAt = performance.now();
    waiting.exchanges.find(isUnanswered)?.begin();
    this.#onRoom(waiting);
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

  /** Whether something of a connection may be parsed, perhaps one more request. */
  mayParse(socket: Socket, isNewRequest: boolean): boolean {
    if (isHeldBack(socket)) return false;
    if (!isNewRequest) return true;
    const { exchanges } = this.#waiting.get(socket) ?? { exchanges: [] };
    return exchanges.length < MAX_WAITING && !hasToWait(exchanges, socket);
  }

  /** Calls back once more of a connection may be parsed, most likely, or it is gone. There are requests that wait. */
  whenRoom(socket: Socket, callback: () => void): void {
    this.#waiting.get(socket)!.onRoom = callback;
  }

  /** The next request of a connection need not wait for those of others. */
  pace(socket: Socket): void {
    this.#waiting.get(socket)!.hasPaced = true;
  }

  /** Whether more wait than were to be parsed. */
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

  #onRoom(waiting: Waiting): void {
    const { onRoom } = waiting;
    waiting.onRoom = undefined;
    onRoom?.();
  }

  #watch(socket: Socket): Waiting {
    const waiting: Waiting = {
      exchanges: [],
      onNone: undefined,
      onRoom: undefined,
      hasPaced: false,
      answeredAt: -Infinity,
    };
    this.#waiting.set(socket, waiting);
    const onLeft = () => {
      // Node ends the connection, too: what was not handed over cannot be written any more.
      const isCut = waiting.exchanges.some(isUnanswered);
      for (const exchange of [...waiting.exchanges]) exchange.abandon();
      if (isCut) socket.destroy();
    };
    // Node, which has paused it, has resumed it before.
    socket.on("drain", () => this.#onRoom(waiting));
    socket.once("end", onLeft);
    socket.once("close", onLeft);
    return waiting;
  }
}

/** Whether one more request has to wait: for the responses before it, or until the client has read these. */
function hasToWait(exchanges: readonly HttpExchange[], socket: Socket): boolean {
  return exchanges.some(isUnanswered) || (exchanges.length > 0 && socket.writableNeedDrain);
}

function isUnanswered({ outgoing }: HttpExchange): boolean {
  return !outgoing.writableEnded;
}

/** Whether Node has paused a connection and its parser, because responses are not read. It resumes both by itself. */
export function isHeldBack(socket: Socket): boolean {
  return (socket as Socket & { readonly _paused?: boolean })._paused === true;
}
