/**
 * The visit of one who has a session.
 *
 * @module
 */

import type { Session } from "../queue/session.ts";
import type { Peer, Visit } from "../transports/transport.ts";

/** The visit of one peer. */
export class Stay implements Visit {
  readonly #session: Session;
  readonly #left: () => void;
  readonly peer: Peer;
  /** Gives back its place. */
  seat: () => void;

  /** It begins; `left` is called once the peer is gone. */
  constructor(session: Session, peer: Peer, seat: () => void, left: () => void) {
    this.#session = session;
    this.peer = peer;
    this.seat = seat;
    this.#left = left;
  }

  receive(data: unknown): void {
    this.#session.receive(data);
  }

  closed(): void {
    const ended = this.#session.end();
    if (ended) void ended.then(() => this.#isOver());
    else this.#isOver();
  }

  /** Only once all that it said is done: until then it counts as one of those who are in. */
  #isOver(): void {
    this.seat();
    this.#left();
  }
}
