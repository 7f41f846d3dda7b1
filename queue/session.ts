/**
 * One connection's dealings with the queue.
 *
 * @module
 */

import { addressHolder } from "../budgets/address.ts";
import { heartbeat } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { readHeartbeat } from "../protocol/frames.ts";
import { largestFrame } from "../protocol/limits.ts";
import type { RefusedRequest, Request } from "../protocol/requests.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Bounds } from "../stores/store.ts";
import type { Guest } from "./claims.ts";
import { Goodbye } from "./goodbye.ts";
import type { Host } from "./host.ts";
import type { Leave } from "./leave.ts";
import { Line, type Worker } from "./line.ts";
import { withPatience } from "./patience.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { Shares } from "./shares.ts";
import { UnderWay } from "./under_way.ts";
import { type Asker, Verbs } from "./verbs.ts";
import { BUFFER_LIMIT, type Wire } from "./wire.ts";

/** What those who wait are told when nobody can hear it any more. */
const GONE: WireError = { code: "stopping", message: "Cannot wait: the connection is closed" };

/** A session has what its connection asks done, in order, from its beginning to its end. */
export class Session implements Worker, Asker {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #replies: ReplyWriter;
  readonly #line: Line;
  readonly #goodbye: Goodbye;
  /** What it may do; `undefined` while it owes a token. */
  #leave: Leave | undefined;
  readonly #verbs: Verbs;
  readonly #stranger: string;
  readonly #shares: Shares;
  /** The peer is gone, and what it said before is being done. */
  #gone = false;
  #closed = false;
  readonly #underWay: UnderWay;

  #heard = false;
  /** How many bytes had come when it was asked last whether it was heard. */
  #received: number | undefined;

  /**
   * Makes the session of a connection.
   *
   * @param host what it shares with the others
   * @param wire the line to its peer
   * @param start the last sequence number before the connection was accepted
   * @param leave what it may do; `undefined` if it owes a token
   * @param guest how it can have a place, if it has none
   * @param stranger the holder of what it takes while it has no token
   */
  constructor(
    host: Host,
    wire: Wire,
    start: number,
    leave: Leave | undefined,
    guest?: Guest,
    from = "",
  ) {
    this.#host = host = withPatience(host, from, () => this.#lostPatience());
    this.#wire = wire;
    this.#leave = leave;
    this.#stranger = addressHolder(from);
    this.#shares = new Shares(host.budgets, this.owner);
    if (leave) this.#wire.belongsTo?.(this.owner);
    this.#goodbye = new Goodbye(wire, host.queue.clock);
    const replies = this.#replies = new ReplyWriter(wire);
    this.#underWay = new UnderWay(replies, wire, largestFrame(host.welcome.limits));
    this.#verbs = new Verbs(host, this, { wire, replies, shares: this.#shares, start, guest });
    this.#line = new Line(wire, replies, host.welcome.limits, this, this.#shares);
  }

