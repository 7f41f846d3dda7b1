/**
 * One connection's dealings with the queue.
 *
 * @module
 */

import { addressHolder } from "../budgets/address.ts";
import { answer, heartbeat } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { readHeartbeat } from "../protocol/frames.ts";
import { largestFrame } from "../protocol/limits.ts";
import type {
  GetRequest,
  PutRequest,
  RefusedRequest,
  Request,
  RequestOf,
} from "../protocol/requests.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Bounds } from "../stores/store.ts";
import type { Guest } from "./claims.ts";
import { Cursors } from "./cursors.ts";
import { Goodbye } from "./goodbye.ts";
import { type Greeter, Hello } from "./hello.ts";
import { done, fail, type Host, wireError } from "./host.ts";
import { allowed, type Leave, noLeave, readableTopics, TOKEN_NEEDED } from "./leave.ts";
import { Line, type Worker } from "./line.ts";
import { withPatience } from "./patience.ts";
import { Puts } from "./puts.ts";
import { Reads, type ReadsOptions } from "./reads.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { Shares } from "./shares.ts";
import { Streams } from "./streams.ts";
import { UnderWay } from "./under_way.ts";
import { BUFFER_LIMIT, type Wire } from "./wire.ts";

/** What those who wait are told when nobody can hear it any more. */
const GONE: WireError = { code: "stopping", message: "Cannot wait: the connection is closed" };

/** What asks for these only itself would hear of: once it is gone they are not done. */
const FOR_ITSELF: ReadonlySet<Request["action"]> = new Set([
  "get",
  "get_latest",
  "get_wait",
  "cancel",
  "subscribe",
  "credit",
  "unsubscribe",
  "heartbeat",
  "topics",
]);

