/**
 * Saying hello: the token that a connection brings, the session that it goes on with, the place that it takes if it has
 * none, and the heartbeats that it asks for.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { announcedAbove, FRAME_BYTES, PEER_SPEED } from "../protocol/limits.ts";
import type { HelloRequest, WireSince } from "../protocol/requests.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Guest, Holder } from "./claims.ts";
import type { Cursors } from "./cursors.ts";
import { done, fail, type Host } from "./host.ts";
import { type Leave, TOKEN_BAD, TOKEN_NEEDED } from "./leave.ts";
import { locateStart } from "./positions.ts";
import type { Pulse } from "./pulses.ts";
import type { Puts } from "./puts.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/** Who says hello. */
export interface Greeter extends Holder, Pulse {
  /** What it may do; `undefined` while it owes a token. */
  leave: Leave | undefined;
  readonly closed: boolean;
  /** Its token is not good. */
  expel(error: WireError): void;
  /** Closes it, with a close code and the reason. */
  sendAway(code: number, reason: string): void;
}

/** What a hello changes. */
export interface Greeted {
  readonly puts: Puts;
  readonly cursors: Cursors;
  readonly replies: ReplyWriter;
}

const NOTHING = () => {};

/** The hellos of a connection, and what it holds by them. */
export class Hello {
  readonly #host: Host;
  readonly #greeter: Greeter;
  readonly #greeted: Greeted;
  /** There while it has no place. */
  #guest: Guest | undefined;
  #endPulse: () => void = NOTHING;

  /** Holds nothing yet; `guest` says how it can have a place, if it has none. */
  constructor(host: Host, greeter: Greeter, greeted: Greeted, guest: Guest | undefined) {
    this.#host = host;
    this.#greeter = greeter;
    this.#greeted = greeted;
    this.#guest = guest;
  }

  /** It has no place, and may do nothing but say hello. */
  get lacksPlace(): boolean {
    return this.#guest !== undefined;
  }

  /** Does what a hello asks. Of the topics, those that were read before keep their places. */
  async say(request: HelloRequest): Promise<void> {
    if (!await this.#isAdmitted(request)) return;
    const { since, session, try: tried, known, heartbeat, frameBytes, progress } = request;
    const { queue: { store }, welcome } = this.#host;
    const { cursors, replies } = this.#greeted;
    const start = since === undefined || this.#mayNotAsk(since)
      ? undefined
      : await locateStart(store, since);
    const recalled = session === undefined
      ? undefined
      : await store.recalls(session, known, this.#greeted.puts.owner);
    const bounds = await store.bounds();
    // One that is gone by now, or is an older try of somebody who is here, leaves nothing behind.
    if (this.#greeter.closed) return;
    if (this.#guest) {
      if (!this.#takesPlace(this.#guest, session, tried)) return;
    } else if (session !== undefined && !this.#claim(session, tried)) {
      return this.#greeter.replaced();
    }
    if (start) cursors.start = start;
    if (heartbeat !== undefined) {
      this.#endPulse();
      this.#endPulse = this.#host.pulses.begin(this.#greeter, heartbeat);
      replies.announcesAbove = announcedAbove(heartbeat, PEER_SPEED);
      replies.peerTellsProgress = progress;
    }
    if (frameBytes !== undefined) {
      replies.frameBytes = Math.min(frameBytes, FRAME_BYTES);
      replies.names = true;
    }
    done(request, {
      ...welcome,
      start: cursors.start.after,
      ...bounds,
      recalled: known && recalled,
      heartbeat,
    }, replies);
  }

  /** Who may read nothing is not told how many messages there were at what time. */
  #mayNotAsk(since: WireSince): boolean {
    return typeof since === "object" && ("time" in since || "ago" in since) &&
      this.#greeter.leave?.readable?.length === 0;
  }

  /** There is no place for it. */
  turnAway(): void {
    const why = this.#guest?.turnedAway();
    if (why !== undefined && !this.#greeter.closed) {
      this.#greeter.sendAway(CLOSE.tryAgainLater, why);
    }
  }

  /** Forgets its session for good. */
  async forgetSession(): Promise<void> {
    const { puts } = this.#greeted;
    const { session } = puts;
    if (session === undefined) return;
    puts.session = undefined;
    this.#host.claims.release(session, this.#greeter);
    await this.#host.queue.store.forget(session);
  }

  /** The connection is over: others may go on with its session. May be called twice. */
  end(): void {
    this.#endPulse();
    const { session } = this.#greeted.puts;
    if (session !== undefined) this.#host.claims.release(session, this.#greeter);
  }

  /** Whether it has leave; a token that the hello brings counts from now on. */
  async #isAdmitted(request: HelloRequest): Promise<boolean> {
    const { door } = this.#host;
    const { replies } = this.#greeted;
    if (request.token !== undefined) {
      const leave = door.leaveOf(await door.digestOf(request.token));
      if (!leave) {
        fail(this.#host, request, TOKEN_BAD, replies);
        this.#greeter.expel(TOKEN_BAD);
        return false;
      }
      this.#greeter.leave = leave;
    }
    if (!this.#greeter.leave) fail(this.#host, request, TOKEN_NEEDED, replies);
    return this.#greeter.leave !== undefined;
  }

  /** Goes on with a session; its name is a secret, and the same whatever token comes with it. */
  #claim(session: string, tried: number): boolean {
    const { claims } = this.#host;
    const { puts } = this.#greeted;
    const before = puts.session;
    if (!claims.claim(session, this.#greeter, tried)) return false;
    if (before !== undefined && before !== session) claims.release(before, this.#greeter);
    puts.session = session;
    return true;
  }

  /**
   * Goes on in the place of one with the same session, whose token is the same; where nobody holds its session, in a
   * place that is free by now; or has to go.
   */
  #takesPlace(guest: Guest, session: string | undefined, tried: number): boolean {
    const before = session === undefined ? undefined : this.#host.claims.holder(session);
    const mayHaveOne = before ? before.identity === this.#greeter.identity : guest.takesFreePlace();
    if (!mayHaveOne) this.turnAway();
    else if (session !== undefined && !this.#claim(session, tried)) this.#greeter.replaced();
    else if (before && !guest.takesPlaceOf(before)) this.turnAway();
    else {
      this.#guest = undefined;
      return true;
    }
    return false;
  }
}
