/**
 * One connection of a client, from its beginning to its end.
 *
 * @module
 */

import { addressHolder } from "../budgets/address_key.ts";
import { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import type { Permissions } from "../auth/permissions.ts";
import type { WireError } from "../protocol/errors.ts";
import { parseHeartbeat } from "../protocol/request_frame.ts";
import { maxRequestFrameBytes } from "../protocol/limits.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { Peer, PeerEvents } from "../transports/peer.ts";
import type { SlotTakeover } from "./session_owners.ts";
import { GracefulClose } from "./graceful_close.ts";
import type { ServerContext } from "./server_context.ts";
import { type PipelineConnection, RequestPipeline } from "./request_pipeline.ts";
import { Liveness, type WatchedConnection } from "./liveness.ts";
import { withErrorRateLimit } from "./error_rate_limit.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { type DispatchConnection, Dispatcher } from "./dispatcher.ts";

/** What those who wait are told when nobody can hear it any more. */
const CONNECTION_CLOSED: WireError = {
  code: "shutting_down",
  message: "Cannot wait: the connection is closed",
};

const NOTHING = () => {};

/** Takes the frames of a peer, has done in order what they ask for, and closes the connection. */
export class ClientConnection
  implements PeerEvents, DispatchConnection, PipelineConnection, WatchedConnection {
  readonly peer: Peer;
  readonly liveness: Liveness;
  /** Gives back the place that it has among the connections of the server. */
  releaseSlot: () => void = NOTHING;
  /** Called once the peer is gone, and all that it said before is done. */
  onEnded: () => void = NOTHING;
  readonly #context: ServerContext;
  readonly #replies: ReplyWriter;
  readonly #pipeline: RequestPipeline;
  readonly #dispatcher: Dispatcher;
  readonly #gracefulClose: GracefulClose;
  /** What it takes of what all connections share. */
  readonly #budgets: ConnectionBudgets;
  /** The holder of that while it has no token. */
  readonly #addressHolder: string;
  /** What it may do; `undefined` while it owes a token. */
  #permissions: Permissions | undefined;
  /** The peer is gone, and what it said before is being done. */
  #peerGone = false;
  #closed = false;

  /**
   * Begins a connection.
   *
   * @param context what it shares with the others
   * @param peer the other end
   * @param start the last sequence number before the connection was accepted
   * @param permissions what it may do; `undefined` if it owes a token
   * @param slotTakeover how it can have a place, if it has none
   * @param from the address of the peer
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
    this.peer = peer;
    this.#permissions = permissions;
    this.#addressHolder = addressHolder(from);
    const budgets = this.#budgets = new ConnectionBudgets(context.budgets, this.holder);
    if (permissions) peer.assignTo?.(this.holder);
    const { limits } = context.welcome;
    const replies = this.#replies = new ReplyWriter(peer);
    this.#gracefulClose = new GracefulClose(peer, context.queue.clock);
    this.liveness = new Liveness(this, peer, replies, limits);
    this.#dispatcher = new Dispatcher(context, this, {
      peer,
      replies,
      budgets,
      start,
      slotTakeover,
    });
    this.#pipeline = new RequestPipeline(peer, replies, limits, this.#dispatcher, this, budgets);
  }

  receive(data: unknown): void {
    this.#gracefulClose.onFrame();
    const heartbeat = parseHeartbeat(data);
    const hasRead = this.liveness.onFrame(heartbeat);
    // A connection that is being closed waits until its peer has read all. One that only said so would keep its place for ever.
    if (hasRead && !this.#closed) this.peer.confirmRead?.();
    // Not every transport can bound a frame before it is there.
    if (
      typeof data === "string" && data.length > maxRequestFrameBytes(this.#context.welcome.limits)
    ) {
      if (!this.#closed) this.closeGracefully(CLOSE_CODE.tooLarge, "a frame is too large");
    } else if (!heartbeat) this.#pipeline.receive(data);
  }

  /**
   * The peer is gone. What it said before counts, though it may wait for its turn; what only the peer would have noticed
   * is over. Returns when that is done, if it takes long.
   */
  end(): Promise<unknown> | void {
    this.#gracefulClose.end();
    const finished = this.#finishAccepted();
    if (finished) return finished.then(() => this.#ended());
    this.#ended();
  }

  #finishAccepted(): Promise<unknown> | void {
    if (this.#closed || !this.#permissions || this.#dispatcher.hello.lacksSlot) {
      return this.#drop(undefined);
    }
    this.#peerGone = true;
    const finished = this.#pipeline.finish();
    if (!finished) return this.#drop(undefined);
    return Promise.all([finished, this.#dispatcher.endReads(undefined)]).then(() =>
      this.#drop(undefined)
    );
  }

  /** Only now: until all that it said is done it counts as one of those who are in. */
  #ended(): void {
    this.releaseSlot();
    this.onEnded();
  }

  /** Finishes what was accepted, tells those who wait that it ends, and closes the connection. */
  async finish(error: WireError): Promise<void> {
    await this.#pipeline.finish();
    await this.#dispatcher.endReads(error);
    await this.close();
    await this.#gracefulClose.close(CLOSE_CODE.serviceRestart, "the server is stopping");
  }

  get identity(): string {
    return this.#permissions?.identity ?? "";
  }

  get holder(): string {
    return this.identity || this.#addressHolder;
  }

  get permissions(): Permissions | undefined {
    return this.#permissions;
  }

  /** From now on it may do this. Waits and streams that this does not allow end. */
  set permissions(permissions: Permissions | undefined) {
    // A token may be said again and again, and thousands may wait.
    if (permissions === this.#permissions) return;
    this.#permissions = permissions;
    this.#budgets.moveTo(this.holder);
    this.peer.assignTo?.(this.holder);
    if (permissions) this.#dispatcher.endForbidden();
  }

  get peerGone(): boolean {
    return this.#peerGone;
  }

  get closed(): boolean {
    return this.#closed;
  }

  pause(): Promise<void> | undefined {
    return this.#pipeline.pause();
  }

  /** Its token is not good any more: tells those who wait, drops everything, and closes the connection. */
  rejectToken(error: WireError): void {
    this.#permissions = undefined;
    this.closeGracefully(CLOSE_CODE.unauthorized, "no good token", error);
  }

  takenOver(): void {
    this.closeGracefully(
      CLOSE_CODE.sessionTakenOver,
      "a newer connection goes on with this session",
    );
  }

  /** There is no place for it. */
  rejectOverLimit(): void {
    this.#dispatcher.hello.rejectOverLimit();
  }

  giveUp(): void {
    void this.close();
    this.peer.close(CLOSE_CODE.timedOut, "no sign of life");
    this.peer.drop("it gave no sign of life");
  }

  onDefect(error: unknown): void {
    const { log } = this.#context.queue;
    log.error("dsmq: a request failed unexpectedly, its connection is closed:", error);
    void this.close();
    this.peer.close(CLOSE_CODE.internalError, "internal error");
  }

  onFlood(outOfMemory: boolean): void {
    if (outOfMemory) {
      this.closeGracefully(CLOSE_CODE.tryAgainLater, "too many requests of all connections wait");
    } else this.closeGracefully(CLOSE_CODE.policyViolation, "too many requests wait");
  }

  /** Too much of what it asked failed: does nothing more, and closes the connection after the last answer. */
  async #closeForErrors(): Promise<void> {
    this.#pipeline.stop();
    await this.#pipeline.finish();
    if (!this.#closed) this.closeGracefully(CLOSE_CODE.policyViolation, "too many requests failed");
  }

  closeGracefully(code: number, reason: string, error: WireError = CONNECTION_CLOSED): void {
    const closed = this.#drop(error);
    if (closed) void closed.then(() => this.#gracefulClose.close(code, reason));
    else void this.#gracefulClose.close(code, reason);
  }

  /** Drops everything; what was answered by now is still sent. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    return this.#drop(CONNECTION_CLOSED);
  }

  /** May be called twice. What those who wait are told is nothing if nobody can hear it. */
  #drop(error: WireError | undefined): Promise<void> | void {
    this.#closed = true;
    this.#pipeline.stop();
    this.#dispatcher.hello.end();
    const ended = this.#dispatcher.endReads(error);
    this.#replies.flush();
    // Only then it holds nothing any more.
    if (ended) return ended.then(() => this.#budgets.close());
    this.#budgets.close();
  }
}
