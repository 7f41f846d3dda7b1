/**
 * One connection of a client, from its beginning to its end.
 *
 * @module
 */

import { addressHolder } from "../budgets/address_key.ts";
import { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import type { CheckedToken } from "../auth/auth.ts";
import { type Permissions, TOKEN_EXPIRED } from "../auth/permissions.ts";
import type { WireError } from "../protocol/errors.ts";
import { parseHeartbeat } from "../protocol/request_frame.ts";
import { maxRequestFrameBytes } from "../protocol/frame_sizes.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { Peer, PeerEvents } from "../transports/peer.ts";
import type { SlotTakeover } from "./session_owners.ts";
import type { ListedConnection } from "./connection_directory.ts";
import { GracefulClose } from "./graceful_close.ts";
import type { ServerContext } from "./server_context.ts";
import { type PipelineConnection, RequestPipeline } from "./request_pipeline.ts";
import { Liveness, type WatchedConnection } from "./liveness.ts";
import { withErrorRateLimit } from "./error_rate_limit.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { type DispatchConnection, Dispatcher } from "./dispatcher.ts";

/** The error of waits that end when their peer is gone. */
const CONNECTION_CLOSED: WireError = {
  code: "shutting_down",
  message: "Cannot wait: the connection is closed",
};

/** Why a connection ends that an administrator disconnects, and how long it has to read what was sent, in milliseconds. */
const [DISCONNECTED, DISCONNECT_TIMEOUT] = ["an administrator has disconnected it", 2000];

const NOTHING = () => {};

/** Takes the frames of a peer, has their requests handled in order, and closes the connection. */
export class ClientConnection
  implements
    PeerEvents,
    DispatchConnection,
    PipelineConnection,
    WatchedConnection,
    ListedConnection {
  readonly peer: Peer;
  /** The address of its peer. */
  readonly address: string;
  readonly liveness: Liveness;
  checkedToken: CheckedToken | undefined;
  /** Gives back its slot among the connections of the server. */
  releaseSlot: () => void = NOTHING;
  /** Called once the peer is gone and all accepted requests are finished. */
  onEnded: () => void = NOTHING;
  /** Its request seems to come through a proxy, or from a page of another machine. */
  isForwarded = false;
  readonly #context: ServerContext;
  readonly #replies: ReplyWriter;
  readonly #pipeline: RequestPipeline;
  readonly #dispatcher: Dispatcher;
  readonly #gracefulClose: GracefulClose;
  /** Its share of what all connections share. */
  readonly #budgets: ConnectionBudgets;
  /** To whom its share is charged while it has no token. */
  readonly #addressHolder: string;
  /** What it may do; `undefined` until it has sent its token. */
  #permissions: Permissions | undefined;
  #cancelDrop: () => void = NOTHING;
  #unwatchExpiry: () => void = NOTHING;
  /** The peer is gone, and its accepted requests are being finished. */
  #peerGone = false;
  #closed = false;

  /**
   * Starts a connection.
   *
   * @param context what all connections share
   * @param peer the other end
   * @param start the last sequence number before the connection was accepted
   * @param permissions what it may do; `undefined` if it has yet to send a token
   * @param slotTakeover how it can get a slot, if it has none
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
    this.#watchExpiry();
    this.address = from;
    this.#addressHolder = addressHolder(from);
    const budgets = this.#budgets = new ConnectionBudgets(context.budgets, this.holder);
    if (permissions) peer.assignTo?.(this.holder);
    const { limits } = context.welcome;
    const replies = this.#replies = new ReplyWriter(peer);
    this.#gracefulClose = new GracefulClose(peer, context.queue.clock);
    this.liveness = new Liveness(this, peer, replies, limits);
    const options = { peer, replies, budgets, start, slotTakeover };
    this.#dispatcher = new Dispatcher(context, this, options);
    this.#pipeline = new RequestPipeline(peer, replies, limits, this.#dispatcher, this, budgets);
  }

  receive(data: unknown): void {
    this.#gracefulClose.onFrame();
    const heartbeat = parseHeartbeat(data);
    const hasRead = this.liveness.onFrame(heartbeat);
    // A closing connection waits until its peer has read everything. A peer that only claimed to read would never release its slot.
    if (hasRead && !this.#closed) this.peer.confirmRead?.();
    // Not every transport can limit a frame before it has arrived.
    if (
      typeof data === "string" && data.length > maxRequestFrameBytes(this.#context.welcome.limits)
    ) {
      if (!this.#closed) this.#closeFor(CLOSE_CODE.tooLarge, "a frame is too large");
    } else if (!heartbeat) this.#pipeline.receive(data);
  }

  /**
   * The peer is gone. Its accepted requests are finished, though they may wait for their turn; what only the peer would have
   * noticed ends. Returns when that is done, if it takes long.
   */
  end(): Promise<unknown> | void {
    this.#gracefulClose.end();
    this.#cancelDrop();
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

  /** Only now: until its requests are finished it counts as a connection. */
  #ended(): void {
    this.releaseSlot();
    this.onEnded();
  }

  /** Finishes accepted requests, ends waits with an error, and closes the connection. */
  async finish(error: WireError, code: number, reason: string): Promise<void> {
    await this.#pipeline.finish();
    await this.#dispatcher.endReads(error);
    await this.close();
    await this.#gracefulClose.close(code, reason);
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

  /** Changes what it may do. Waits and streams that are not permitted any more end. */
  set permissions(permissions: Permissions | undefined) {
    // A token may be sent again and again, and thousands may wait.
    if (permissions === this.#permissions) return;
    this.#permissions = permissions;
    this.#watchExpiry();
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

  yieldTurn(): Promise<void> | undefined {
    return this.#pipeline.yieldTurn();
  }

  /** Closes it when its token expires, unless it gets another one before. */
  #watchExpiry(): void {
    this.#unwatchExpiry();
    const expires = this.#closed ? undefined : this.#permissions?.expires;
    this.#unwatchExpiry = this.#context.tokenExpiry.watch(expires, () => {
      this.#context.onClosed("its token has expired", this.address);
      this.rejectToken(TOKEN_EXPIRED, "the token has expired");
    });
  }

  /** Its token is not valid any more: ends waits with an error, drops everything, and closes the connection. */
  rejectToken(error: WireError, reason = "the token is not valid"): void {
    this.#permissions = undefined;
    this.closeGracefully(CLOSE_CODE.unauthorized, reason, error);
  }

  takenOver(): void {
    const reason = "a newer connection has taken over this session";
    this.closeGracefully(CLOSE_CODE.sessionTakenOver, reason);
  }

  describe(): ReturnType<ListedConnection["describe"]> {
    return {
      kind: "websocket",
      address: this.address,
      identity: this.identity,
      permissions: this.#permissions?.names ?? [],
      subscriptions: this.#dispatcher.subscriptions,
      workers: this.#dispatcher.workers,
      ...this.#budgets.usage,
      unreadBytes: this.peer.unreadBytes ?? this.peer.buffered,
    };
  }

  disconnect(): void {
    this.#closeFor(CLOSE_CODE.disconnected, DISCONNECTED);
    // Whoever reads nothing would never come to the close frame.
    const { clock } = this.#context.queue;
    this.#cancelDrop = clock.after(DISCONNECT_TIMEOUT, () => this.peer.drop(DISCONNECTED));
  }

  /** There is no slot for it. */
  rejectOverLimit(): void {
    this.#dispatcher.hello.rejectOverLimit();
  }

  giveUp(): void {
    void this.close();
    this.peer.close(CLOSE_CODE.timedOut, "no heartbeat");
    this.peer.drop("it sent no heartbeat");
  }

  onDefect(reason: unknown): void {
    const message = "a request failed unexpectedly, its connection is closed";
    this.#context.queue.log.write({ event: "request_failed", message, reason });
    void this.close();
    this.peer.close(CLOSE_CODE.internalError, "internal error");
  }

  onFlood(outOfMemory: boolean): void {
    const whose = outOfMemory ? " of all connections" : "";
    const code = outOfMemory ? CLOSE_CODE.tryAgainLater : CLOSE_CODE.policyViolation;
    this.#closeFor(code, `too many requests${whose} wait`);
  }

  /** Too many of its requests failed: closes the connection after the last reply. */
  async #closeForErrors(): Promise<void> {
    this.#pipeline.stop();
    await this.#pipeline.finish();
    if (!this.#closed) this.#closeFor(CLOSE_CODE.policyViolation, "too many requests failed");
  }

  /** The same as {@linkcode closeGracefully}, with a line in the log. */
  #closeFor(code: number, reason: string): void {
    this.#context.onClosed(reason, this.address);
    this.closeGracefully(code, reason);
  }

  closeGracefully(code: number, reason: string, error: WireError = CONNECTION_CLOSED): void {
    const closed = this.#drop(error);
    if (closed) void closed.then(() => this.#gracefulClose.close(code, reason));
    else void this.#gracefulClose.close(code, reason);
  }

  /** Drops everything. Replies so far are still sent. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    return this.#drop(CONNECTION_CLOSED);
  }

  /** May be called twice. Waits end with the error, or without a reply if the peer is gone. */
  #drop(error: WireError | undefined): Promise<void> | void {
    this.#closed = true;
    this.#unwatchExpiry();
    this.#pipeline.stop();
    this.#dispatcher.hello.end();
    const ended = this.#dispatcher.endReads(error);
    this.#replies.flush();
    // Only from now on it holds nothing.
    if (ended) return ended.then(() => this.#budgets.close());
    this.#budgets.close();
  }
}
