/**
 * One connection's dealings with the queue.
 *
 * @module
 */

import { heartbeat } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import type {
  GetRequest,
  PutRequest,
  RefusedRequest,
  Request,
  RequestOf,
} from "../protocol/requests.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Holder } from "./claims.ts";
import { Goodbye } from "./goodbye.ts";
import { done, fail, type Host, wireError } from "./host.ts";
import { allowed, type Leave, noLeave, readableTopics, TOKEN_BAD, TOKEN_NEEDED } from "./leave.ts";
import { Line, type Worker } from "./line.ts";
import { withPatience } from "./patience.ts";
import type { Outbox } from "./outbox.ts";
import { locate, locateAll } from "./positions.ts";
import type { Pulse } from "./pulses.ts";
import { Puts } from "./puts.ts";
import { Reads } from "./reads.ts";
import { Streams } from "./streams.ts";
import { BUFFER_LIMIT, type Wire } from "./wire.ts";

/** What those who wait are told when nobody can hear it any more. */
const GONE: WireError = { code: "stopping", message: "Cannot wait: the connection is closed" };

const NOTHING = () => {};

/** A session does what its connection asks, in order, and holds what belongs to it. */
export class Session implements Worker, Holder, Pulse {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #line: Line;
  readonly #reads: Reads;
  readonly #goodbye: Goodbye;
  /** What it may do; `undefined` while it owes a token. */
  #leave: Leave | undefined;
  /** There once something was subscribed to: most connections at rest have nothing to stream. */
  #openStreams: Streams | undefined;
  readonly #puts: Puts;
  #endPulse: () => void = NOTHING;
  #closed = false;

  heard = false;

  /**
   * Makes the session of a connection.
   *
   * @param host what it shares with the others
   * @param wire the line to its peer
   * @param start the last sequence number before the connection was accepted
   * @param leave what it may do; `undefined` if it owes a token
   */
  constructor(host: Host, wire: Wire, start: number, leave: Leave | undefined) {
    this.#host = host = withPatience(host, () => this.#lostPatience());
    this.#wire = wire;
    this.#leave = leave;
    this.#goodbye = new Goodbye(wire, host.queue.clock);
    this.#puts = new Puts(host);
    this.#reads = new Reads(host, wire, { after: start, gap: undefined });
    this.#line = new Line(wire, host.welcome.limits, this);
  }

  /** Takes what the peer said: the data of one frame. */
  receive(data: unknown): void {
    this.heard = true;
    this.#goodbye.heard();
    this.#line.receive(data);
  }

  /** Finishes what was accepted, tells those who wait that it ends, and says goodbye. */
  async finish(error: WireError): Promise<void> {
    await this.#line.finish();
    this.#reads.end(error);
    this.close();
    await this.#goodbye.say(CLOSE.serviceRestart, "the server is stopping");
  }

  /** Whose it is: the same for all who bring the same token, and `""` for those without one. */
  get identity(): string {
    return this.#leave?.identity ?? "";
  }

  /** What it may do; `undefined` while it owes a token. */
  get leave(): Leave | undefined {
    return this.#leave;
  }

  /** Has it do from now on what this allows: what it waits for and may not have any more ends. */
  set leave(leave: Leave | undefined) {
    this.#leave = leave;
    if (leave) this.#endForbidden(leave);
  }

  /** It has no leave any more: tells those who wait, drops everything, and says goodbye. */
  expel(error: WireError): void {
    this.#reads.end(error);
    this.close();
    void this.#goodbye.say(CLOSE.unauthorized, "no good token");
  }

  /** The peer is gone. */
  end(): void {
    this.close();
    this.#goodbye.end();
  }

  /** Drops everything. May be called twice. */
  close(): void {
    this.#closed = true;
    this.#line.stop();
    this.#endPulse();
    const { session } = this.#puts;
    if (session !== undefined) this.#host.claims.release(session, this);
    this.#openStreams?.close();
    this.#reads.end(GONE);
  }

  replaced(): void {
    this.close();
    void this.#goodbye.say(CLOSE.replaced, "a newer connection goes on with this session");
  }

  silent(): void {
    this.close();
    this.#wire.close(CLOSE.givenUp, "no sign of life");
    this.#wire.drop("it gave no sign of life");
  }

  beat(every: number, floor: number, fed: number): void {
    // One who does not read has signs enough waiting.
    if (this.#wire.buffered >= BUFFER_LIMIT) return;
    const through = this.#reads.catchingUp ? 0 : fed;
    const lagging = this.#openStreams?.lagging ?? [];
    const { seen } = this.#line;
    this.#wire.send(heartbeat({ heartbeat: every, floor, through, seen, lagging }));
  }

  get #streams(): Streams {
    return this.#openStreams ??= new Streams(this.#host, this.#wire);
  }

  /** The line has come to a defect. */
  failed(error: unknown): void {
    const { log } = this.#host.queue;
    log.error("dsmq: a request failed unexpectedly, its connection is closed:", error);
    this.close();
    this.#wire.close(CLOSE.internalError, "internal error");
  }

  noted(refused: readonly RefusedRequest[]): void {
    for (const { error } of refused) this.#host.refused(error);
  }

  flooded(): void {
    this.#sendAway("too many requests wait");
  }

  /** Too much of what it asked failed: does nothing more, and says goodbye after the last answer. */
  async #lostPatience(): Promise<void> {
    this.#line.stop();
    await this.#line.finish();
    if (!this.#closed) this.#sendAway("too many requests failed");
  }

