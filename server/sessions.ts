/**
 * Who is in: the connections of a server, each with its session.
 *
 * @module
 */

import { addressHolder } from "../budgets/address.ts";
import type { Door } from "../door/door.ts";
import type { WireError } from "../protocol/errors.ts";
import type { ServerLimits } from "../protocol/limits.ts";
import { CLOSE, offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import type { Holder } from "../queue/claims.ts";
import type { Host } from "../queue/host.ts";
import { type Leave, TOKEN_BAD, TOKEN_NEEDED } from "../queue/leave.ts";
import type { Session } from "../queue/session.ts";
import type { House, Peer, Visit } from "../transports/transport.ts";
import { type Arrival, Entering, type Inside, sessionOf } from "./entering.ts";
import { type CloseReason, Newcomer } from "./newcomer.ts";
import { asksForHealth, page, say } from "./pages.ts";
import { type Lack, Places } from "./places.ts";
import { ADVICE, lackAdvice } from "./refusals.ts";
import { Stay } from "./stay.ts";
import { upgradeFault, wantsWebSocket } from "./upgrade.ts";
import { WaitingRoom } from "./waiting_room.ts";

/** So many connections are judged again in one go: each may have ten thousand waits. */
const JUDGED = 1;

/** How long peers have to finish and to answer the goodbye, in milliseconds. */
const GRACE = 2000;

const STOPPED: CloseReason = [CLOSE.serviceRestart, "the server is stopping"];

const STOPPING: WireError = {
  code: "stopping",
  message: "Cannot wait any longer: the server is stopping",
};

/** One who waits is put out. */
const ROOM_NEEDED: CloseReason = [
  CLOSE.tryAgainLater,
  "too many wait to be admitted, and more of them come from its address",
];

/** What the house has to know beside what its sessions need. */
export interface HouseOptions {
  readonly door: Door;
  /** How many may be in, or wait to be, and how long a token that is owed may take. */
  readonly limits: Pick<
    ServerLimits,
    "connections" | "connectionsPerAddress" | "pendingConnections" | "tokenTime"
  >;
  /** What a person reads who comes with a browser. */
  readonly banner: string;
  /** Takes note that a peer was given up, and why. */
  gaveUp(why: string): void;
  /** Tells whoever runs the server what has become of it. */
  tell(what: string): void;
}

/** Gives each peer a session, and says goodbye to all. */
export class Sessions implements House, Inside {
  readonly host: Host;
  readonly door: Door;
  readonly #options: HouseOptions;
  readonly #places: Places;
  readonly #open = new Map<Session, Stay>();
  /** Those who have not been admitted, and those who were not and have yet to leave. */
  readonly #newcomers = new Set<Newcomer>();
  readonly #room: WaitingRoom;
  readonly #empty = Promise.withResolvers<void>();
  #stopping = false;

  /**
   * Makes an empty house.
   *
   * @param host what sessions share
   * @param options the rest
   */
  constructor(host: Host, options: HouseOptions) {
    this.host = host;
    this.door = options.door;
    this.#options = options;
    this.#places = new Places(options.limits);
    this.#room = new WaitingRoom(options.limits.pendingConnections);
  }

  get tokenTime(): number {
    return this.#options.limits.tokenTime;
  }

  /** How many connections are open. */
  get count(): number {
    return this.#open.size;
  }

  /** How many have not been admitted. */
  get pending(): number {
    return this.#room.count;
  }

  http(request: Request, from: string): Response {
    if (wantsWebSocket(request)) {
      return this.#upgradeRefused(request, from) ?? say(400, "Bad request");
    }
    const { banner, door } = this.#options;
    const why = asksForHealth(request) ? undefined : door.judgeHost(request);
    if (why !== undefined) return this.#refuse(403, why, from);
    const stores = () => this.host.queue.store.fault === undefined;
    return page(request, { banner, stopping: this.#stopping, stores });
  }

  async admit(request: Request, from: string): Promise<Response | ((peer: Peer) => Visit)> {
    const fault = this.#upgradeRefused(request, from);
    if (fault) return fault;
    const verdict = await this.#options.door.judge(request);
    if (verdict.kind === "refused") return this.#refuse(verdict.status, verdict.why, from);
    if (this.#stopping) return say(503, "The server is stopping");
    const digest = verdict.kind === "admitted" ? verdict.digest : undefined;
    const isExpelled = verdict.kind === "expelled";
    const leave = isExpelled ? undefined : this.door.leaveOf(digest);
    // From here on, and not from when it has entered: many may be on their way in.
    const place = leave && this.takePlace(from, leave);
    const lack = place && "error" in place ? place : undefined;
    // A client of ours sees the code of a close, and not the status of a refused upgrade; and it may have a place
    // already, under the name of a session that it has yet to say.
    if (lack && !offeredProtocols(request.headers).includes(SUBPROTOCOL)) {
      this.host.refused(lack.error, from, lackAdvice(lack));
      return say(lack.address ? 429 : 503, lack.error.message);
    }
    const seat = typeof place === "function" ? place : undefined;
    if (isExpelled) return (peer) => this.#turnAway({ peer, from, start: 0, digest });
    try {
      // Before the upgrade is answered: what the client puts once it is connected comes after.
      const { last: start } = await this.host.queue.store.bounds();
      return (peer) => this.#enter({ peer, from, start, digest }, seat, lack);
    } catch (error) {
      seat?.();
      this.failed(error);
      return say(503, "The store does not answer");
    }
  }

  /** Has the tokens count that the door knows now: who has leave no more is told and leaves, the others go on. */
  tokensChanged(): void {
    const all = [...this.#open.keys()];
    const { urgent } = this.host.queue;
    void urgent.each(all, all.length, (session) => {
      if (this.#open.has(session)) this.#judgeAgain(session);
    }, JUDGED);
  }

  #judgeAgain(session: Session): void {
    const leave = this.door.renewed(session.leave);
    if (!leave && session.leave) {
      const error = session.identity === "" ? TOKEN_NEEDED : TOKEN_BAD;
      session.expel(error);
      this.host.refused(error);
    }
    if (leave && leave !== session.leave) session.leave = leave;
  }

  failed(error: unknown): void {
    this.host.queue.log.error("dsmq: unexpected error:", error);
  }

  gaveUp(why: string): void {
    this.#options.gaveUp(why);
  }

  refused(why: string, from?: string): void {
    this.host.refused({ code: "bad_request", message: why }, from);
  }

  tell(what: string): void {
    this.#options.tell(what);
  }

  /** Lets nobody in any more, has each session finish, and gives up whoever takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const session of this.#open.keys()) void session.finish(STOPPING);
    for (const newcomer of [...this.#newcomers]) newcomer.leave(...STOPPED);
    if (this.#isEmpty) return;
    const timer = setTimeout(() => {
      for (const [session, { peer }] of [...this.#open]) {
        void session.close();
        peer.drop("it did not answer the goodbye");
      }
      for (const newcomer of [...this.#newcomers]) newcomer.drop();
    }, GRACE);
    await this.#empty.promise;
    clearTimeout(timer);
  }

  get #isEmpty(): boolean {
    return this.#open.size === 0 && this.#newcomers.size === 0;
  }

  #enter(arrival: Arrival, place: (() => void) | undefined, lack: Lack | undefined): Visit {
    const { peer, digest } = arrival;
    // Looked up now: the token may have been revoked since it was judged.
    const leave = this.door.leaveOf(digest);
    if (leave && place) {
      const session = sessionOf(this, arrival, leave);
      const stay = new Stay(session, peer, place, () => this.left(session));
      this.isIn(session, stay);
      return stay;
    }
    place?.();
    return digest && !leave ? this.#turnAway(arrival) : this.#receive(arrival, lack);
  }

  /** One who owes a token, or has no place. */
  #receive(arrival: Arrival, lack: Lack | undefined): Newcomer {
    const { from } = arrival;
    const leaveSeat = this.#room.enter(from, () => {
      const [, message] = ROOM_NEEDED;
      this.host.refused({ code: "too_many", message }, from, ADVICE.pendingConnections);
      newcomer.putOut(...ROOM_NEEDED);
    });
    const entering = new Entering(this, arrival, lack, leaveSeat, () => {
      this.#newcomers.delete(newcomer);
      if (this.#stopping && this.#isEmpty) this.#empty.resolve();
    });
    const newcomer = new Newcomer(arrival.peer, entering);
    this.#newcomers.add(newcomer);
    // It was let in just before the end.
    if (this.#stopping) newcomer.leave(...STOPPED);
    return newcomer;
  }

  /** One who has just come has to leave, and learns why by the close code. */
  #turnAway(arrival: Arrival): Visit {
    this.host.refused(TOKEN_BAD, arrival.from, ADVICE.token);
    const newcomer = this.#receive(arrival, undefined);
    newcomer.turnAway(CLOSE.unauthorized, "the token is not good");
    return newcomer;
  }

  takePlace(from: string, { identity }: Pick<Leave, "identity">): (() => void) | Lack {
    const holder = identity || addressHolder(from);
    return this.#places.take(from, this.door.asksForToken ? holder : undefined);
  }

  takeSeat(from: string, putOut: () => void): () => void {
    const leave = this.#room.enter(from, putOut);
    return () => leave(true);
  }

  isIn(session: Session, stay: Stay): void {
    this.#open.set(session, stay);
    // It was let in just before the end.
    if (this.#stopping) stay.peer.close(...STOPPED);
    // Tokens may have changed while it found a place.
    else this.#judgeAgain(session);
  }

  stayOf(holder: Holder): Stay | undefined {
    return this.#open.get(holder as Session);
  }

  left(session: Session): void {
    this.#open.delete(session);
    if (this.#stopping && this.#isEmpty) this.#empty.resolve();
  }

  /** Refuses what is not as a request for a WebSocket has to be. */
  #upgradeRefused(request: Request, from: string): Response | undefined {
    const fault = upgradeFault(request);
    if (!fault) return undefined;
    this.refused(fault.why, from);
    return say(fault.status, fault.why, fault.headers);
  }

  /** Refuses one who comes, before it is in. */
  #refuse(status: 401 | 403, why: string, from: string): Response {
    const code = status === 401 ? "unauthorized" : "not_allowed";
    // What it says of a Host or an Origin names the option already.
    const advice = status === 401 ? ADVICE.token : undefined;
    this.host.refused({ code, message: `Cannot let in: ${why}` }, from, advice);
    const headers: HeadersInit = status === 401 ? { "www-authenticate": "Bearer" } : {};
    return say(status, `Cannot let in: ${why}`, headers);
  }
}
