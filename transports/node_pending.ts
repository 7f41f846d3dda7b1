/**
 * Connections that have not become a WebSocket: on their way to it, or of plain HTTP.
 *
 * @module
 */

import type { Socket } from "node:net";
import { addressHolder } from "../budgets/address.ts";
import type { EvictingAccount, EvictingBudget } from "../budgets/evicting.ts";
import { HEADER_BYTES } from "./node_http.ts";
import type { Intake } from "./node_intake.ts";
import { connectionOf } from "./node_secure.ts";

/** What a connection takes before it has said anything, in bytes; with TLS, before the handshake is done. */
const AT_REST = { plain: 4 * 1024, tls: 16 * 1024 };

/** How often to look how much each has sent, in milliseconds: the parser says nothing before a request is whole. */
const EVERY = 100;

interface Pending {
  readonly account: EvictingAccount;
  readonly socket: Socket;
  /** How many bytes had come when its last request was whole. */
  asked: number;
  /** Where that waits which has come, once there is such a place. */
  intake?: Pick<Intake, "kept">;
}

/** Keeps account of what they take, in a budget that they share with others. There is no timer while there is none. */
export class PendingConnections {
  readonly #budget: EvictingBudget;
  readonly #atRest: number;
  readonly #pending = new Map<Socket, Pending>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Nobody is there yet. */
  constructor(budget: EvictingBudget, hasTls: boolean) {
    this.#budget = budget;
    this.#atRest = hasTls ? AT_REST.tls : AT_REST.plain;
  }

  /** A connection has come; `evicted` ends it where there is no room for it any more. */
  add(socket: Socket, evicted: () => void): void {
    const account = this.#budget.open(addressHolder(socket.remoteAddress ?? ""), () => {
      this.#delete(socket);
      evicted();
    });
    this.#pending.set(socket, { account, socket, asked: 0 });
    socket.once("close", () => this.#delete(socket));
    this.#timer ??= setInterval(() => this.#look(), EVERY);
    this.#hold(account, 0);
  }

  /** What comes on it waits there for its turn. With TLS it is another socket that says so. */
  takenIn(socket: Socket, intake: Pick<Intake, "kept">): void {
    const pending = this.#pending.get(connectionOf(socket));
    if (pending) pending.intake = intake;
  }

  /** Its request is whole. With TLS it is another socket that says so. */
  asked(socket: Socket): void {
    const pending = this.#pending.get(connectionOf(socket));
    if (pending) pending.asked = pending.socket.bytesRead;
  }

  /** It is a WebSocket from now on, and counts elsewhere. */
  upgraded(socket: Socket): void {
    this.#delete(connectionOf(socket));
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #delete(connection: Socket): void {
    const pending = this.#pending.get(connection);
    if (!pending) return;
    this.#pending.delete(connection);
    pending.account.close();
    if (this.#pending.size === 0) this.stop();
  }

  #look(): void {
    for (const { account, socket, asked, intake } of this.#pending.values()) {
      // What comes of a body is thrown away in its turn.
      const said = Math.min(socket.bytesRead - asked, HEADER_BYTES + (intake?.kept ?? 0));
      this.#hold(account, said + socket.writableLength);
    }
  }

  /** It has nothing for itself: there may be any number of them. */
  #hold(account: EvictingAccount, bytes: number): void {
    account.hold(account.account.own + this.#atRest + bytes);
  }
}