  /** Says goodbye to one who did what it may not. */
  #sendAway(reason: string): void {
    this.close();
    void this.#goodbye.say(CLOSE.policyViolation, reason);
  }

  refuse(run: readonly Request[], error: unknown, out: Outbox): void {
    const failure = wireError(error, this.#host.queue.log);
    for (const request of run) {
      fail(this.#host, request, request.action === "refused" ? request.error : failure, out);
    }
  }

  act(run: readonly Request[], out: Outbox): Promise<void> | void {
    // Once for a run: who may do everything pays nothing for those who may not.
    return this.#leave?.full ? this.#do(run, out) : this.#doAllowed(run, out);
  }

  /** The same, but what may not be done is refused in its place. */
  async #doAllowed(run: readonly Request[], out: Outbox): Promise<void> {
    for (const part of allowed(run, this.#leave)) {
      try {
        await this.#do(part, out);
      } catch (error) {
        // Those before it are answered.
        this.refuse(part, error, out);
      }
    }
  }

  /** Does a run of requests of one kind; only `put`s (with refused ones among them) and `get`s come together. */
  #do(run: readonly Request[], out: Outbox): Promise<void> | void {
    const request = run[0]!;
    switch (request.action) {
      case "put":
      case "refused":
        return this.#puts.put(run as readonly (PutRequest | RefusedRequest)[], out);
      case "get":
        if (run.length === 1) return this.#reads.get(request, out);
        return this.#reads.getMany(
          run as readonly GetRequest[],
          out,
          () => this.#line.breathe(out),
        );
      case "get_latest":
        return this.#reads.get(request, out);
      case "get_wait":
        return this.#reads.getWait(request, out);
      case "cancel":
        return this.#reads.cancel(request, out);
      case "subscribe":
        return this.#subscribe(request, out);
      case "credit":
        return this.#streams.credit(request, out);
      case "unsubscribe":
        return this.#streams.unsubscribe(request, out);
      case "hello":
        return this.#hello(request, out);
      case "heartbeat":
        return done(request, {}, out);
      case "topics":
        return this.#topics(request, out);
      case "shutdown":
        return this.#shutdown(request, out);
      default:
        request satisfies never;
    }
  }

  async #subscribe(request: RequestOf<"subscribe">, out: Outbox): Promise<void> {
    const leave = this.#leave;
    await this.#streams.subscribe(request, this.#reads, out);
    // It may have become another while the stream was opened.
    if (this.#leave !== leave && this.#leave) this.#endForbidden(this.#leave);
  }

  #endForbidden(leave: Leave): void {
    if (leave.full) return;
    const judge = (topic: string) =>
      leave.mayRead(topic) ? undefined : noLeave("read on in", topic);
    this.#reads.endSome(judge);
    this.#openStreams?.endSome(judge);
  }

  /** Whether the one who says hello has leave; a token that it brings counts from now on. */
  async #admitted(request: RequestOf<"hello">, out: Outbox): Promise<boolean> {
    const { door } = this.#host;
    if (request.token !== undefined) {
      const digest = await door.digestOf(request.token);
      const leave = door.leaveOf(digest);
      if (!leave) {
        fail(this.#host, request, TOKEN_BAD, out);
        out.flush();
        this.expel(TOKEN_BAD);
        return false;
      }
      this.leave = leave;
    }
    if (!this.#leave) fail(this.#host, request, TOKEN_NEEDED, out);
    return this.#leave !== undefined;
  }

  /** Topics that are named go on from there; of the others, those that were read before keep their places. */
  async #hello(request: RequestOf<"hello">, out: Outbox): Promise<void> {
    if (!await this.#admitted(request, out)) return;
    const { since, session, epoch, positions, heartbeat } = request;
    const { queue: { store }, welcome } = this.#host;
    const refusal = positions.size > 0 && await this.#reads.refusal([...positions.keys()]);
    if (refusal) return fail(this.#host, request, refusal, out);
    if (since !== undefined) this.#reads.start = await locate(store, since);
    if (positions.size > 0) this.#reads.place(await locateAll(store, positions, epoch));
    if (session !== undefined) this.#claim(session);
    if (heartbeat !== undefined) {
      this.#endPulse();
      this.#endPulse = this.#host.pulses.begin(this, heartbeat);
    }
    const { recalls } = await store.bounds();
    done(request, { ...welcome, start: this.#reads.start.after, recalls, heartbeat }, out);
  }

  #claim(session: string): void {
    const { claims } = this.#host;
    if (this.#puts.session !== undefined) claims.release(this.#puts.session, this);
    // What one identity names is nothing to another; and no session has a dot in it.
    const name = this.identity === "" ? session : `${this.identity}.${session}`;
    this.#puts.session = name;
    claims.claim(name, this);
  }

  async #topics(request: RequestOf<"topics">, out: Outbox): Promise<void> {
    const { store } = this.#host.queue;
    const topics = await readableTopics(store, request, this.#leave?.readable);
    done(request, { topics, more: topics.length === request.count }, out);
  }

  #shutdown(request: RequestOf<"shutdown">, out: Outbox): void {
    const { shutdown } = this.#host;
    if (!shutdown) {
      const message = "Cannot shut down: the server was started without leave for it";
      return fail(this.#host, request, { code: "not_allowed", message }, out);
    }
    if (!this.#leave?.admin) return fail(this.#host, request, noLeave("shut down"), out);
    done(request, {}, out);
    shutdown();
  }
}
