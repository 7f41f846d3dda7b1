/**
 * The connections that are there, and how all of them are closed: because the server stops, or because it is behind its log.
 *
 * @module
 */

import type { ClientConnection } from "../connection/client_connection.ts";
import type { WireError } from "../protocol/errors.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { CloseReason, PendingConnection } from "./pending_connection.ts";

/** How long peers have to finish and to answer the close frame, in milliseconds. */
export const CLOSE_TIMEOUT = 2000;

/** After so much of it they get the close frame, though a request is not finished: it may wait for longer, for a log that does not answer. */
const FINISH_TIMEOUT = 1000;

/** Why all connections are closed, and no others admitted. */
export interface Closing {
  /** The error of what waits. */
  readonly error: WireError;
  readonly close: CloseReason;
}

/** The server stops. */
export const STOPPING: Closing = {
  error: {
    code: "shutting_down",
    message: "Cannot wait any longer: the server is stopping",
  },
  close: [CLOSE_CODE.serviceRestart, "the server is stopping"],
};

/** What can be read here may be old: other servers of the same log may have more. */
export const BEHIND: Closing = {
  error: {
    code: "behind",
    message: "Cannot serve: the server is cut off from its log, or has yet to catch up with it",
  },
  close: [CLOSE_CODE.tryAgainLater, "behind: the server is cut off from its log"],
};

/** Is called when none is left. */
type OnEmpty = () => void;

/** The connections of a server. */
export class OpenConnections {
  readonly #admitted = new Set<ClientConnection>();
  /** Those that are not admitted, including rejected ones that are not closed yet. */
  readonly #pending = new Set<PendingConnection>();
  #closing: Closing | undefined;
  readonly #onEmpty = new Set<OnEmpty>();

  /** How many are admitted. */
  get count(): number {
    return this.#admitted.size;
  }

  /** The admitted ones. */
  get all(): readonly ClientConnection[] {
    return [...this.#admitted];
  }

  /** Whether a connection is admitted, and not gone. */
  has(connection: ClientConnection): boolean {
    return this.#admitted.has(connection);
  }

  /** Why none is admitted now, if that is so. */
  get closing(): Closing | undefined {
    return this.#closing;
  }

  /** One is admitted. Returns `false` if all are being closed, this one with them. */
  admit(connection: ClientConnection): boolean {
    this.#admitted.add(connection);
    if (this.#closing) connection.peer.close(...this.#closing.close);
    return !this.#closing;
  }

  /** One waits to be admitted, unless all are being closed. */
  addPending(connection: PendingConnection): void {
    this.#pending.add(connection);
    if (this.#closing) closePending(connection, this.#closing);
  }

  /** One is gone. */
  delete(connection: ClientConnection): void {
    this.#admitted.delete(connection);
    this.#notifyIfEmpty();
  }

  /** One waits no more, or is gone; may be called twice. */
  deletePending(connection: PendingConnection): void {
    this.#pending.delete(connection);
    this.#notifyIfEmpty();
  }

  /** Admits connections again. If the server stops, that stays so. */
  reopen(): void {
    if (this.#closing !== STOPPING) this.#closing = undefined;
  }

  /**
   * Admits none any more, lets each finish what it has received, closes those that take long, and drops those that take too long. A server
   * that is behind lets none finish: what has no answer yet waits for the log, and the client may do it at another server.
   *
   * @param closing why
   * @returns when none is left, or those that there were have been dropped while others may come
   */
  async closeAll(closing: Closing): Promise<void> {
    if (this.#closing !== STOPPING) this.#closing = closing;
    const [admitted, pending] = [this.all, [...this.#pending]];
    for (const connection of admitted) {
      if (closing === BEHIND) connection.closeGracefully(...closing.close, closing.error);
      else void connection.finish(closing.error, ...closing.close);
    }
    for (const connection of pending) closePending(connection, closing);
    if (this.#isEmpty) return;
    const { promise: isOver, resolve: end } = Promise.withResolvers<void>();
    const closeTimer = setTimeout(() => {
      for (const connection of admitted) {
        if (!this.has(connection) || connection.closed) continue;
        connection.closeGracefully(...closing.close, closing.error);
      }
    }, FINISH_TIMEOUT);
    const timer = setTimeout(() => {
      // Others may have come by now, unless the server stops.
      const stops = closing === STOPPING;
      for (const connection of stops ? this.all : admitted) {
        if (!this.has(connection)) continue;
        void connection.close();
        connection.peer.drop("it did not answer the close frame");
      }
      for (const connection of stops ? [...this.#pending] : pending) {
        if (this.#pending.has(connection)) connection.drop();
      }
      if (!stops) end();
    }, CLOSE_TIMEOUT);
    this.#onEmpty.add(end);
    await isOver;
    this.#onEmpty.delete(end);
    clearTimeout(closeTimer);
    clearTimeout(timer);
  }

  get #isEmpty(): boolean {
    return this.#admitted.size === 0 && this.#pending.size === 0;
  }

  #notifyIfEmpty(): void {
    if (!this.#isEmpty) return;
    for (const onEmpty of this.#onEmpty) onEmpty();
  }
}

/** A server that is behind says so in the reply to `hello`, which says more than a close code. */
function closePending(connection: PendingConnection, closing: Closing): void {
  if (closing === BEHIND) connection.refuse(closing.error, closing.close);
  else connection.closeGracefully(...closing.close);
}
