/**
 * Who is in: the connections of a server, each with its session.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { ServerLimits } from "../protocol/limits.ts";
import { CLOSE, SUBPROTOCOL } from "../protocol/websocket.ts";
import type { Host } from "../queue/host.ts";
import { Session } from "../queue/session.ts";
import type { House, Peer, Visit } from "../transports/transport.ts";
import { page, say } from "./pages.ts";
import { Places } from "./places.ts";

/** How long peers have to finish and to answer the goodbye, in milliseconds. */
const GRACE = 2000;

/** So many at a time are let in to be told that there is no place for them; others have to guess. */
const TOLD = 100;

const STOPPING: WireError = {
  code: "stopping",
  message: "Cannot wait any longer: the server is stopping",
};

/** Gives each peer a session, and says goodbye to all. */
export class Sessions implements House {
  readonly #host: Host;
  readonly #banner: string;
  readonly #places: Places;
  readonly #open = new Map<Peer, Session>();
  /** Those who are being told that there is no place, and how many will have been. */
  readonly #toldOff = new Set<Peer>();
  #toldOffCount = 0;
  readonly #empty = Promise.withResolvers<void>();
  #stopping = false;

  /**
   * Makes an empty house.
   *
   * @param host what sessions share
   * @param banner what a person reads who comes with a browser
   * @param limits how many may be in
   */
  constructor(host: Host, banner: string, limits: ServerLimits) {
    this.#places = new Places(limits);
    this.#host = host;
    this.#banner = banner;
  }

  /** How many connections are open. */
  get count(): number {
    return this.#open.size;
  }

  http(request: Request): Response {
    return page(request, { banner: this.#banner, stopping: this.#stopping });
  }

  async admit(request: Request, from: string): Promise<Response | ((peer: Peer) => Visit)> {
    if (this.#stopping) return say(503, "The server is stopping");
    // From here on, and not from when it has entered: many may be on their way in.
    const leave = this.#places.take(from);
    if (typeof leave !== "function") return this.#turnAway(request, leave);
    try {
      // Before the upgrade is answered: what the client puts once it is connected comes after.
      const { last } = await this.#host.queue.store.bounds();
      return (peer) => this.#enter(peer, last, leave);
    } catch (error) {
      leave();
      this.failed(error);
      return say(503, "The store does not answer");
    }
  }

  failed(error: unknown): void {
    this.#host.queue.log.error("dsmq: unexpected error:", error);
  }

  /** Lets nobody in any more, has each session finish, and gives up whoever takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const peer of [...this.#toldOff]) peer.drop();
    for (const session of this.#open.values()) void session.finish(STOPPING);
    if (this.#open.size === 0) return;
    const timer = setTimeout(() => {
      for (const peer of [...this.#open.keys()]) peer.drop();
    }, GRACE);
    await this.#empty.promise;
    clearTimeout(timer);
  }

  /** There is no place. A client of ours sees the code of a close, and not the status of a refused upgrade. */
  #turnAway(
    request: Request,
    { error, address }: { readonly error: WireError; readonly address: boolean },
  ): Response | ((peer: Peer) => Visit) {
    this.#host.refused(error);
    if (this.#toldOffCount >= TOLD || !offersOurs(request)) {
      return say(address ? 429 : 503, error.message);
    }
    this.#toldOffCount++;
    return (peer) => {
      this.#toldOff.add(peer);
      const callOff = this.#host.queue.clock.after(GRACE, () => peer.drop());
      peer.close(CLOSE.tryAgainLater, error.message);
      const closed = () => {
        callOff();
        this.#toldOff.delete(peer);
        this.#toldOffCount--;
      };
      return { receive() {}, closed };
    };
  }

  #enter(peer: Peer, start: number, leave: () => void): Visit {
    const session = new Session(this.#host, peer, start);
    this.#open.set(peer, session);
    // It was let in just before the end.
    if (this.#stopping) peer.close(CLOSE.serviceRestart, "the server is stopping");
    return new Stay(session, peer, this, leave);
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
  readonly #leave: () => void;

  constructor(session: Session, peer: Peer, sessions: Sessions, leave: () => void) {
    this.#session = session;
    this.#peer = peer;
    this.#sessions = sessions;
    this.#leave = leave;
  }

  receive(data: unknown): void {
    this.#session.receive(data);
  }

  closed(): void {
    this.#leave();
    this.#session.close();
    this.#sessions.left(this.#peer);
  }
}

function offersOurs({ headers }: Request): boolean {
  const offered = headers.get("sec-websocket-protocol")?.split(",") ?? [];
  return offered.some((name) => name.trim() === SUBPROTOCOL);
}
