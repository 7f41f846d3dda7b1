/**
 * The unanswered requests and the streams of a connection, by their ids on the present socket.
 *
 * @module
 */

import { RenewedMap } from "../protocol/renewed_map.ts";
import { DsmqError } from "../protocol/errors.ts";
import { AbandonedRequest } from "./abandoned_request.ts";
import { HELLO_ID } from "./client_socket.ts";
import type { PendingPuts } from "./api.ts";
import type { PendingLimits } from "./options.ts";
import { type PendingRequest, protocolError, type StreamHandler } from "./pending_request.ts";

/** A stream, with the request that asked for it. */
export type PendingStream = StreamHandler & PendingRequest;

/** Roughly what a call takes besides its text, in bytes. */
const CALL_BYTES = 100;

/** Counts what is unanswered, and says when it is as much as may be. */
class PendingCalls {
  readonly #limits: PendingLimits;
  #calls = 0;
  /** How many messages the unanswered puts have. */
  #messages = 0;
  /** Roughly how many characters the unanswered puts have. */
  #size = 0;
  #underWay = 0;
  /** Those of them that are still to be made: their values are being validated. */
  readonly #reserved = { messages: 0, bytes: 0 };

  /** Begins with none. */
  constructor(limits: PendingLimits) {
    this.#limits = limits;
  }

  /** What was put and is not acknowledged yet. */
  get puts(): PendingPuts {
    return { messages: this.#messages, bytes: this.#size };
  }

  /** How many there are without waits, which do not keep the server busy. */
  get underWay(): number {
    return this.#underWay;
  }

  /** A request was made. */
  add(request: PendingRequest): void {
    this.#calls += request.calls;
    if (request.action === "put") {
      this.#messages += request.calls;
      this.#size += request.size;
    }
    if (!request.isWait) this.#underWay += request.calls;
  }

  /** A put has grown by a call of this many characters. */
  grew(size: number): void {
    this.#calls++;
    this.#messages++;
    this.#size += size;
    this.#underWay++;
  }

  /** A request has ended. */
  settled(request: PendingRequest): void {
    this.#calls -= request.calls;
    if (request.action === "put") {
      this.#messages -= request.calls;
      this.#size -= request.size;
    }
    if (!request.isWait) this.#underWay -= request.calls;
  }

  /** Nothing is unanswered, but for what is still to be made. */
  clear(): void {
    const { messages, bytes } = this.#reserved;
    this.#calls = this.#messages = messages;
    this.#size = bytes;
    this.#underWay = 0;
  }

  /** Puts are still to be made. */
  get hasReserved(): boolean {
    return this.#reserved.messages > 0;
  }

  /** Counts a put that is still to be made. Returns what counts it no more; it may be called twice. */
  reserve({ messages, bytes }: PendingPuts): () => void {
    const count = (sign: 1 | -1) => {
      this.#reserved.messages += sign * messages;
      this.#reserved.bytes += sign * bytes;
      this.#calls += sign * messages;
      this.#messages += sign * messages;
      this.#size += sign * bytes;
    };
    count(1);
    let isReserved = true;
    return () => {
      if (isReserved) count(-1);
      isReserved = false;
    };
  }

  /** As much is unanswered as may be. While there is a socket, the number of calls has no limit. */
  isFull(connected: boolean): boolean {
    return this.#bytes >= this.#limits.bytes || (!connected && this.#calls >= this.#limits.calls);
  }

  /** The error of a call beyond the limit. */
  full(verb: string, topic: string | undefined, url: string): DsmqError {
    const calls = this.#calls;
    const bytes = this.#bytes;
    const limits = this.#limits;
    const what = `Cannot ${verb}: ${calls} calls are unanswered`;
    return bytes < limits.bytes
      ? new DsmqError(
        "limit_exceeded",
        `${what}, and while there is no connection to ${url} there may be ${limits.calls} (maxPending)`,
        { topic, limit: limits.calls },
      )
      : new DsmqError(
        "limit_exceeded",
        `${what} and take ${bytes} bytes, which may be ${limits.bytes} (maxPendingBytes)`,
        { topic, limit: limits.bytes },
      );
  }

  get #bytes(): number {
    return this.#size + CALL_BYTES * this.#calls;
  }
}