  /** Takes what the peer said: the data of one frame. */
  receive(data: unknown): void {
    this.#heard = true;
    this.#goodbye.heard();
    const heartbeat = readHeartbeat(data);
    const hasRead = this.#underWay.received(heartbeat);
    // One who was sent away has to read up to the goodbye: whoever only says so would keep its place for ever.
    if (hasRead && !this.#closed) this.#wire.hasRead?.();
    // Not every transport can bound a frame before it is there.
    if (typeof data === "string" && data.length > largestFrame(this.#host.welcome.limits)) {
      if (!this.#closed) this.sendAway(CLOSE.tooLarge, "a frame is too large");
    } else if (!heartbeat) this.#line.receive(data);
  }

  /** Finishes what was accepted, tells those who wait that it ends, and says goodbye. */
  async finish(error: WireError): Promise<void> {
    await this.#line.finish();
    await this.#verbs.endReads(error);
    await this.close();
    await this.#goodbye.say(CLOSE.serviceRestart, "the server is stopping");
  }

  get identity(): string {
    return this.#leave?.identity ?? "";
  }

  /** Who holds what it takes of what connections share. */
  get owner(): string {
    return this.identity || this.#stranger;
  }

  get leave(): Leave | undefined {
    return this.#leave;
  }

  /** Has it do from now on what this allows: what it waits for and may not have any more ends. */
  set leave(leave: Leave | undefined) {
    // A token may be said again and again, and thousands may wait.
    if (leave === this.#leave) return;
    this.#leave = leave;
    this.#shares.moveTo(this.owner);
    this.#wire.belongsTo?.(this.owner);
    if (leave) this.#verbs.endForbidden();
  }

  /** It has no leave any more: tells those who wait, drops everything, and says goodbye. */
  expel(error: WireError): void {
    this.#leave = undefined;
    this.sendAway(CLOSE.unauthorized, "no good token", error);
  }

  /**
   * The peer is gone. What it said before counts, though it may wait for its turn; what only the peer would have heard of
   * is over. Returns when that is done, if it takes long.
   */
  end(): Promise<unknown> | void {
    this.#goodbye.end();
    if (this.#closed || !this.#leave || this.#verbs.lacksPlace) return this.#drop(undefined);
    this.#gone = true;
    const done = this.#line.finish();
    if (!done) return this.#drop(undefined);
    return Promise.all([done, this.#verbs.endReads(undefined)]).then(() => this.#drop(undefined));
  }

  /** Drops everything; what was answered by now is still sent. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    return this.#drop(GONE);
  }

  /** May be called twice. What those who wait are told is nothing if nobody can hear it. */
  #drop(error: WireError | undefined): Promise<void> | void {
    this.#closed = true;
    this.#line.stop();
    this.#verbs.end();
    const ended = this.#verbs.endReads(error);
    this.#replies.flush();
    // Only then it holds nothing any more.
    if (ended) return ended.then(() => this.#shares.close());
    this.#shares.close();
  }

  get gone(): boolean {
    return this.#gone;
  }

  pause(): Promise<void> | undefined {
    return this.#line.pause();
  }

  get closed(): boolean {
    return this.#closed;
  }

  replaced(): void {
    this.sendAway(CLOSE.replaced, "a newer connection goes on with this session");
  }

  /** There is no place for it. */
  turnAway(): void {
    this.#verbs.turnAway();
  }

  sendAway(code: number, reason: string, error: WireError = GONE): void {
    const closed = this.#drop(error);
    if (closed) void closed.then(() => this.#goodbye.say(code, reason));
    else void this.#goodbye.say(code, reason);
  }

  get slack(): number {
    return this.#underWay.slack;
  }

  wasHeard(): boolean {
    const { bytesReceived } = this.#wire;
    const isHeard = this.#gone || this.#wire.unheard === true;
    const wasHeard = this.#heard || bytesReceived !== this.#received || isHeard;
    this.#heard = false;
    this.#received = bytesReceived;
    return wasHeard;
  }

  silent(): void {
    void this.close();
    this.#wire.close(CLOSE.givenUp, "no sign of life");
    this.#wire.drop("it gave no sign of life");
  }

  beat(every: number, bounds: Bounds): void {
    // One who does not read has enough to read.
    if (this.#wire.buffered >= BUFFER_LIMIT) return;
    this.#underWay.beats();
    this.#replies.sendFrame(heartbeat({ heartbeat: every, ...bounds }));
  }

  /** The line has come to a defect. */
  failed(error: unknown): void {
    const { log } = this.#host.queue;
    log.error("dsmq: a request failed unexpectedly, its connection is closed:", error);
    void this.close();
    this.#wire.close(CLOSE.internalError, "internal error");
  }

  noted(refused: readonly RefusedRequest[]): void {
    for (const { error } of refused) this.#host.refused(error);
  }

  flooded(crowded: boolean): void {
    if (crowded) this.sendAway(CLOSE.tryAgainLater, "too many requests of all connections wait");
    else this.sendAway(CLOSE.policyViolation, "too many requests wait");
  }

  /** Too much of what it asked failed: does nothing more, and says goodbye after the last answer. */
  async #lostPatience(): Promise<void> {
    this.#line.stop();
    await this.#line.finish();
    if (!this.#closed) this.sendAway(CLOSE.policyViolation, "too many requests failed");
  }

  act(run: readonly Request[]): Promise<void> | void {
    return this.#verbs.act(run);
  }

  refuse(run: readonly Request[], error: unknown): void {
    this.#verbs.refuse(run, error);
  }
}
