/**
 * Connections that are not a WebSocket: on their way to it, or of plain HTTP.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressHolder } from "../budgets/address_key.ts";
import type { EvictingAccount, EvictingBudget } from "../budgets/evicting_budget.ts";
import { MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import { HEADER_BYTES } from "./node_http_refusal.ts";
import type { HttpInput } from "./node_http_input.ts";
import { exchanges } from "./node_http_request.ts";
import { underlyingSocket } from "./node_tls.ts";

/** The memory of a connection that has sent nothing, in bytes; with TLS, before the handshake is done. */
const IDLE_BYTES = { plain: 4 * 1024, tls: 16 * 1024 };

/** How often to check how much each has sent, in milliseconds: the parser says nothing before a request is complete. */
const CHECK_EVERY = 100;

interface HttpConnection {
  readonly account: EvictingAccount;
  readonly socket: Socket;
  /** What HTTP has of it: with TLS another socket. */
  served: Socket;
  /** How many bytes had come when its last request was complete. */
  readAtRequest: number;
  /** Until when its client has time to read the end of a response. */
  unreadUntil: number | undefined;
  /** Its input that waits for its turn, once there is such a place. */
  input?: Pick<HttpInput, "buffered">;
}

/**
 * Counts their memory, in a budget that they share with others. Without connections there is no timer.
 *
 * A request that is complete, or whose body is being read, is not counted while its response is being made or streamed: who
 * handles it bounds it. So it is never taken for an incomplete one, however long that lasts. The end of a response is counted
 * until it was read, and gives way to others once a slow line would have taken it.
 */
export class HttpConnections {
  readonly #budget: EvictingBudget;
  readonly #idleBytes: number;
  readonly #connections = new Map<Socket, HttpConnection>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Starts without connections. */
  constructor(budget: EvictingBudget, hasTls: boolean) {
    this.#budget = budget;
    this.#idleBytes = hasTls ? IDLE_BYTES.tls : IDLE_BYTES.plain;
  }

  /** A new connection; `evicted` ends it if there is no room for it any more. */
  add(socket: Socket, onEvicted: () => void): void {
    const account = this.#budget.open(addressHolder(socket.remoteAddress ?? ""), () => {
      this.#delete(socket);
      onEvicted();
    });
    this.#connections.set(socket, {
      account,
      socket,
      served: socket,
      readAtRequest: 0,
      unreadUntil: undefined,
    });
    socket.once("close", () => this.#delete(socket));
    this.#timer ??= setInterval(() => this.check(), CHECK_EVERY);
    this.#hold(account, 0);
  }

  /** Its input waits there for its turn. With TLS another socket is given. */
  setInput(socket: Socket, input: Pick<HttpInput, "buffered">): void {
    const connection = this.#connections.get(underlyingSocket(socket));
    if (!connection) return;
    connection.served = socket;
    connection.input = input;
  }

  /** Its request is complete. With TLS another socket is given. */
  onRequest(socket: Socket): void {
    const connection = this.#connections.get(underlyingSocket(socket));
    if (!connection) return;
    connection.readAtRequest = connection.socket.bytesRead;
    // Requests may come and go between two checks.
    connection.account.renew();
  }

  /** It is a WebSocket from now on, and is counted elsewhere. */
  onUpgraded(socket: Socket): void {
    this.#delete(underlyingSocket(socket));
  }

  /** Stops checking. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #delete(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (!connection) return;
    this.#connections.delete(socket);
    connection.account.close();
    if (this.#connections.size === 0) this.stop();
  }

  /** Counts all of them anew. */
  check(): void {
    for (const connection of this.#connections.values()) {
      const { account, socket, served, readAtRequest, input } = connection;
      if (exchanges.isHandled(served)) {
        account.set(0);
        continue;
      }
      const waiting = served.writableLength;
      if (waiting === 0) connection.unreadUntil = undefined;
      else {
        const now = performance.now();
        connection.unreadUntil ??= now + 1000 * waiting / MIN_PEER_SPEED;
        if (now < connection.unreadUntil) account.renew();
      }
      // The data of a body is dropped in its turn.
      const unread = Math.min(
        socket.bytesRead - readAtRequest,
        HEADER_BYTES + (input?.buffered ?? 0),
      );
      this.#hold(account, unread + waiting);
    }
  }

  /** It has no share of its own: there may be any number of them. */
  #hold(account: EvictingAccount, bytes: number): void {
    account.set(account.account.own + this.#idleBytes + bytes);
  }
}