/** Gives ids to requests, and finds requests and streams by id. */
export class RequestTable {
  /** How much is unanswered. */
  readonly pending: PendingCalls;
  /** In the order in which they were made on the present socket. */
  #requests = new RenewedMap<number, PendingRequest>();
  readonly #streams = new Map<number, PendingStream>();
  #lastId = HELLO_ID;
  #lastCallOrder = 0;
  #newest: PendingRequest | undefined;

  /**
   * Begins empty.
   *
   * @param limits how much may be unanswered
   */
  constructor(limits: PendingLimits) {
    this.pending = new PendingCalls(limits);
  }

  /** The last request. */
  get newest(): PendingRequest | undefined {
    return this.#newest;
  }

  /** The unanswered requests, in order. */
  get unanswered(): PendingRequest[] {
    return this.#requests.values;
  }

  /** The caller waits for no reply. */
  get idle(): boolean {
    for (const [, { isAwaited }] of this.#requests) if (isAwaited) return false;
    return true;
  }

  /** The unanswered request with an id. */
  find(id: number): PendingRequest | undefined {
    return this.#requests.get(id);
  }

  /** The oldest unanswered put that was sent. */
  get oldestPut(): PendingRequest | undefined {
    let oldest: PendingRequest | undefined;
    for (const [, request] of this.#requests) {
      if (request.action !== "put" || !request.isSent) continue;
      if (!oldest || request.callOrder < oldest.callOrder) oldest = request;
    }
    return oldest;
  }

  /** The stream with an id. */
  stream(sub: number): PendingStream | undefined {
    return this.#streams.get(sub);
  }

  /**
   * Removes the request that a reply answers.
   *
   * @throws {DsmqError} `protocol_error`, if no request with that id was sent
   */
  take(id: number): PendingRequest {
    const request = this.#requests.get(id);
    if (!request || request.sendOrder === 0) {
      const reason = `the server answers request ${id}, which is not open`;
      throw protocolError("continue", undefined, reason);
    }
    this.delete(request);
    return request;
  }

  /**
   * The stream that messages belong to; `undefined` if they are late, because it was ended here.
   *
   * @throws {DsmqError} `protocol_error`, if the stream has not begun
   */
  begunStream(sub: number): PendingStream | undefined {
    const stream = this.#streams.get(sub);
    if (sub <= this.#lastId && !(stream && this.#requests.get(sub) === stream)) return stream;
    const reason = `the server sends messages of stream ${sub}, which has not begun`;
    throw protocolError("continue", undefined, reason);
  }

  /** A request is made, or sent again: it gets the next id. */
  add(request: PendingRequest, stream: PendingStream | undefined): void {
    request.id = ++this.#lastId;
    request.isWithdrawn = false;
    request.sendOrder = 0;
    request.callOrder ||= ++this.#lastCallOrder;
    this.#newest = request;
    this.pending.add(request);
    if (stream) this.#streams.set(request.id, stream);
    this.#requests.set(request.id, request);
  }

  /** A request has ended. */
  delete(request: PendingRequest): void {
    this.#requests.delete(request.id);
    this.pending.settled(request);
  }

  /** The reply to a request is still to come, but will be ignored. */
  abandon(request: PendingRequest): void {
    this.#requests.set(request.id, new AbandonedRequest(request));
  }

  /** A stream is not wanted any more. */
  deleteStream(id: number): void {
    this.#streams.delete(id);
  }

  /** Removes all unanswered requests, and returns them in order. */
  takeUnanswered(): PendingRequest[] {
    const { unanswered } = this;
    this.#requests = new RenewedMap();
    this.pending.clear();
    return unanswered;
  }

  /** Removes all streams but those for which `end` says that they still take something. */
  endStreams(end: (stream: PendingStream) => boolean): void {
    for (const [id, stream] of [...this.#streams]) if (!end(stream)) this.#streams.delete(id);
  }

  /** Removes everything that a new socket has to be asked again: streams that had begun, then unanswered requests, in order. */
  takeAll(): PendingRequest[] {
    const established = [...this.#streams.values()].filter((stream) =>
      this.#requests.get(stream.id) !== stream
    );
    this.#streams.clear();
    // The parts of a list rank with its first part, whenever they were made.
    const unanswered = this.takeUnanswered().sort((a, b) => a.callOrder - b.callOrder);
    return [...established, ...unanswered];
  }
}
