/**
 * The requests of a connection that have no reply yet. They outlive the socket on which they were sent.
 *
 * @module
 */

import type { Welcome } from "../protocol/encode_replies.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/client_limits.ts";
import { DEFAULT_CLIENT_LIMITS } from "../protocol/client_limits.ts";
import type { AnswerReply, MalformedReply, StreamReply } from "../protocol/replies.ts";
import type { ClientSocket } from "./client_socket.ts";
import { Acceptance, type ConnectionEnd } from "./connection_end.ts";
import type { KnownPosition, KnownSeq } from "./known_position.ts";
import type { PendingLimits } from "./options.ts";
import {
  type PendingRequest,
  protocolError,
  SimpleRequest,
  toDsmqError,
} from "./pending_request.ts";
import { type PendingStream, RequestTable } from "./request_table.ts";
import { SendBuffer } from "./send_buffer.ts";
import { SendWindow } from "./send_window.ts";

/** Sends requests over the present socket, and hands each reply to the request that it answers. */
export class InFlightRequests {
  /** What is unanswered, by its id on the present socket. */
  readonly table: RequestTable;
  readonly #known: KnownPosition;
  readonly #url: () => string;
  readonly acceptance: Acceptance;
  readonly #window: SendWindow;
  readonly #buffer: SendBuffer;
  #limits: Limits = DEFAULT_CLIENT_LIMITS;
  #frameBytes: number | undefined;
  #isOpen = false;
  /** Called when a put that was reserved is made, or will not be. */
  onReserved: () => void = () => {};