/** A session does what its connection asks, in order, and holds what belongs to it. */
export class Session implements Worker, Greeter {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #replies: ReplyWriter;
  readonly #line: Line;
  readonly #cursors: Cursors;
  readonly #reads: Reads;
  readonly #options: ReadsOptions;
  readonly #goodbye: Goodbye;
  /** What it may do; `undefined` while it owes a token. */
  #leave: Leave | undefined;
  /** There once something was subscribed to: most connections at rest have nothing to stream. */
  #openStreams: Streams | undefined;
  readonly #puts: Puts;
  readonly #hello: Hello;
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
    stranger = addressHolder(""),
  ) {
    this.#host = host = withPatience(host, () => this.#lostPatience());
    this.#wire = wire;
    this.#leave = leave;
    this.#stranger = stranger;
    this.#shares = new Shares(host.budgets, this.owner);
    if (leave) this.#wire.belongsTo?.(this.owner);
    this.#goodbye = new Goodbye(wire, host.queue.clock);
    const replies = this.#replies = new ReplyWriter(wire);
    this.#underWay = new UnderWay(replies, wire, largestFrame(host.welcome.limits));
    const puts = this.#puts = new Puts(host, replies, this.#shares);
    this.#options = {
      wire,
      replies,
      shares: this.#shares,
      refusal: (topic) => this.#mayNotRead(topic),
      mayRead: (topic) => this.#leave?.mayRead(topic) ?? false,
    };
    const beginning = { after: start, gap: undefined, heard: Infinity };
    const cursors = this.#cursors = new Cursors(host, beginning, this.#options);
    this.#reads = new Reads(host, cursors, this.#options);
    this.#hello = new Hello(host, this, { puts, cursors, replies }, guest);
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
    await this.#reads.end(error);
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
    if (leave) this.#endForbidden();
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
    if (this.#closed || !this.#leave || this.#hello.lacksPlace) return this.#drop(undefined);
    this.#gone = true;
    const done = this.#line.finish();
    if (!done) return this.#drop(undefined);
    return Promise.all([done, this.#endReads(undefined)]).then(() => this.#drop(undefined));
  }

  /** Drops everything; what was answered by now is still sent. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    return this.#drop(GONE);
  }

  /** May be called twice. What those who wait are told is nothing if nobody can hear it. */
  #drop(error: WireError | undefined): Promise<void> | void {
    this.#closed = true;
    this.#line.stop();
    this.#hello.end();
    const ended = this.#endReads(error);
    this.#replies.flush();
    // Only then it holds nothing any more.
    if (ended) return ended.then(() => this.#shares.close());
    this.#shares.close();
  }

  /** Ends its waits and its streams, for good; may be called twice. */
  #endReads(error: WireError | undefined): Promise<unknown> | void {
    const ends = [this.#openStreams?.close(), this.#reads.end(error)].filter((end) => end);
    if (ends.length > 0) return Promise.all(ends);
  }

  get closed(): boolean {
    return this.#closed;
  }

  replaced(): void {
    this.sendAway(CLOSE.replaced, "a newer connection goes on with this session");
  }

  /** There is no place for it. */
  turnAway(): void {
    this.#hello.turnAway();
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

  get #streams(): Streams {
    return this.#openStreams ??= new Streams(this.#host, this.#cursors, this.#options);
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

  refuse(run: readonly Request[], error: unknown): void {
    const failure = wireError(error, this.#host.queue.log);
    for (const request of run) {
      const why = request.action === "refused" ? request.error : failure;
      fail(this.#host, request, why, this.#replies);
    }
  }

  act(run: readonly Request[]): Promise<void> | void {
    if (this.#gone && FOR_ITSELF.has(run[0]!.action)) return;
    // Once for a run: who may do everything pays nothing for those who may not.
    return this.#leave?.full && !this.#hello.lacksPlace ? this.#do(run) : this.#doAllowed(run);
  }

  /** The same, but what may not be done is refused in its place. */
  async #doAllowed(run: readonly Request[]): Promise<void> {
    if (this.#hello.lacksPlace && run[0]!.action !== "hello") return this.turnAway();
    for (const part of allowed(run, this.#leave)) {
      try {
        await this.#do(part);
      } catch (error) {
        // Those before it are answered.
        this.refuse(part, error);
      }
    }
  }

  /** Does a run of requests of one kind; only `put`s (with refused ones among them) and `get`s come together. */
  #do(run: readonly Request[]): Promise<void> | void {
    const request = run[0]!;
    switch (request.action) {
      case "put":
      case "refused":
        return this.#puts.put(run as readonly (PutRequest | RefusedRequest)[]);
      case "get":
        if (run.length === 1) return this.#reads.get(request);
        return this.#reads.getMany(run as readonly GetRequest[], () => this.#line.pause());
      case "get_latest":
        return this.#reads.get(request);
      case "get_wait":
        return this.#reads.getWait(request);
      case "cancel":
        return this.#reads.cancel(request);
      case "subscribe":
        return this.#subscribe(request);
      case "credit":
        return this.#streams.credit(request);
      case "unsubscribe":
        return this.#streams.unsubscribe(request);
      case "hello":
        return this.#hello.say(request);
      case "heartbeat":
        return done(request, {}, this.#replies);
      case "topics":
        return this.#topics(request);
      case "shutdown":
        return this.#shutdown(request);
      case "close":
        return this.#forgetSession(request);
      default:
        request satisfies never;
    }
  }

  async #subscribe(request: RequestOf<"subscribe">): Promise<void> {
    const leave = this.#leave;
    await this.#streams.subscribe(request);
    // It may have become another while the stream was opened.
    if (this.#leave !== leave) this.#endForbidden();
  }

  /** Why a topic may not be read. */
  #mayNotRead(topic: string): WireError | undefined {
    const leave = this.#leave;
    if (!leave) return TOKEN_NEEDED;
    return leave.full || leave.mayRead(topic) ? undefined : noLeave("read", topic);
  }

  #endForbidden(): void {
    if (this.#leave?.full) return;
    this.#reads.endForbidden();
    this.#openStreams?.endForbidden();
  }

  /** Its client closes for good and will repeat nothing. */
  async #forgetSession(request: RequestOf<"close">): Promise<void> {
    await this.#hello.forgetSession();
    done(request, {}, this.#replies);
  }

  async #topics(request: RequestOf<"topics">): Promise<void> {
    // Where there is no room for the answer, they are listed again once there is.
    for (let needs; (needs = await this.#listTopics(request)) > 0;) await this.#wire.room?.(needs);
  }

  /** Answers with the topics, or returns how much room that needs. */
  async #listTopics(request: RequestOf<"topics">): Promise<number> {
    const { store } = this.#host.queue;
    const pause = () => this.#line.pause();
    const topics = await readableTopics(store, request, this.#leave?.readable, pause);
    // What it may read can have changed meanwhile.
    const readable = topics.filter(({ topic }) => !this.#mayNotRead(topic));
    const text = answer(request.id, { topics: readable, more: topics.length === request.count });
    if (!(this.#wire.hasRoom?.(text.length) ?? true)) return text.length;
    this.#replies.add(text);
    return 0;
  }

  #shutdown(request: RequestOf<"shutdown">): void {
    const { shutdown } = this.#host;
    if (!shutdown) {
      const message = "Cannot shut down: the server was started without leave for it";
      return fail(this.#host, request, { code: "not_allowed", message }, this.#replies);
    }
    if (!this.#leave?.admin) {
      return fail(this.#host, request, noLeave("shut down"), this.#replies);
    }
    done(request, {}, this.#replies);
    shutdown();
  }
}
