/**
 * The life of a connection, over one socket after another.
 *
 * @module
 */

import type { Welcome } from "../protocol/encode_replies.ts";
import type { DsmqError } from "../protocol/errors.ts";
import type { AheadReply, Reply } from "../protocol/replies.ts";
import { CallDeadlines } from "./call_deadlines.ts";
import type { ClientSocket, SocketClose, TransportHandler } from "./client_socket.ts";
import {
  announcesClose,
  type Call,
  CLOSED,
  closeInfo,
  type ConnectionEnd,
  connectionEndError,
  givenUp,
  protocolViolation,
} from "./connection_end.ts";
import { type Deferred, deferred } from "./deferred.ts";
import type { Attempts, ReconnectPlan } from "./dial_server.ts";
import { errorCodeOf, type Handshake, isFinalCode } from "./handshake.ts";
import { InFlightRequests } from "./in_flight_requests.ts";
import { Isolation } from "./isolation.ts";
import { KnownPosition } from "./known_position.ts";
import { printableSentence } from "./pending_request.ts";
import { ReadPositions } from "./read_positions.ts";
import { TokenRenewal } from "./token_renewal.ts";
import { ServerWatchdog } from "./server_watchdog.ts";
import { type CloseInfo, StatusTracker } from "./status_tracker.ts";
import { StoreClock } from "./store_clock.ts";

/** How long `close` waits for the last replies, in milliseconds. */
const DRAIN_TIMEOUT = 5000;

/** A socket that lasted so long did not break at once, in milliseconds. */
const STABLE_AFTER = 1000;

/**
 * A client that reconnects: when its socket breaks it dials again, continues where it was, and sends unanswered requests
 * again.
 */
export class ReconnectingClient implements TransportHandler {
  readonly positions: ReadPositions;
  readonly statusTracker: StatusTracker;
  readonly deadlines: CallDeadlines = new CallDeadlines();
  /** The last sequence number that the server has reported. */
  readonly known: KnownPosition = new KnownPosition();
  readonly storeClock: StoreClock = new StoreClock();
  /** The unanswered requests. */
  readonly requests: InFlightRequests;
  /** Called once it has ended, for reads that wait without a request of their own. */
  onEnd: (failure: (call: Call) => DsmqError) => void = () => {};
  readonly #plan: ReconnectPlan;
  readonly #watchdog = new ServerWatchdog();
  readonly #isolation = new Isolation(this.known);
  /** Set if a function returns its tokens. */
  readonly #renewal: TokenRenewal | undefined;
  readonly #abortController = new AbortController();
  /** It has ended: the same as the aborted signal, but faster to read for each reply. */
  #isEnded = false;
  #socket: ClientSocket | undefined;
  #url: string;
  #welcome: Welcome;
  /** The frame that the server has announced, until it arrives. */
  #announced: AheadReply | undefined;
  /** Since a socket was last useful. */
  #attempts: Attempts = { count: 0, downtime: 0 };
  /** When this socket was opened, and whether it was useful. */
  #connectedAt = 0;
  #wasUseful = false;
  readonly #closed = deferred<CloseInfo>();
  /** Resolves once nothing is unanswered; set while `close` waits for that. */
  #idle: Deferred<void> | undefined;

