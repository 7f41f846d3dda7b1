/**
 * The visit of one who has a session.
 *
 * @module
 */

import type { ClientConnection } from "../connection/client_connection.ts";
import type { Peer, PeerEvents } from "../transports/transport.ts";

/** The visit of one peer. */
export class AdmittedConnection implements PeerEvents {
  readonly #connection: ClientConnection;
  readonly #onGone: () => void;
  readonly peer: Peer;
  /** Gives back its place. */
  release: () => void;

  /** It begins; `left` is called once the peer is gone. */
  constructor(connection: ClientConnection, peer: Peer, release: () => void, onGone: () => void) {
    this.#connection = connection;
    this.peer = peer;
    this.release = release;
    this.#onGone = onGone;
  }

  receive(data: unknown): void {
    this.#connection.receive(data);
  }

  end(): void {
    const ended = this.#connection.end();
    if (ended) void ended.then(() => this.#onEnd());
    else this.#onEnd();
  }

  /** Only once all that it said is done: until then it counts as one of those who are in. */
  #onEnd(): void {
    this.release();
    this.#onGone();
  }
}
