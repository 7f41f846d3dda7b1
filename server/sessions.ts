/**
 * Who is in: the connections of a server, each with its session.
 *
 * @module
 */

import type { Door } from "../door/door.ts";
import type { WireError } from "../protocol/errors.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Host } from "../queue/host.ts";
import { TOKEN_BAD, TOKEN_NEEDED } from "../queue/leave.ts";
import { Session } from "../queue/session.ts";
import type { House, Peer, Visit } from "../transports/transport.ts";
import { page, say } from "./pages.ts";

/** How long peers have to finish and to answer the goodbye, in milliseconds. */
const GRACE = 2000;

const STOPPING: WireError = {
  code: "stopping",
  message: "Cannot wait any longer: the server is stopping",
};

/** What the house has to know beside what its sessions need. */
export interface HouseOptions {
  readonly door: Door;
  /** How long a token that is owed may take, in milliseconds. */
  readonly tokenTime: number;
  /** What a person reads who comes with a browser. */
  readonly banner: string;
}

/** Gives each peer a session, and says goodbye to all. */
export class Sessions implements House {
  readonly #host: Host;
  readonly #options: HouseOptions;
  readonly #open = new Map<Peer, Session>();
  /** Those who owe a token, or were told to leave: how to call off what happens to them in the end. */
  readonly #timers = new Map<Peer, () => void>();
  readonly #empty = Promise.withResolvers<void>();
  #stopping = false;

  /**
   * Makes an empty house.
   *
   * @param host what sessions share
   * @param options the rest
   */
  constructor(host: Host, options: HouseOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** How many connections are open. */
  get count(): number {
    return this.#open.size;
  }

  http(request: Request): Response {
    const { banner, door } = this.#options;
    const why = door.judgeHost(request);
    if (why !== undefined) return this.#refuse(403, why);
    return page(request, { banner, stopping: this.#stopping });
  }

  async admit(request: Request): Promise<Response | ((peer: Peer) => Visit)> {
    const verdict = await this.#options.door.judge(request);
    if (verdict.kind === "refused") return this.#refuse(verdict.status, verdict.why);
    if (this.#stopping) return say(503, "The server is stopping");
    if (verdict.kind === "expelled") return (peer) => this.#turnAway(peer);
    try {
      // Before the upgrade is answered: what the client puts once it is connected comes after.
      const { last } = await this.#host.queue.store.bounds();
      return (peer) => this.#enter(peer, last, verdict.digest);
    } catch (error) {
      this.failed(error);
      return say(503, "The store does not answer");
    }
  }

  /** Has the tokens count that the door knows now: who has leave no more is told and leaves, the others go on. */
  tokensChanged(): void {
    const { door } = this.#options;
    for (const [peer, session] of [...this.#open]) {
      const leave = door.renewed(session.leave);
      if (!leave && session.leave) {
        this.#expel(peer, session, session.identity === "" ? TOKEN_NEEDED : TOKEN_BAD);
      }
      if (leave && leave !== session.leave) session.leave = leave;
    }
  }

  failed(error: unknown): void {
    this.#host.queue.log.error("dsmq: unexpected error:", error);
  }

  /** Lets nobody in any more, has each session finish, and gives up whoever takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const peer of [...this.#timers.keys()]) this.#calledOff(peer);
    for (const session of this.#open.values()) void session.finish(STOPPING);
    if (this.#open.size === 0) return;
    const timer = setTimeout(() => {
      for (const peer of [...this.#open.keys()]) peer.drop();
    }, GRACE);
    await this.#empty.promise;
    clearTimeout(timer);
  }

  #enter(peer: Peer, start: number, digest: Uint8Array<ArrayBuffer> | undefined): Visit {
    const { door, tokenTime } = this.#options;
    // Looked up now: the token may have been revoked since it was judged.
    const leave = door.leaveOf(digest);
    if (digest && !leave) return this.#turnAway(peer);
    const session = new Session(this.#host, peer, start, leave);
    this.#open.set(peer, session);
    if (!leave) {
      this.#after(peer, tokenTime, () => {
        if (!session.leave) this.#expel(peer, session, TOKEN_NEEDED);
      });
    }
    // It was let in just before the end.
    if (this.#stopping) peer.close(CLOSE.serviceRestart, "the server is stopping");
    return new Stay(session, peer, this);
  }

  /** One who is in has to leave. */
  #expel(peer: Peer, session: Session, error: WireError): void {
    session.expel(error);
    this.#host.refused(error);
    this.#dropLater(peer);
  }

  /** One who has just come has to leave, and learns why by the close code. */
  #turnAway(peer: Peer): Visit {
    this.#host.refused(TOKEN_BAD);
    peer.close(CLOSE.unauthorized, "the token is not good");
    this.#dropLater(peer);
    return { receive: () => {}, closed: () => this.#calledOff(peer) };
  }

  /** Whoever does not answer the goodbye is given up. */
  #dropLater(peer: Peer): void {
    this.#after(peer, GRACE, () => peer.drop());
  }

  #after(peer: Peer, ms: number, callback: () => void): void {
    this.#calledOff(peer);
    this.#timers.set(peer, this.#host.queue.clock.after(ms, callback));
  }

  #calledOff(peer: Peer): void {
    this.#timers.get(peer)?.();
    this.#timers.delete(peer);
  }

  /** Refuses one who comes, before it is in. */
  #refuse(status: 401 | 403, why: string): Response {
    const code = status === 401 ? "unauthorized" : "not_allowed";
    this.#host.refused({ code, message: `Cannot let in: ${why}` });
    const headers: HeadersInit = status === 401 ? { "www-authenticate": "Bearer" } : {};
    return say(status, `Cannot let in: ${why}`, headers);
  }

  /** A peer is gone. */
  left(peer: Peer): void {
    this.#calledOff(peer);
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
