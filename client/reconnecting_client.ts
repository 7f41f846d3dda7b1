/**
 * The way to a server, over one line after another.
 *
 * @module
 */

import type { Reply, Welcome } from "../protocol/encode_replies.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { type PendingRequest, SimpleRequest } from "./pending_request.ts";
import type { Attempts, ReconnectPlan } from "./dial_server.ts";
import { CallDeadlines } from "./call_deadlines.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { type ConnectionEnd, connectionEndError } from "./connection_end.ts";
import { InFlightRequests } from "./in_flight_requests.ts";
import { Isolation } from "./isolation.ts";
import { KnownPosition } from "./known_position.ts";
import type { ClientSocket, SocketClose, TransportHandler } from "./client_socket.ts";
import { errorCodeOf, type Handshake, isFinalCode } from "./handshake.ts";
import { PendingCalls } from "./pending_calls.ts";
import { ReadPositions } from "./read_positions.ts";
import { ServerWatchdog } from "./server_watchdog.ts";
import { StatusTracker } from "./status_tracker.ts";
import { StoreClock } from "./store_clock.ts";

/** For how long to wait for the last answers, in milliseconds. */
const DRAIN_TIMEOUT = 5000;

/** A connection that was there for so long, in milliseconds, did not break at once. */
const STABLE_AFTER = 1000;

/**
 * A link outlives the line that it uses: when that breaks, it looks for another, goes on where it was, and asks
 * again what was not answered.
 */
export class ReconnectingClient implements TransportHandler {
  readonly positions: ReadPositions;
  readonly statusTracker: StatusTracker;
  readonly deadlines: CallDeadlines = new CallDeadlines();
  /** How far the server's messages go. */
  readonly known: KnownPosition = new KnownPosition();
  readonly storeClock: StoreClock = new StoreClock();
  /** What is asked, and has no answer yet. */
  readonly requests: InFlightRequests;
  /** Those who wait without a request of their own are told that it is over. */
  onEnd: (failure: (request: Pick<PendingRequest, "action" | "topic">) => DsmqError) => void =
    () => {};
  readonly #plan: ReconnectPlan;
  readonly #pending: PendingCalls;
  readonly #watchdog = new ServerWatchdog();
  readonly #isolation = new Isolation(this.known);
  readonly #abortController = new AbortController();
  /** The same as its signal says, which takes longer to ask for each answer. */
  #isEnded = false;
  #socket: ClientSocket | undefined;
  #url: string;
  #welcome: Welcome;
  #lastPutNumber = 0;
  /** Tries to come back since a connection was of use last. */
  #attempts: Attempts = { count: 0, downtime: 0 };
  /** When this connection began, and whether it was of use. */
  #connectedAt = 0;
  #wasUseful = false;
  /** Resolves once nothing is asked any more; there while somebody waits for that. */
  #idle: Deferred<void> | undefined;

