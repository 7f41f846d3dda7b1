/**
 * One connection's dealings with the queue.
 *
 * @module
 */

import { addressHolder } from "../budgets/address_key.ts";
import { heartbeatFrame } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import { parseHeartbeat } from "../protocol/request_frame.ts";
import { maxRequestFrameBytes } from "../protocol/limits.ts";
import type { RefusedRequest, WireRequest } from "../protocol/requests.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { StoreBounds } from "../stores/store.ts";
import type { SlotTakeover } from "./session_owners.ts";
import { GracefulClose } from "./graceful_close.ts";
import type { ServerContext } from "./server_context.ts";
import type { Permissions } from "./authorize.ts";
import { type RequestHandler, RequestPipeline } from "./request_pipeline.ts";
import { withErrorRateLimit } from "./error_rate_limit.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { BytesInTransit } from "./bytes_in_transit.ts";
import { type DispatchConnection, Dispatcher } from "./dispatcher.ts";
import { BUFFER_LIMIT, type Peer } from "../transports/peer.ts";

/** What those who wait are told when nobody can hear it any more. */
const CONNECTION_CLOSED: WireError = {
  code: "shutting_down",
  message: "Cannot wait: the connection is closed",
};

/** A session has what its connection asks done, in order, from its beginning to its end. */
export class ClientConnection implements RequestHandler, DispatchConnection {
  readonly #context: ServerContext;
  readonly #peer: Peer;
  readonly #replies: ReplyWriter;
  readonly #pipeline: RequestPipeline;
  readonly #gracefulClose: GracefulClose;
  /** What it may do; `undefined` while it owes a token. */
  #permissions: Permissions | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #addressHolder: string;
  readonly #budgets: ConnectionBudgets;
  /** The peer is gone, and what it said before is being done. */
  #peerGone = false;
  #closed = false;
  readonly #inTransit: BytesInTransit;

  #frameReceived = false;
  /** How many bytes had come when it was asked last whether it was heard. */
  #bytesSeen: number | undefined;