  /**
   * Begins with an open socket.
   *
   * @param contact the socket, and what the server said of itself
   * @param plan dials again when the socket breaks
   */
  constructor({ socket, welcome }: Handshake, plan: ReconnectPlan) {
    this.#plan = plan;
    this.#renewal = typeof plan.token === "function" ? new TokenRenewal(plan.token) : undefined;
    this.#url = socket.url;
    this.#welcome = welcome;
    this.positions = new ReadPositions(welcome, plan.since);
    this.statusTracker = new StatusTracker({ status: "connected", url: socket.url });
    this.requests = new InFlightRequests(plan.pendingLimits, this.known, () => this.#url);
    this.requests.onReserved = () => this.#checkIdle();
    this.#attach({ socket, welcome });
  }

  /** The address of the server. */
  get url(): string {
    return this.#url;
  }

  /** Resolves when it has ended for good; never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /** What the server said of itself. */
  get welcome(): Welcome {
    return this.#welcome;
  }

  /** It has a session: it reconnects, and its puts carry numbers. */
  get hasSession(): boolean {
    return this.#plan.session !== undefined;
  }

  /** Makes no more requests, waits a while for the last replies, and closes. */
  async close(): Promise<void> {
    if (!this.requests.ended) this.requests.stopAccepting(CLOSED);
    if (!this.requests.isIdle) {
      const idle = this.#idle ??= deferred<void>();
      const timer = setTimeout(idle.resolve, DRAIN_TIMEOUT);
      await idle.promise;
      clearTimeout(timer);
    }
    // With nothing unanswered there will be nothing to repeat: the server may forget the session.
    if (this.requests.isIdle && this.#plan.session !== undefined) {
      this.requests.sendUnanswered("close");
    }
    this.requests.flush();
    await this.#socket?.close();
    this.#end(CLOSED);
  }

  onFrame(replies: readonly Reply[] | undefined): void {
    if (!replies) return this.#end(protocolViolation(undefined));
    try {
      this.#dispatch(replies);
    } catch (error) {
      // Thrown into the handler of a socket, it would end the program.
      return this.#end(protocolViolation(error));
    }
    this.requests.flush();
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#idle && this.requests.isIdle) this.#idle.resolve();
  }

  #dispatch(replies: readonly Reply[]): void {
    const first = replies[0];
    if (this.#announced && first?.kind !== "ahead") this.#isolation.announcedFrameArrived();
    this.#announced = first?.kind === "ahead" ? first : undefined;
    let behind: string | undefined;
    for (const reply of replies) {
      // An earlier reply of this frame may have ended it.
      if (this.#isEnded) return;
      switch (reply.kind) {
        case "ahead":
          // An announcement alone does not make a connection useful.
          this.#watchdog.onAnnouncement(reply.bytes);
          continue;
        case "heartbeat":
          this.#watchdog.replyToHeartbeat();
          this.known.update(reply.last);
          this.positions.onHeartbeat(reply.asOf ?? reply.time, reply.floor);
          this.storeClock.update(reply.time);
          break;
        case "error":
        case "stream_error":
          if (reply.kind === "error" && this.#renewal?.onReply(reply)) continue;
          if (this.#reconnects && announcesClose(reply.error.code, this.#renewal)) {
            behind ??= reply.error.code === "behind" ? reply.error.message : undefined;
            continue;
          }
          this.requests.dispatch(reply);
          break;
        case "subscribed":
          this.requests.dispatch(reply);
          continue;
        case "unknown":
          break;
        case "welcome":
          if (!this.#renewal?.onReply(reply)) this.requests.dispatch(reply);
          break;
        default:
          this.requests.dispatch(reply);
      }
      this.#wasUseful = true;
    }
    // It asks another server, whether or not this one closes it.
    if (behind !== undefined) this.#socket?.abort(printableSentence(behind));
  }

  /** It reconnects when its socket breaks. */
  get #reconnects(): boolean {
    return this.#plan.redial !== undefined && !this.requests.ended;
  }

  onClose(close: SocketClose): void {
    const [code, reason] = [errorCodeOf(close), close.reason];
    // A token that expires is no end where the client comes back with another one.
    const comesBack = code === "unauthorized" && this.#renewal && this.#plan.redial;
    const isFinal = code && isFinalCode(code) && !comesBack;
    if (!isFinal && this.#plan.redial) {
      try {
        // A server that rejects one request after another is alive, but delays do not become shorter.
        const isAlive = this.#isolation.onClose(close, this.#announced, this.requests);
        if (isAlive) this.#attempts.downtime = 0;
      } catch (error) {
        // The frame that it had announced does not arrive, and violates the protocol.
        return this.#end(protocolViolation(error));
      }
    }
    if (this.#wasUseful) {
      this.#attempts.downtime = 0;
      // A connection that breaks at once each time does not shorten the delays, however useful it was.
      if (performance.now() - this.#connectedAt >= STABLE_AFTER) this.#attempts.count = 0;
    }
    this.#detach();
    if (this.#abortController.signal.aborted) return;
    if (isFinal) return this.#end({ code, reason });
    // After `close` it reconnects only for requests that are unanswered.
    if (!this.#plan.redial || (this.requests.ended && this.requests.isIdle)) {
      return this.#end({ code: "closed", reason });
    }
    if (this.#reconnects) {
      this.statusTracker.update({ status: "reconnecting", url: this.#url, reason });
    }
    void this.#reconnect(reason);
  }

  /** Dials again, and continues over the new socket. */
  async #reconnect(reason: string): Promise<void> {
    const { signal } = this.#abortController;
    const hello = () => ({
      since: this.positions.base,
      known: this.requests.knownBeforePuts,
      frameBytes: this.#isolation.frameBytes,
    });
    try {
      const handshake = await this.#plan.redial!(hello, this.#attempts, signal);
      if (signal.aborted) void handshake.socket.close();
      else this.#resume(handshake);
    } catch (error) {
      this.#end(givenUp(reason, error));
    }
  }

  #resume({ socket, welcome }: Handshake): void {
    const epochChanged = welcome.store !== this.#welcome.store;
    this.positions.begin(welcome);
    this.#url = socket.url;
    if (!this.requests.ended) {
      this.statusTracker.update({ status: "connected", url: socket.url, epochChanged });
    }
    this.#attach({ socket, welcome });
    this.#checkIdle();
  }

  /** Continues over a socket. */
  #attach({ socket, welcome }: Handshake): void {
    this.#connectedAt = performance.now();
    this.#wasUseful = false;
    this.#welcome = welcome;
    this.#socket = socket;
    this.storeClock.begin(welcome);
    this.known.begin(welcome);
    this.#watchdog.start(welcome, socket);
    this.#renewal?.start(welcome.tokenExpiresIn, socket);
    this.requests.resume(welcome, socket, this.#isolation.frameBytes);
    // It may be closed already.
    socket.attach(this);
  }

  #detach(): void {
    this.#watchdog.stop();
    this.#renewal?.stop();
    this.#socket = undefined;
    this.#announced = undefined;
    this.requests.suspend();
  }

  /** Ends it for good. */
  #end(end: ConnectionEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const isOwn = this.requests.ended !== undefined;
    this.#abortController.abort();
    this.#socket?.abort(end.reason);
    this.#detach();
    this.requests.endAll(end);
    this.onEnd((request) => connectionEndError(end, this.#url, request));
    this.deadlines.stop();
    this.#idle?.resolve();
    this.statusTracker.update({ status: "closed", url: this.#url, reason: end.reason });
    this.#closed.resolve(closeInfo(end, this.#url, isOwn));
  }
}
