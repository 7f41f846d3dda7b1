/**
 * Connections that have not become a WebSocket: on their way to it, or of plain HTTP.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressHolder } from "../budgets/address_key.ts";
import type { EvictingAccount, EvictingBudget } from "../budgets/evicting_budget.ts";
import { HEADER_BYTES } from "./node_http.ts";
import type { HttpInput } from "./node_http_input.ts";
import { underlyingSocket } from "./node_tls.ts";

/** What a connection takes before it has said anything, in bytes; with TLS, before the handshake is done. */
const IDLE_BYTES = { plain: 4 * 1024, tls: 16 * 1024 };

/** How often to look how much each has sent, in milliseconds: the parser says nothing before a request is whole. */
const CHECK_EVERY = 100;

interface HttpConnection {
  readonly account: EvictingAccount;
  readonly socket: Socket;
  /** How many bytes had come when its last request was whole. */
  readAtRequest: number;
  /** Where that waits which has come, once there is such a place. */
  input?: Pick<HttpInput, "buffered">;
}

/** Keeps account of what they take, in a budget that they share with others. There is no timer while there is none. */
export class HttpConnections {
  readonly #budget: EvictingBudget;
  readonly #idleBytes: number;
  readonly #connections = new Map<Socket, HttpConnection>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Nobody is there yet. */
  constructor(budget: EvictingBudget, hasTls: boolean) {
    this.#budget = budget;
    this.#idleBytes = hasTls ? IDLE_BYTES.tls : IDLE_BYTES.plain;
  }

  /** A connection has come; `evicted` ends it where there is no room for it any more. */
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

  /** What comes on it waits there for its turn. With TLS it is another socket that says so. */
  setInput(socket: Socket, input: Pick<HttpInput, "buffered">): void {
    const connection = this.#connections.get(underlyingSocket(socket));
    if (connection) connection.input = input;
  }

  /** Its request is whole. With TLS it is another socket that says so. */
  onRequest(socket: Socket): void {
    const connection = this.#connections.get(underlyingSocket(socket));
    if (connection) connection.readAtRequest = connection.socket.bytesRead;
  }

  /** It is a WebSocket from now on, and counts elsewhere. */
  onUpgraded(socket: Socket): void {
    this.#delete(underlyingSocket(socket));
  }

  /** Looks no more. */
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
      // What comes of a body is thrown away in its turn.
      const unread = Math.min(
        socket.bytesRead - readAtRequest,
        HEADER_BYTES + (input?.buffered ?? 0),
      );
      this.#hold(account, unread + socket.writableLength);
    }
  }

  /** It has nothing for itself: there may be any number of them. */
  #hold(account: EvictingAccount, bytes: number): void {
    account.set(account.account.own + this.#idleBytes + bytes);
  }
}
