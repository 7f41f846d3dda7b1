/**
 * Who is in: the connections of a server, each with its session.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Host } from "../queue/host.ts";
import { Session } from "../queue/session.ts";
import type { House, Peer, Visit } from "../transports/transport.ts";
import { page, say } from "./pages.ts";

/** How long peers have to finish and to answer the goodbye, in milliseconds. */
const GRACE = 2000;

const STOPPING: WireError = {
  code: "stopping",
  message: "Cannot wait any longer: the server is stopping",
};

/** Gives each peer a session, and says goodbye to all. */
export class Sessions implements House {
  readonly #host: Host;
  readonly #banner: string;
  readonly #gaveUp: (why: string) => void;
  readonly #open = new Map<Peer, Session>();
  readonly #empty = Promise.withResolvers<void>();
  #stopping = false;

  /**
   * Makes an empty house.
   *
   * @param host what sessions share
   * @param banner what a person reads who comes with a browser
   * @param gaveUp takes note that a peer was given up, and why
   */
  constructor(host: Host, banner: string, gaveUp: (why: string) => void) {
    this.#host = host;
    this.#banner = banner;
    this.#gaveUp = gaveUp;
  }

  /** How many connections are open. */
  get count(): number {
    return this.#open.size;
  }

  http(request: Request): Response {
    return page(request, { banner: this.#banner, stopping: this.#stopping });
  }

  async admit(): Promise<Response | ((peer: Peer) => Visit)> {
    if (this.#stopping) return say(503, "The server is stopping");
    try {
      // Before the upgrade is answered: what the client puts once it is connected comes after.
      const { last } = await this.#host.queue.store.bounds();
      return (peer) => this.#enter(peer, last);
    } catch (error) {
      this.failed(error);
      return say(503, "The store does not answer");
    }
  }

  failed(error: unknown): void {
    this.#host.queue.log.error("dsmq: unexpected error:", error);
  }

  gaveUp(why: string): void {
    this.#gaveUp(why);
  }

  /** Lets nobody in any more, has each session finish, and gives up whoever takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const session of this.#open.values()) void session.finish(STOPPING);
    if (this.#open.size === 0) return;
    const timer = setTimeout(() => {
      for (const peer of [...this.#open.keys()]) peer.drop("it did not answer the goodbye");
    }, GRACE);
    await this.#empty.promise;
    clearTimeout(timer);
  }

  #enter(peer: Peer, start: number): Visit {
    const session = new Session(this.#host, peer, start);
    this.#open.set(peer, session);
    // It was let in just before the end.
    if (this.#stopping) peer.close(CLOSE.serviceRestart, "the server is stopping");
    return new Stay(session, peer, this);
  }

  /** A peer is gone. */
  left(peer: Peer): void {
    this.#open.delete(peer);
    if (this.#open.size === 0 && this.#stopping) this.#empty.resolve();
  }
}

/** The visit of one peer. */
class Stay implements Visit {
  readonly #session: Session;
  readonly #peer: Peer;
  readonly #sessions: Sessions;

  constructor(session: Session, peer: Peer, sessions: Sessions) {
    this.#session = session;
    this.#peer = peer;
    this.#sessions = sessions;
  }

  receive(data: unknown): void {
    this.#session.receive(data);
  }

  closed(): void {
    this.#session.close();
    this.#sessions.left(this.#peer);
  }
}
