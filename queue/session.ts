/**
 * One connection's dealings with the queue.
 *
 * @module
 */

import { putAnswer, putManyAnswer } from "../protocol/answers.ts";
import type { PutOutcome, WireError } from "../protocol/errors.ts";
import type {
  GetRequest,
  PutRequest,
  RefusedRequest,
  Request,
  RequestOf,
} from "../protocol/requests.ts";
import { CLOSE } from "../protocol/websocket.ts";
import { type Put, type Stored, StoreError } from "../stores/store.ts";
import { done, fail, type Host, told, wireError } from "./host.ts";
import { Line, type Worker } from "./line.ts";
import type { Outbox } from "./outbox.ts";
import { locate } from "./positions.ts";
import { Reads } from "./reads.ts";
import { Streams } from "./streams.ts";
import type { Wire } from "./wire.ts";

/** What those who wait are told when nobody can hear it any more. */
const GONE: WireError = { code: "stopping", message: "Cannot wait: the connection is closed" };

/** A session does what its connection asks, in order, and holds what belongs to it. */
export class Session implements Worker {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #line: Line;
  readonly #reads: Reads;
  /** There once something was subscribed to: most connections at rest have nothing to stream. */
  #openStreams: Streams | undefined;

  /**
   * Makes the session of a connection.
   *
   * @param host what it shares with the others
   * @param wire the line to its peer
   * @param start the last sequence number before the connection was accepted
   */
  constructor(host: Host, wire: Wire, start: number) {
    this.#host = host;
    this.#wire = wire;
    this.#reads = new Reads(host, wire, { after: start, gap: undefined });
    this.#line = new Line(wire, host.welcome.limits, this);
  }

  /** Takes what the peer said: the data of one frame. */
  receive(data: unknown): void {
    this.#line.receive(data);
  }

  /** Finishes what was accepted, tells those who wait that it ends, and says goodbye. */
  async finish(error: WireError): Promise<void> {
    await this.#line.finish();
    this.#reads.end(error);
    this.close();
    this.#wire.close(CLOSE.serviceRestart, "the server is stopping");
  }

  /** Drops everything: the peer is gone. May be called twice. */
  close(): void {
    this.#line.stop();
    this.#openStreams?.close();
    this.#reads.end(GONE);
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

  refuse(run: readonly Request[], error: unknown, out: Outbox): void {
    const failure = wireError(error, this.#host.queue.log);
    for (const request of run) {
      fail(this.#host, request, request.action === "refused" ? request.error : failure, out);
    }
  }

  /** Does a run of requests of one kind; only `put`s (with refused ones among them) and `get`s come together. */
  act(run: readonly Request[], out: Outbox): Promise<void> | void {
    const request = run[0]!;
    switch (request.action) {
      case "put":
      case "refused":
        return this.#put(run as readonly (PutRequest | RefusedRequest)[], out);
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
        return this.#streams.subscribe(request, this.#reads.reader(request.topic), out);
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

  async #put(run: readonly (PutRequest | RefusedRequest)[], out: Outbox): Promise<void> {
    const batch: Put[] = [];
    for (const request of run) {
      if (request.action === "put") { for (const put of request.puts) batch.push(put); }
    }
    const { queue } = this.#host;
    const results = batch.length > 0 ? await queue.append(batch) : [];
    for (const result of results) if (!(result instanceof StoreError)) queue.counts.stored++;
    let next = 0;
    for (const request of run) {
      if (request.action === "refused") {
        fail(this.#host, request, request.error, out);
      } else if (request.many) {
        this.#putManyDone(request, results.slice(next, next += request.puts.length), out);
      } else {
        this.#putDone(request, results[next++]!, out);
      }
    }
  }

  #putDone(request: PutRequest, result: Stored | StoreError, out: Outbox): void {
    if (result instanceof StoreError) {
      fail(this.#host, request, told(result), out);
    } else if (request.id !== undefined) {
      out.addAscii(putAnswer(request.id, result.seq, result.dup === true));
    }
  }

  #putManyDone(request: PutRequest, results: readonly (Stored | StoreError)[], out: Outbox): void {
    const failure = results.find((result) => result instanceof StoreError);
    if (failure) {
      const outcomes = results.map(outcome);
      fail(this.#host, request, { ...told(failure), outcomes }, out);
    } else if (request.id !== undefined) {
      const stored = results as readonly Stored[];
      const seqs = stored.map(({ seq }) => seq);
      out.addAscii(putManyAnswer(request.id, seqs, stored.some(({ dup }) => dup)));
    }
  }

  /** A topic that was read before keeps its place; all others start where this says. */
  async #hello(request: RequestOf<"hello">, out: Outbox): Promise<void> {
    if (request.since !== undefined) {
      this.#reads.start = await locate(this.#host.queue.store, request.since);
    }
    const { recalls } = await this.#host.queue.store.bounds();
    done(request, { ...this.#host.welcome, start: this.#reads.start.after, recalls }, out);
  }

  async #topics(request: RequestOf<"topics">, out: Outbox): Promise<void> {
    const topics = await this.#host.queue.store.topics(request);
    done(request, { topics, more: topics.length === request.count }, out);
  }

  #shutdown(request: RequestOf<"shutdown">, out: Outbox): void {
    const { shutdown } = this.#host;
    if (shutdown) {
      done(request, {}, out);
      shutdown();
    } else {
      const message = "Cannot shut down: the server was started without leave for it";
      fail(this.#host, request, { code: "not_allowed", message }, out);
    }
  }
}

function outcome(result: Stored | StoreError): PutOutcome {
  return result instanceof StoreError ? { code: result.code, message: result.message } : result.seq;
}