  /**
   * Makes the session of a connection.
   *
   * @param context what it shares with the others
   * @param peer the line to its peer
   * @param start the last sequence number before the connection was accepted
   * @param permissions what it may do; `undefined` if it owes a token
   * @param slotTakeover how it can have a place, if it has none
   * @param stranger the holder of what it takes while it has no token
   */
  constructor(
    context: ServerContext,
    peer: Peer,
    start: number,
    permissions: Permissions | undefined,
    slotTakeover?: SlotTakeover,
    from = "",
  ) {
    this.#context = context = withErrorRateLimit(context, from, () => this.#closeForErrors());
    this.#peer = peer;
    this.#permissions = permissions;
    this.#addressHolder = addressHolder(from);
    this.#budgets = new ConnectionBudgets(context.budgets, this.holder);
    if (permissions) this.#peer.assignTo?.(this.holder);
    this.#gracefulClose = new GracefulClose(peer, context.queue.clock);
    const replies = this.#replies = new ReplyWriter(peer);
    this.#inTransit = new BytesInTransit(
      replies,
      peer,
      maxRequestFrameBytes(context.welcome.limits),
    );
    this.#dispatcher = new Dispatcher(context, this, {
      peer,
      replies,
      budgets: this.#budgets,
      start,
      slotTakeover,
    });
    this.#pipeline = new RequestPipeline(
      peer,
      replies,
      context.welcome.limits,
      this,
      this.#budgets,
    );
  }

  /** Takes what the peer said: the data of one frame. */
  receive(data: unknown): void {
    this.#frameReceived = true;
    this.#gracefulClose.onFrame();
    const heartbeat = parseHeartbeat(data);
    const hasRead = this.#inTransit.onFrame(heartbeat);
    // One who was sent away has to read up to the goodbye: whoever only says so would keep its place for ever.
    if (hasRead && !this.#closed) this.#peer.confirmRead?.();
    // Not every transport can bound a frame before it is there.
    if (
      typeof data === "string" && data.length > maxRequestFrameBytes(this.#context.welcome.limits)
    ) {
      if (!this.#closed) this.closeGracefully(CLOSE_CODE.tooLarge, "a frame is too large");
    } else if (!heartbeat) this.#pipeline.receive(data);
  }

  /** Finishes what was accepted, tells those who wait that it ends, and says goodbye. */
  async finish(error: WireError): Promise<void> {
    await this.#pipeline.finish();
    await this.#dispatcher.endReads(error);
    await this.close();
    await this.#gracefulClose.close(CLOSE_CODE.serviceRestart, "the server is stopping");
  }

  get identity(): string {
    return this.#permissions?.identity ?? "";
  }

  /** Who holds what it takes of what connections share. */
  get holder(): string {
    return this.identity || this.#addressHolder;
  }

  get permissions(): Permissions | undefined {
    return this.#permissions;
  }

  /** Has it do from now on what this allows: what it waits for and may not have any more ends. */
  set permissions(permissions: Permissions | undefined) {
    // A token may be said again and again, and thousands may wait.
    if (permissions === this.#permissions) return;
    this.#permissions = permissions;
    this.#budgets.moveTo(this.holder);
    this.#peer.assignTo?.(this.holder);
    if (permissions) this.#dispatcher.endForbidden();
  }

  /** It has no leave any more: tells those who wait, drops everything, and says goodbye. */
  rejectToken(error: WireError): void {
    this.#permissions = undefined;
    this.closeGracefully(CLOSE_CODE.unauthorized, "no good token", error);
  }

  /**
   * The peer is gone. What it said before counts, though it may wait for its turn; what only the peer would have heard of
   * is over. Returns when that is done, if it takes long.
   */
  end(): Promise<unknown> | void {
    this.#gracefulClose.end();
    if (this.#closed || !this.#permissions || this.#dispatcher.lacksSlot) {
      return this.#drop(undefined);
    }
    this.#peerGone = true;
    const finished = this.#pipeline.finish();
    if (!finished) return this.#drop(undefined);
    return Promise.all([finished, this.#dispatcher.endReads(undefined)]).then(() =>
      this.#drop(undefined)
    );
  }

  /** Drops everything; what was answered by now is still sent. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    return this.#drop(CONNECTION_CLOSED);
  }

  /** May be called twice. What those who wait are told is nothing if nobody can hear it. */
  #drop(error: WireError | undefined): Promise<void> | void {
    this.#closed = true;
    this.#pipeline.stop();
    this.#dispatcher.end();
    const ended = this.#dispatcher.endReads(error);
    this.#replies.flush();
    // Only then it holds nothing any more.
    if (ended) return ended.then(() => this.#budgets.close());
    this.#budgets.close();
  }

  get peerGone(): boolean {
    return this.#peerGone;
  }

  pause(): Promise<void> | undefined {
    return this.#pipeline.pause();
  }

  get closed(): boolean {
    return this.#closed;
  }

  takenOver(): void {
    this.closeGracefully(
      CLOSE_CODE.sessionTakenOver,
      "a newer connection goes on with this session",
    );
  }

  /** There is no place for it. */
  rejectOverLimit(): void {
    this.#dispatcher.rejectOverLimit();
  }

  closeGracefully(code: number, reason: string, error: WireError = CONNECTION_CLOSED): void {
    const closed = this.#drop(error);
    if (closed) void closed.then(() => this.#gracefulClose.close(code, reason));
    else void this.#gracefulClose.close(code, reason);
  }

  get slack(): number {
    return this.#inTransit.slack;
  }

  hadActivity(): boolean {
    const { bytesReceived } = this.#peer;
    const hasInput = this.#peerGone || this.#peer.hasUnreadInput === true;
    const active = this.#frameReceived || bytesReceived !== this.#bytesSeen || hasInput;
    this.#frameReceived = false;
    this.#bytesSeen = bytesReceived;
    return active;
  }

  onHeartbeatTimeout(): void {
    void this.close();
    this.#peer.close(CLOSE_CODE.timedOut, "no sign of life");
    this.#peer.drop("it gave no sign of life");
  }

  sendHeartbeat(interval: number, bounds: StoreBounds): void {
    // One who does not read has enough to read.
    if (this.#peer.buffered >= BUFFER_LIMIT) return;
    this.#inTransit.onHeartbeatSent();
    this.#replies.sendFrame(heartbeatFrame({ heartbeat: interval, ...bounds }));
  }

  /** The line has come to a defect. */
  onDefect(error: unknown): void {
    const { log } = this.#context.queue;
    log.error("dsmq: a request failed unexpectedly, its connection is closed:", error);
    void this.close();
    this.#peer.close(CLOSE_CODE.internalError, "internal error");
  }

  onUnanswered(unanswered: readonly RefusedRequest[]): void {
    for (const { error } of unanswered) this.#context.onRefused(error);
  }

  onFlood(outOfMemory: boolean): void {
    if (outOfMemory) {
      this.closeGracefully(CLOSE_CODE.tryAgainLater, "too many requests of all connections wait");
    } else this.closeGracefully(CLOSE_CODE.policyViolation, "too many requests wait");
  }

  /** Too much of what it asked failed: does nothing more, and says goodbye after the last answer. */
  async #closeForErrors(): Promise<void> {
    this.#pipeline.stop();
    await this.#pipeline.finish();
    if (!this.#closed) this.closeGracefully(CLOSE_CODE.policyViolation, "too many requests failed");
  }

  handle(run: readonly WireRequest[]): Promise<void> | void {
    return this.#dispatcher.dispatch(run);
  }

  failAll(run: readonly WireRequest[], error: unknown): void {
    this.#dispatcher.failAll(run, error);
  }
}