  /**
   * Begins empty, without a socket.
   *
   * @param limits how much may be unanswered
   * @param known learns sequence numbers from the replies
   * @param url the address of the server, for errors
   */
  constructor(limits: PendingLimits, known: KnownPosition, url: () => string) {
    this.#known = known;
    this.#url = url;
    this.acceptance = new Acceptance(url);
    this.table = new RequestTable(limits);
    this.#window = new SendWindow(() => this.#probe());
    this.#buffer = new SendBuffer(
      this.#window,
      known,
      (part) => this.table.add(part, undefined),
    );
  }

  /** The limits of the server. */
  get limits(): Limits {
    return this.#limits;
  }

  /** The size of a frame in characters, unless a single request is larger; `undefined`: the default. */
  get frameBytes(): number | undefined {
    return this.#frameBytes;
  }

  /** Why the connection has ended for its caller, if it has. */
  get ended(): ConnectionEnd | undefined {
    return this.acceptance.ended;
  }

  /** Throws if as much is unanswered as may be. */
  requireRoom(verb: string, topic?: string): void {
    const { pending } = this.table;
    if (!pending.isFull(this.#isOpen) || this.acceptance.isAdmitting) return;
    throw pending.full(verb, topic, this.#url());
  }

  /** The caller waits for nothing. */
  get isIdle(): boolean {
    return !this.table.pending.hasReserved && this.table.idle;
  }

  /** There is a socket. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A position before the oldest unanswered put, if there is one. */
  get knownBeforePuts(): KnownSeq | undefined {
    const oldest = this.table.oldestPut;
    return oldest && this.#known.beforePut(oldest.known);
  }

  /** Requests that were sent and that the server may not have finished. */
  get unfinished(): PendingRequest[] {
    return this.table.unanswered.filter((request) =>
      request.action !== "heartbeat" && this.#window.isPending(request)
    );
  }

  /**
   * Makes a request.
   *
   * @param request the request, which takes the reply
   * @param stream takes what is streamed under the id of this request
   */
  send(request: PendingRequest, stream?: PendingStream): void {
    const { refusal } = this.acceptance;
    if (refusal) return request.onError(this.acceptance.errorOf(refusal, request));
    this.table.add(request, stream);
    if (this.#isOpen) this.#buffer.add(request, this.table.pending.underWay);
  }

  /** Whether a request is the last one, has not been sent, and may grow. */
  canGrow(request: PendingRequest): boolean {
    if (this.ended) return false;
    if (this.#isOpen) return this.#buffer.canGrow(request);
    return this.table.newest === request && !request.isSent && this.#buffer.canHoldMore(request);
  }

  /** The last request has grown by a call of this many characters. */
  onGrown(size: number): void {
    this.table.pending.grew(size);
    if (this.#isOpen) this.#buffer.onGrown(size, this.table.pending.underWay);
  }

  /** Sends a request that has no reply, if there is a socket. It is not repeated: the next server learns the state of then. */
  sendUnanswered(action: string, jsonFields?: string): void {
    if (!this.#isOpen) return;
    this.#buffer.sendUnanswered(
      jsonFields ? `{"action":"${action}",${jsonFields}}` : `{"action":"${action}"}`,
    );
  }

  /** Nobody needs the reply any more. Returns whether the request is not sent, so that none comes. */
  withdraw(request: PendingRequest): boolean {
    if (request.sendOrder > 0 && this.#isOpen) return false;
    request.isWithdrawn = true;
    if (this.table.find(request.id) === request) this.table.delete(request);
    if (this.#isOpen) this.#buffer.onWithdrawn();
    return true;
  }

  /** Ignores a stream from now on, and the reply to its request, which stays in the window until it comes. */
  forget(id: number): void {
    this.table.deleteStream(id);
    const request = this.table.find(id);
    if (request && !this.withdraw(request)) this.table.abandon(request);
  }

  /** Sends the requests that wait, as far as the window allows. */
  flush(): void {
    this.#buffer.flush();
  }

  /** There is no socket. */
  suspend(): void {
    this.#isOpen = false;
    this.#buffer.close();
  }

  /**
   * There is a new socket. Streams that had begun and unanswered requests are sent again in their order, before anything
   * new. Puts whose outcome nobody can know fail.
   *
   * @param welcome what the server said of itself
   * @param socket the socket
   * @param frameBytes the size of a frame in characters, unless a single request is larger
   */
  resume(
    { dedupComplete, limits }: Pick<Welcome, "dedupComplete" | "limits">,
    socket: Pick<ClientSocket, "send">,
    frameBytes?: number,
  ): void {
    this.#limits = limits;
    this.#frameBytes = frameBytes;
    const pending = this.table.takeAll();
    this.#isOpen = true;
    this.#buffer.open(limits, socket, frameBytes);
    for (const request of pending) {
      if (request.action === "put" && request.isSent && dedupComplete !== true) {
        request.onError(
          new DsmqError(
            "unknown_outcome",
            "Cannot tell whether the message is stored: the server does not know any more what this session put",
            { topic: request.topic },
          ),
        );
      } else if (request.onReconnect()) {
        for (const part of request.split(limits, frameBytes ?? Infinity)) {
          this.table.add(part, isPendingStream(part) ? part : undefined);
          this.#buffer.add(part, this.table.pending.underWay);
        }
      }
    }
  }

  /**
   * Hands a reply to the request, or the stream, that it belongs to.
   *
   * @throws {DsmqError} `protocol_error`, if it belongs to none, or is not what was asked for
   */
  dispatch(reply: AnswerReply | StreamReply | MalformedReply): void {
    if (reply.kind === "malformed") return this.#rejectMalformed(reply);
    this.#known.onReply(reply);
    if (reply.kind === "messages" || reply.kind === "jobs" || reply.kind === "stream_error") {
      return this.table.begunStream(reply.sub)?.onStreamFrame(reply);
    }
    const request = this.#take(reply.id);
    try {
      if (reply.kind === "error") {
        request.onErrorReply(toDsmqError(reply.error, request.topic, request), reply.through);
      } else {
        if (
          reply.kind === "stored" && request.action === "put" && !this.#known.onPutStored(reply)
        ) {
          throw protocolError(
            "put",
            request.topic,
            "its sequence number is not above that of an earlier message",
          );
        }
        request.onReply(reply);
      }
    } catch (thrown) {
      request.onError(thrown);
      // An error of the caller's own code concerns only the caller; a violation of the protocol ends the connection.
      if (!(thrown instanceof DsmqError) || thrown.code === "protocol_error") throw thrown;
    }
  }

  /** Removes the request that a reply answers. */
  #take(id: number): PendingRequest {
    const request = this.table.take(id);
    this.#window.onReply(request);
    return request;
  }

  /** Fails the request, or the stream, that a malformed reply belongs to, and then the connection. */
  #rejectMalformed({ id, sub, reason }: MalformedReply): void {
    const stream = id === undefined ? this.table.begunStream(sub!) : undefined;
    const request = id === undefined ? stream : this.#take(id);
    if (!request) return;
    const error = stream
      ? protocolError(
        stream.activity,
        stream.topic,
        "the server sent something that violates the protocol",
      )
      : protocolError(request.verb, request.topic, reason);
    request.onError(error);
    throw error;
  }

  /** The caller asks nothing more. Waits and streams end; other requests stay until they are answered. */
  stopAccepting(end: ConnectionEnd): void {
    this.acceptance.stop(end);
    this.#endStreams(end, true);
    for (const request of this.table.unanswered) {
      if (request.isWait) request.abandon(this.acceptance.errorOf(end, request));
    }
  }

  /** Ends everything. The outcome of puts and purges that were sent is unknown then. */
  endAll(end: ConnectionEnd): void {
    this.acceptance.finish(end);
    // The last first: a read that fails passes on what has arrived to the reads behind it.
    for (const request of this.table.takeUnanswered().reverse()) {
      const isChange = request.action === "put" || request.action === "purge";
      const code = isChange && request.isSent ? "unknown_outcome" : end.code;
      request.onError(this.acceptance.errorOf({ ...end, code }, request));
    }
    this.#endStreams(end, false);
  }

  /** Ends the streams; `own` if this side closes the connection. */
  #endStreams(end: ConnectionEnd, isOwnClose: boolean): void {
    this.table.endStreams((stream) => {
      const error = this.acceptance.errorOf(end, { verb: stream.activity });
      return stream.onStreamEnd(error, isOwnClose);
    });
  }

  /** A request for nothing but a reply. */
  #probe(): PendingRequest {
    const ignore = () => {};
    const probe = new SimpleRequest("heartbeat", "", "done", ignore, ignore, 0);
    this.table.add(probe, undefined);
    return probe;
  }
}

function isPendingStream(request: PendingRequest): request is PendingStream {
  return "onStreamFrame" in request;
}