  /**
   * Begins with an open line.
   *
   * @param contact the line, and what the server said of itself
   * @param plan finds the next line when this one breaks
   */
  constructor({ socket, welcome }: Handshake, plan: ReconnectPlan) {
    this.#plan = plan;
    this.#url = socket.url;
    this.#welcome = welcome;
    this.positions = new ReadPositions(welcome, plan.since);
    this.statusTracker = new StatusTracker({ status: "connected", url: socket.url });
    this.#pending = new PendingCalls(plan.pendingLimits);
    this.requests = new InFlightRequests(
      this.#pending,
      this.known,
      (frame) => this.#watchdog.send(frame),
      (end, request) => connectionEndError(end, this.#url, request),
    );
    this.#attach({ socket, welcome });
  }

  /** The address of the server. */
  get url(): string {
    return this.#url;
  }

  /** What the server said of itself. */
  get welcome(): Welcome {
    return this.#welcome;
  }

  /** What the server holds its clients to. */
  get limits(): Limits {
    return this.#welcome.limits;
  }

  /** There is a line to a server, as far as is known. */
  get isConnected(): boolean {
    return this.requests.isOpen;
  }

  /**
   * Asks for something.
   *
   * @param action what is asked for
   * @param jsonFields what the request says, as members of a JSON object
   * @param parse makes of the answer what is returned; what it throws is a rejection, too
   */
  request<T>(action: string, jsonFields: string, parse: (reply: Reply) => T): Promise<T> {
    return new Promise((resolve) => {
      this.requests.send(new SimpleRequest(action, jsonFields, parse, resolve));
    });
  }

  /**
   * Numbers puts, so that the server knows them again.
   *
   * @param count how many
   * @returns the number of the first; none without a session
   */
  takePutNumbers(count: number): number | undefined {
    if (this.#plan.session === undefined) return undefined;
    const first = this.#lastPutNumber + 1;
    this.#lastPutNumber += count;
    return first;
  }

  /** How many calls are unanswered. */
  get pending(): number {
    return this.#pending.calls;
  }

  /** Throws if so much is unanswered that nothing more can be asked for now. */
  requireCapacity(action: string, topic?: string): void {
    if (this.#pending.isFull(this.isConnected)) {
      throw this.#pending.fullError(action, topic, this.#url);
    }
  }

  /** No frame is to be larger, unless one request or answer is; `undefined`: as usual. */
  get frameBytes(): number | undefined {
    return this.#isolation.frameBytes;
  }

  /** Asks nothing more, waits a while until all was answered, and says goodbye. */
  async close(): Promise<void> {
    if (!this.requests.ended) {
      this.requests.stopAccepting({ code: "closed", reason: "it was closed" });
    }
    if (!this.requests.isIdle) {
      const idle = this.#idle ??= deferred<void>();
      const timer = setTimeout(idle.resolve, DRAIN_TIMEOUT);
      await idle.promise;
      clearTimeout(timer);
    }
    // With nothing unanswered there will be nothing to repeat.
    if (this.requests.isIdle && this.#plan.session !== undefined) {
      this.requests.sendUnanswered("close");
    }
    this.requests.flush();
    await this.#socket?.close();
    this.#end({ code: "closed", reason: "it was closed" });
  }

  onFrame(replies: readonly Reply[] | undefined): void {
    this.#watchdog.onFrame();
    if (!replies) return this.#endWithProtocolError();
    try {
      this.#dispatch(replies);
    } catch (error) {
      // Whatever it is: thrown into the handler of a socket it would end the program.
      return this.#endWithProtocolError(error);
    }
    this.requests.flush();
    if (this.#idle && this.requests.isIdle) this.#idle.resolve();
  }

  #dispatch(replies: readonly Reply[]): void {
    this.#isolation.onFrame(replies);
    for (const reply of replies) {
      // An earlier one of these answers may have ended it.
      if (this.#isEnded) return;
      // The server goes, and so will the line: the next one is asked again.
      if (reply.error?.code === "shutting_down" && this.#plan.redial && !this.requests.ended) {
        continue;
      }
      // What only says that something will come was of no use yet.
      if (reply.ahead === undefined && reply.start === undefined) this.#wasUseful = true;
      if (reply.heartbeat !== undefined && reply.id === undefined) this.#answerHeartbeat(reply);
      else if (reply.ahead !== undefined) this.#watchdog.onAnnouncement(reply.ahead);
      else this.requests.dispatch(reply);
    }
  }

  onClose(close: SocketClose): void {
    const { reason } = close;
    const code = errorCodeOf(close);
    const isFinal = code && isFinalCode(code);
    if (!isFinal && this.#plan.redial) {
      try {
        // Who refuses one after another is there; but is asked no sooner for that.
        if (this.#isolation.onClose(close, this.requests)) this.#attempts.downtime = 0;
      } catch (error) {
        // What it had announced does not come, and is not of the protocol.
        return this.#endWithProtocolError(error);
      }
    }
    if (this.#wasUseful) {
      this.#attempts.downtime = 0;
      // A connection that breaks so soon each time does not shorten the wait, however useful it was.
      if (performance.now() - this.#connectedAt >= STABLE_AFTER) this.#attempts.count = 0;
    }
    this.#detach();
    if (this.#abortController.signal.aborted) return;
    if (isFinal) return this.#end({ code, reason });
    // One who says goodbye comes back only for what was asked and has no answer.
    if (!this.#plan.redial || (this.requests.ended && this.requests.isIdle)) {
      return this.#end({ code: "closed", reason });
    }
    if (!this.requests.ended) {
      this.statusTracker.update({ status: "reconnecting", url: this.#url, reason });
    }
    void this.#reconnect(reason);
  }

  /** Looks for another line, and goes on over it. */
  async #reconnect(reason: string): Promise<void> {
    const hello = () => ({
      since: this.positions.base,
      known: this.requests.knownBeforePuts,
      frameBytes: this.#isolation.frameBytes,
    });
    try {
      const handshake = await this.#plan.redial!(
        hello,
        this.#attempts,
        this.#abortController.signal,
      );
      if (this.#abortController.signal.aborted) void handshake.socket.close();
      else this.#resume(handshake);
    } catch (error) {
      const { code, message } = error instanceof DsmqError
        ? error
        : { code: "closed" as const, message: String(error) };
      const endCode: ErrorCode = code === "unreachable" ? "closed" : code;
      this.#end({ code: endCode, reason: `${reason}; ${message}` });
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
    if (this.#idle && this.requests.isIdle) this.#idle.resolve();
  }

  /** Goes on over a line. */
  #attach({ socket, welcome }: Handshake): void {
    this.#connectedAt = performance.now();
    this.#wasUseful = false;
    this.#welcome = welcome;
    this.#socket = socket;
    this.storeClock.begin(welcome);
    this.known.begin(welcome);
    this.#watchdog.start(welcome, socket);
    this.requests.resume(welcome, this.#isolation.frameBytes);
    // It may have broken by now.
    socket.attach(this);
  }

  #answerHeartbeat({ time = 0, last, floor = 0 }: Reply): void {
    this.#watchdog.replyToHeartbeat();
    this.known.update(last);
    this.positions.onHeartbeat(time, floor);
    this.storeClock.update(time);
  }

  #detach(): void {
    this.#watchdog.stop();
    this.#socket = undefined;
    this.requests.suspend();
  }

  /** The server is no server of this protocol. */
  #endWithProtocolError(error?: unknown): void {
    const reason = "the server sent what is not of the protocol";
    const detail = error instanceof Error ? error.message : error;
    this.#end({
      code: "protocol_error",
      reason: detail === undefined ? reason : `${reason}: ${detail}`,
    });
  }

  /** It is over, for good. */
  #end(end: ConnectionEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#abortController.abort();
    this.#socket?.abort(end.reason);
    this.#detach();
    this.requests.endAll(end);
    this.onEnd((request) => connectionEndError(end, this.#url, request));
    this.deadlines.stop();
    this.#idle?.resolve();
    this.statusTracker.update({ status: "closed", url: this.#url, reason: end.reason });
  }
}
