/**
 * Who is in: the connections of a server, each with its session.
 *
 * @module
 */

import { addressKey } from "../budgets/address.ts";
import type { Door } from "../door/door.ts";
import { offeredProtocols } from "../door/tokens.ts";
import type { WireError } from "../protocol/errors.ts";
import type { ServerLimits } from "../protocol/limits.ts";
import { CLOSE, SUBPROTOCOL } from "../protocol/websocket.ts";
import type { Host } from "../queue/host.ts";
import { type Leave, TOKEN_BAD, TOKEN_NEEDED } from "../queue/leave.ts";
import { Session } from "../queue/session.ts";
import type { House, Peer, Visit } from "../transports/transport.ts";
import { GuestSeats } from "./guest_seats.ts";
import { asksForHealth, page, say } from "./pages.ts";
import { Places } from "./places.ts";
import { upgradeFault, wantsWebSocket } from "./upgrade.ts";

/** How long peers have to finish and to answer the goodbye, in milliseconds. */
const GRACE = 2000;

/** How long a guest has to say hello, in milliseconds. */
const HELLO_TIME = 2000;

const STOPPING: WireError = {
  code: "stopping",
  message: "Cannot wait any longer: the server is stopping",
};

/** What the house has to know beside what its sessions need. */
export interface HouseOptions {
  readonly door: Door;
  /** How many may be in, and how long a token that is owed may take. */
  readonly limits: Pick<ServerLimits, "connections" | "connectionsPerAddress" | "tokenTime">;
  /** What a person reads who comes with a browser. */
  readonly banner: string;
  /** Takes note that a peer was given up, and why. */
  gaveUp(why: string): void;
  /** Tells whoever runs the server what has become of it. */
  tell(what: string): void;
}

/** Why one has no place, and where it comes from. */
interface Lack {
  readonly from: string;
  readonly error: WireError;
}

/** Gives each peer a session, and says goodbye to all. */
export class Sessions implements House {
  readonly #host: Host;
  readonly #options: HouseOptions;
  readonly #places: Places;
  readonly #open = new Map<Session, Stay>();
  /** Those who owe a token, have no place, or were told to leave: how to call off what happens to them in the end. */
  readonly #timers = new Map<Peer, () => void>();
  /** Those who are let in without a place, or leave. */
  readonly #guests = new GuestSeats();
  readonly #empty = Promise.withResolvers<void>();
  #stopping = false;

  /**
   * Makes an empty house.
   *
   * @param host what sessions share
   * @param options the rest
   */
  constructor(host: Host, options: HouseOptions) {
    this.#places = new Places(options.limits);
    this.#host = host;
    this.#options = options;
  }

  /** How many connections are open. */
  get count(): number {
    return this.#open.size;
  }

