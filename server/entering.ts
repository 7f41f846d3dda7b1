/**
 * What has to be settled before a connection is in: the token that it owes, the place that it lacks.
 *
 * @module
 */

import type { Door } from "../door/door.ts";
import type { Digest } from "../door/tokens.ts";
import type { FirstHello } from "../protocol/first_frame.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Guest, Holder } from "../queue/claims.ts";
import type { Clock } from "../queue/clock.ts";
import type { Host } from "../queue/host.ts";
import { type Leave, TOKEN_BAD, TOKEN_NEEDED } from "../queue/leave.ts";
import { Session } from "../queue/session.ts";
import type { Peer } from "../transports/transport.ts";
import type { CloseReason, Judged, Newcomer, Reception } from "./newcomer.ts";
import type { Lack } from "./places.ts";
import { ADVICE, lackAdvice } from "./refusals.ts";
import { Stay } from "./stay.ts";

/** How long one that lacks a place has to say hello, in milliseconds. */
const HELLO_TIME = 2000;

/** One who has come. */
export interface Arrival {
  readonly peer: Peer;
  /** The address that it comes from. */
  readonly from: string;
  /** The last sequence number before it came. */
  readonly start: number;
  /** Of the token that it brought, if it brought one. */
  readonly digest: Digest | undefined;
}

/** Where it comes to. */
export interface Inside {
  readonly host: Host;
  readonly door: Door;
  readonly tokenTime: number;
  /** Takes a place for who comes from an address. */
  takePlace(from: string, leave: Leave): (() => void) | Lack;
  /** Takes a seat among those who wait, for one who leaves; another may need it. */
  takeSeat(from: string, putOut: () => void): () => void;
  /** One is in. */
  isIn(session: Session, stay: Stay): void;
  /** The visit of one who is in. */
  stayOf(holder: Holder): Stay | undefined;
  /** One is gone. */
  left(session: Session): void;
  /** Takes a defect. */
  failed(error: unknown): void;
}

/** The session of one who has come. */
export function sessionOf(
  { host }: Inside,
  { peer, start, from }: Arrival,
  leave: Leave,
  guest?: Guest,
): Session {
  return new Session(host, peer, start, leave, guest, from);
}

/** How a connection is received that owes a token, lacks a place, or both. */
export class Entering implements Reception {
  readonly clock: Clock;
  readonly time: number;
  readonly #inside: Inside;
  readonly #arrival: Arrival;
  readonly #leaveSeat: (admitted: boolean) => void;
  readonly #gone: () => void;
  /** Why there is no place, as far as that is known. */
  #lack: Lack | undefined;
  #session: Session | undefined;

  /**
   * It waits.
   *
   * @param inside where it wants to come to
   * @param arrival who it is
   * @param lack why there is no place for it; `undefined` if it owes a token
   * @param leaveSeat to be called when it waits no more, with whether it was admitted; later calls do nothing
   * @param gone called when it waits no more, and perhaps once more when it is gone
   */
  constructor(
    inside: Inside,
    arrival: Arrival,
    lack: Lack | undefined,
    leaveSeat: (admitted: boolean) => void,
    gone: () => void,
  ) {
    this.#inside = inside;
    this.#arrival = arrival;
    this.#lack = lack;
    this.#leaveSeat = leaveSeat;
    this.#gone = gone;
    this.clock = inside.host.queue.clock;
    this.time = lack ? HELLO_TIME : inside.tokenTime;
  }

  digestOf(token: string): Promise<Digest> {
    return this.#inside.door.digestOf(token);
  }

  judge(newcomer: Newcomer, { token }: FirstHello, brought: Digest | undefined): Judged {
    const { door, host } = this.#inside;
    // Looked up now: the tokens may have changed since it came.
    const leave = door.leaveOf(brought ?? this.#arrival.digest);
    if (!leave) {
      const isBad = token !== undefined || this.#arrival.digest !== undefined;
      const error = isBad ? TOKEN_BAD : TOKEN_NEEDED;
      host.refused(error, this.#arrival.from, ADVICE.token);
      if (!isBad) return { error };
      return { error, ending: [CLOSE.unauthorized, "the token is not good"] };
    }
    return { visit: this.#admit(newcomer, leave) };
  }

  turnedAway(): CloseReason {
    const lack = this.#lack;
    const advice = lack ? lackAdvice(lack) : ADVICE.token;
    this.#inside.host.refused(lack?.error ?? TOKEN_NEEDED, this.#arrival.from, advice);
    return lack
      ? [CLOSE.tryAgainLater, lack.error.message]
      : [CLOSE.unauthorized, "hello has to bring a token"];
  }

  late(): void {
    this.#session?.turnAway();
  }

  left(): void {
    this.#leaveSeat(false);
    this.#gone();
  }

  failed(error: unknown): void {
    this.#inside.failed(error);
  }

  /** Its token is good; whether there is a place for it is settled now, or when its hello is done. */
  #admit(newcomer: Newcomer, leave: Leave): Stay {
    const inside = this.#inside;
    const { peer, from } = this.#arrival;
    const place = inside.takePlace(from, leave);
    const guest = typeof place === "function" ? undefined : this.#guest(newcomer, place);
    const session = this.#session = sessionOf(inside, this.#arrival, leave, guest);
    const seat = typeof place === "function" ? place : () => {};
    const stay = new Stay(session, peer, seat, () => inside.left(session));
    if (!guest) this.#settled(newcomer, session, stay);
    return stay;
  }

  /** What its session needs to find a place, in which it stays. */
  #guest(newcomer: Newcomer, lack: Lack): Guest {
    this.#lack = lack;
    const inside = this.#inside;
    const isIn = (seat: () => void) => {
      const stay = newcomer.visit as Stay;
      stay.seat = seat;
      this.#settled(newcomer, this.#session!, stay);
    };
    return {
      takesPlaceOf: (before) => {
        const old = inside.stayOf(before);
        if (!old) return false;
        const { seat, peer } = old;
        // The old connection has yet to leave: until then it needs a seat.
        const drop = () => peer.drop("it did not answer the goodbye");
        old.seat = inside.takeSeat(this.#arrival.from, drop);
        isIn(seat);
        return true;
      },
      takesFreePlace: () => {
        const leave = this.#session!.leave;
        const place = leave && inside.takePlace(this.#arrival.from, leave);
        if (typeof place !== "function") return false;
        isIn(place);
        return true;
      },
      turnedAway: () => {
        inside.host.refused(lack.error, this.#arrival.from, lackAdvice(lack));
        return lack.error.message;
      },
    };
  }

  #settled(newcomer: Newcomer, session: Session, stay: Stay): void {
    newcomer.admitted();
    this.#leaveSeat(true);
    this.#inside.isIn(session, stay);
    this.#gone();
  }
}
