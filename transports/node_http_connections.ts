/**
 * Connections that are not a WebSocket: on their way to it, or of plain HTTP.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressHolder } from "../budgets/address_key.ts";
import type { EvictingAccount, EvictingBudget } from "../budgets/evicting_budget.ts";
import { HEADER_BYTES } from "./node_http_refusal.ts";
import type { HttpInput } from "./node_http_input.ts";
import { underlyingSocket } from "./node_tls.ts";

/** The memory of a connection that has sent nothing, in bytes; with TLS, before the handshake is done. */
const IDLE_BYTES = { plain: 4 * 1024, tls: 16 * 1024 };

/** How often to check how much each has sent, in milliseconds: the parser says nothing before a request is complete. */
const CHECK_EVERY = 100;

interface HttpConnection {
  readonly account: EvictingAccount;
  readonly socket: Socket;
  /** How many bytes had come when its last request was complete. */
  readAtRequest: number;
  /** Its input that waits for its turn, once there is such a place. */
  input?: Pick<HttpInput, "buffered">;
}

/** Counts their memory, in a budget that they share with others. Without connections there is no timer. */
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
    this.#connections.set(socket, { account, socket, readAtRequest: 0 });
    socket.once("close", () => this.#delete(socket));
    this.#timer ??= setInterval(() => this.#check(), CHECK_EVERY);
    this.#hold(account, 0);
  }

  /** Its input waits there for its turn. With TLS another socket is given. */
  setInput(socket: Socket, input: Pick<HttpInput, "buffered">): void {
    const connection = this.#connections.get(underlyingSocket(socket));
    if (connection) connection.input = input;
  }

  /** Its request is complete. With TLS another socket is given. */
  onRequest(socket: Socket): void {
    const connection = this.#connections.get(underlyingSocket(socket));
    if (connection) connection.readAtRequest = connection.socket.bytesRead;
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

  #check(): void {
    for (const { account, socket, readAtRequest, input } of this.#connections.values()) {
      // The data of a body is dropped in its turn.
      const unread = Math.min(
        socket.bytesRead - readAtRequest,
        HEADER_BYTES + (input?.buffered ?? 0),
      );
      this.#hold(account, unread + socket.writableLength);
    }
  }

  /** It has no share of its own: there may be any number of them. */
  #hold(account: EvictingAccount, bytes: number): void {
    account.set(account.account.own + this.#idleBytes + bytes);
  }
}