  http(request: Request): Response {
    if (wantsWebSocket(request)) return this.#upgradeRefused(request) ?? say(400, "Bad request");
    const { banner, door } = this.#options;
    const why = asksForHealth(request) ? undefined : door.judgeHost(request);
    if (why !== undefined) return this.#refuse(403, why);
    const stores = () => this.#host.queue.store.fault === undefined;
    return page(request, { banner, stopping: this.#stopping, stores });
  }

  async admit(request: Request, from: string): Promise<Response | ((peer: Peer) => Visit)> {
    const fault = this.#upgradeRefused(request);
    if (fault) return fault;
    const verdict = await this.#options.door.judge(request);
    if (verdict.kind === "refused") return this.#refuse(verdict.status, verdict.why);
    if (this.#stopping) return say(503, "The server is stopping");
    // From here on, and not from when it has entered: many may be on their way in.
    const place = this.#places.take(from);
    const seat = typeof place === "function" ? place : this.#guestSeat(request, from, place);
    if (seat instanceof Response) return seat;
    const lacks = typeof place === "function" ? undefined : { from, error: place.error };
    if (verdict.kind === "expelled") return (peer) => this.#turnAway(peer, seat);
    try {
      // Before the upgrade is answered: what the client puts once it is connected comes after.
      const { last } = await this.#host.queue.store.bounds();
      return (peer) => this.#enter(peer, last, verdict.digest, seat, from, lacks);
    } catch (error) {
      seat();
      this.failed(error);
      return say(503, "The store does not answer");
    }
  }

  /** Has the tokens count that the door knows now: who has leave no more is told and leaves, the others go on. */
  tokensChanged(): void {
    for (const [session, { peer }] of [...this.#open]) this.#judgeAgain(session, peer);
  }

  #judgeAgain(session: Session, peer: Peer): void {
    const leave = this.#options.door.renewed(session.leave);
    if (!leave && session.leave) {
      this.#expel(peer, session, session.identity === "" ? TOKEN_NEEDED : TOKEN_BAD);
    }
    if (leave && leave !== session.leave) session.leave = leave;
  }

  failed(error: unknown): void {
    this.#host.queue.log.error("dsmq: unexpected error:", error);
  }

  gaveUp(why: string): void {
    this.#options.gaveUp(why);
  }

  refused(why: string): void {
    this.#host.refused({ code: "bad_request", message: why });
  }

  tell(what: string): void {
    this.#options.tell(what);
  }

  /** Lets nobody in any more, has each session finish, and gives up whoever takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const peer of [...this.#timers.keys()]) this.#calledOff(peer);
    for (const session of this.#open.keys()) void session.finish(STOPPING);
    if (this.#open.size === 0) return;
    const timer = setTimeout(() => {
      for (const { peer } of [...this.#open.values()]) peer.drop("it did not answer the goodbye");
    }, GRACE);
    await this.#empty.promise;
    clearTimeout(timer);
  }

  /**
   * There is no place. A client of ours sees the code of a close, and not the status of a refused upgrade; and it
   * may have a place already, under the name of a session that it has yet to say.
   */
  #guestSeat(
    request: Request,
    from: string,
    { error, address }: { readonly error: WireError; readonly address: boolean },
  ): Response | (() => void) {
    const seat = offeredProtocols(request.headers).includes(SUBPROTOCOL)
      ? this.#guests.take(from)
      : undefined;
    if (seat) return seat;
    this.#host.refused(error);
    return say(address ? 429 : 503, error.message);
  }

  #enter(
    peer: Peer,
    start: number,
    digest: Uint8Array<ArrayBuffer> | undefined,
    seat: () => void,
    from: string,
    lacks: Lack | undefined,
  ): Visit {
    const { door, limits } = this.#options;
    // Looked up now: the token may have been revoked since it was judged.
    const leave = door.leaveOf(digest);
    if (digest && !leave) return this.#turnAway(peer, seat);
    if (lacks) return this.#enterAsGuest(peer, start, leave, seat, lacks);
    const session = new Session(this.#host, peer, start, leave, undefined, addressKey(from));
    const stay = new Stay(session, peer, this, seat);
    this.#isIn(session, stay);
    if (!leave) {
      this.#after(peer, limits.tokenTime, () => {
        if (!session.leave) this.#expel(peer, session, TOKEN_NEEDED);
      });
    }
    return stay;
  }

  #enterAsGuest(
    peer: Peer,
    start: number,
    leave: Leave | undefined,
    seat: () => void,
    { from, error }: Lack,
  ): Visit {
    const isIn = () => {
      this.#calledOff(peer);
      this.#isIn(session, stay);
      // Tokens may have changed meanwhile.
      this.#judgeAgain(session, peer);
    };
    const session = new Session(this.#host, peer, start, leave, {
      takesPlaceOf: (before) => {
        const old = this.#open.get(before as Session);
        if (!old) return false;
        // The old one has yet to leave: it is one of so many in its turn.
        [stay.seat, old.seat] = [old.seat, stay.seat];
        isIn();
        return true;
      },
      takesFreePlace: () => {
        const place = this.#places.take(from);
        if (typeof place !== "function") return false;
        stay.seat();
        stay.seat = place;
        isIn();
        return true;
      },
      turnedAway: () => {
        this.#calledOff(peer);
        this.#host.refused(error);
        return error.message;
      },
    }, addressKey(from));
    const stay = new Stay(session, peer, this, seat);
    this.#after(peer, HELLO_TIME, () => session.turnAway());
    return stay;
  }

  #isIn(session: Session, stay: Stay): void {
    this.#open.set(session, stay);
    // It was let in just before the end.
    if (this.#stopping) stay.peer.close(CLOSE.serviceRestart, "the server is stopping");
  }

  /** One who is in has to leave. */
  #expel(peer: Peer, session: Session, error: WireError): void {
    this.#calledOff(peer);
    session.expel(error);
    this.#host.refused(error);
  }

  /** One who has just come has to leave, and learns why by the close code. */
  #turnAway(peer: Peer, place: () => void): Visit {
    this.#host.refused(TOKEN_BAD);
    peer.close(CLOSE.unauthorized, "the token is not good");
    return this.#seeOff(peer, place);
  }

  /** The visit of one who was told to leave; `gone` is called when it is over. */
  #seeOff(peer: Peer, gone: () => void): Visit {
    // Whoever does not answer the goodbye is given up.
    this.#after(peer, GRACE, () => peer.drop("it did not answer the goodbye"));
    const closed = () => {
      this.#calledOff(peer);
      gone();
    };
    return { receive: () => {}, closed };
  }

  #after(peer: Peer, ms: number, callback: () => void): void {
    this.#calledOff(peer);
    this.#timers.set(peer, this.#host.queue.clock.after(ms, callback));
  }

  #calledOff(peer: Peer): void {
    this.#timers.get(peer)?.();
    this.#timers.delete(peer);
  }

  /** Refuses what is not as a request for a WebSocket has to be. */
  #upgradeRefused(request: Request): Response | undefined {
    const fault = upgradeFault(request);
    if (!fault) return undefined;
    this.refused(fault.why);
    return say(fault.status, fault.why, fault.headers);
  }

  /** Refuses one who comes, before it is in. */
  #refuse(status: 401 | 403, why: string): Response {
    const code = status === 401 ? "unauthorized" : "not_allowed";
    this.#host.refused({ code, message: `Cannot let in: ${why}` });
    const headers: HeadersInit = status === 401 ? { "www-authenticate": "Bearer" } : {};
    return say(status, `Cannot let in: ${why}`, headers);
  }

  /** A peer is gone. */
  left(session: Session, peer: Peer): void {
    this.#calledOff(peer);
    this.#open.delete(session);
    if (this.#open.size === 0 && this.#stopping) this.#empty.resolve();
  }
}

/** The visit of one peer. */
class Stay implements Visit {
  readonly #session: Session;
  readonly #sessions: Sessions;
  readonly peer: Peer;
  /** Gives back its place, or that of a guest. */
  seat: () => void;

  constructor(session: Session, peer: Peer, sessions: Sessions, seat: () => void) {
    this.#session = session;
    this.peer = peer;
    this.#sessions = sessions;
    this.seat = seat;
  }

  receive(data: unknown): void {
    this.#session.receive(data);
  }

  closed(): void {
    this.seat();
    this.#session.end();
    this.#sessions.left(this.#session, this.peer);
  }
}
