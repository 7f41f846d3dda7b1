/**
 * What is unanswered on a connection, and which streams it has, by the ids that they have there.
 *
 * @module
 */

import { AbandonedRequest } from "./abandoned_request.ts";
import type { PendingRequest, StreamHandler } from "./pending_request.ts";
import { HELLO_ID } from "./client_socket.ts";
import type { PendingCalls } from "./pending_calls.ts";

/** A stream, with the request that asked for it. */
export type PendingStream = StreamHandler & PendingRequest;

/** Gives ids to what is asked, and finds by them who asked. */
export class RequestTable {
  readonly #pending: PendingCalls;
  /** In the order in which they were asked on this connection. */
  readonly #requests = new Map<number, PendingRequest>();
  readonly #streams = new Map<number, PendingStream>();
  #lastId = HELLO_ID;
  #lastCallOrder = 0;
  #newest: PendingRequest | undefined;

  /**
   * Begins with nothing.
   *
   * @param pending counts what is unanswered
   */
  constructor(pending: PendingCalls) {
    this.#pending = pending;
  }

  /** What was asked last. */
  get newest(): PendingRequest | undefined {
    return this.#newest;
  }

  /** No id is larger. */
  get lastId(): number {
    return this.#lastId;
  }

  /** What is unanswered, in order. */
  unanswered(): Iterable<PendingRequest> {
    return this.#requests.values();
  }

  /** What is unanswered under an id. */
  find(id: number): PendingRequest | undefined {
    return this.#requests.get(id);
  }

  /** The oldest put that has left and is unanswered. */
  get oldestPut(): PendingRequest | undefined {
    let oldest: PendingRequest | undefined;
    for (const request of this.#requests.values()) {
      if (request.action !== "put" || !request.isSent) continue;
      if (!oldest || request.callOrder < oldest.callOrder) oldest = request;
    }
    return oldest;
  }

  /** Who takes what comes under an id without being its answer. */
  stream(sub: number): PendingStream | undefined {
    return this.#streams.get(sub);
  }

  /** Something is asked, perhaps once more: it has the next id. */
  add(request: PendingRequest, stream: PendingStream | undefined): void {
    request.id = ++this.#lastId;
    request.isWithdrawn = false;
    request.sendOrder = 0;
    request.callOrder ||= ++this.#lastCallOrder;
    this.#newest = request;
    this.#pending.add(request);
    if (stream) this.#streams.set(request.id, stream);
    this.#requests.set(request.id, request);
  }

  /** Something is answered, or will not be. */
  delete(request: PendingRequest): void {
    this.#requests.delete(request.id);
    this.#pending.remove(request);
  }

  /** Something is still to be answered, but the answer is nobody's. */
  abandon(request: PendingRequest): void {
    this.#requests.set(request.id, new AbandonedRequest(request));
  }

  /** Nobody takes any more what a stream brings. */
  deleteStream(id: number): void {
    this.#streams.delete(id);
  }

  /** Takes out what is unanswered, in order. */
  takeUnanswered(): PendingRequest[] {
    const unanswered = [...this.#requests.values()];
    this.#requests.clear();
    this.#pending.clear();
    return unanswered;
  }

  /** Takes out all streams. */
  takeStreams(): PendingStream[] {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    return streams;
  }

  /** Takes out what a new connection is asked once more: the streams that had begun, then what is unanswered, in order. */
  takeAll(): PendingRequest[] {
    const established = [...this.#streams.values()].filter((stream) =>
      this.#requests.get(stream.id) !== stream
    );
    this.#streams.clear();
    // What comes after the first part of a list was asked with it.
    const unanswered = this.takeUnanswered().sort((a, b) => a.callOrder - b.callOrder);
    return [...established, ...unanswered];
  }
}
