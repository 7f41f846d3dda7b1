/**
 * What a connection has asked and has no answer to: it outlives the line on which it was asked.
 *
 * @module
 */

import type { Reply, Welcome } from "../protocol/encode_replies.ts";
import { DsmqError } from "../protocol/errors.ts";
import {
  type PendingRequest,
  protocolError,
  SimpleRequest,
  type StreamHandler,
  toDsmqError,
} from "./pending_request.ts";
import { type PendingStream, RequestTable } from "./request_table.ts";
import type { ConnectionEnd, MakeEndError } from "./connection_end.ts";
import type { KnownPosition, KnownSeq } from "./known_position.ts";
import type { PendingCalls } from "./pending_calls.ts";
import { SendBuffer } from "./send_buffer.ts";
import { SendWindow } from "./send_window.ts";

/** Requests go out over the line that there is, and answers find those who asked. */
export class InFlightRequests {
  readonly #pending: PendingCalls;
  readonly #known: KnownPosition;
  readonly #makeError: MakeEndError;
  readonly #window: SendWindow;
  readonly #buffer: SendBuffer;
  readonly #table: RequestTable;
  #isOpen = false;
  /** On this connection nothing new is stored at or before this. */
  #lastStoredSeq = 0;
  #ended: ConnectionEnd | undefined;

  /**
   * Begins with nothing, and no line.
   *
   * @param pending counts what is unanswered
   * @param known takes what the answers tell
   * @param send takes frames while there is a line
   * @param makeError words an error
   */
  constructor(
    pending: PendingCalls,
    known: KnownPosition,
    send: (frameBytes: string) => void,
    makeError: MakeEndError,
  ) {
    this.#pending = pending;
    this.#known = known;
    this.#makeError = makeError;
    this.#table = new RequestTable(pending);
    this.#window = new SendWindow(() => this.#probe());
    this.#buffer = new SendBuffer(
      this.#window,
      send,
      known,
      (part) => this.#table.add(part, undefined),
    );
  }

  /** Nothing is unanswered that somebody waits for. */
  get isIdle(): boolean {
    for (const { isAwaited } of this.#table.unanswered()) if (isAwaited) return false;
    return true;
  }

  /** Why nothing can be asked any more, if that is so. */
  get ended(): ConnectionEnd | undefined {
    return this.#ended;
  }

  /** Throws if nothing can be asked any more. */
  requireOpen(request: Pick<PendingRequest, "action" | "topic">): void {
    if (this.#ended) throw this.#makeError(this.#ended, request);
  }

  /** There is a line. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What was known before the oldest put was stored that is unanswered, if there is one. */
  get knownBeforePuts(): KnownSeq | undefined {
    const oldest = this.#table.oldestPut;
    return oldest && this.#known.beforePut(oldest.known);
  }

  /** What has left, and may not have been done, or may be what is being done. */
  get unfinished(): PendingRequest[] {
    return [...this.#table.unanswered()].filter((request) =>
      request.action !== "heartbeat" && this.#window.isPending(request)
    );
  }

  /**
   * Asks for something.
   *
   * @param request what is asked for, and takes the answer
   * @param stream takes what comes under the id of this request without being its answer
   */
  send(request: PendingRequest, stream?: PendingStream): void {
    if (this.#ended) return request.onError(this.#makeError(this.#ended, request));
    this.#table.add(request, stream);
    if (this.#isOpen) this.#buffer.add(request, this.#pending.inFlight);
  }

  /** Whether what was asked last has not left yet, and may become larger. */
  canGrow(request: PendingRequest): boolean {
    if (this.#ended) return false;
    if (this.#isOpen) return this.#buffer.canGrow(request);
    return this.#table.newest === request && !request.isSent && this.#buffer.canHoldMore(request);
  }

  /** What was asked last has grown by a call of so many characters. */
  onGrown(size: number): void {
    this.#pending.onGrown(size);
    if (this.#isOpen) this.#buffer.onGrown(size, this.#pending.inFlight);
  }

  /** Sends a request that has no answer, if there is a line: the next one is told what counts then. */
  sendUnanswered(action: string, jsonFields?: string): void {
    if (!this.#isOpen) return;
    this.#buffer.sendUnanswered(
      jsonFields ? `{"action":"${action}",${jsonFields}}` : `{"action":"${action}"}`,
    );
  }

  /** Nobody is interested in an answer any more: whether there will be none. */
  withdraw(request: PendingRequest): boolean {
    if (request.sendOrder > 0 && this.#isOpen) return false;
    request.isWithdrawn = true;
    if (this.#table.find(request.id) === request) this.remove(request);
    if (this.#isOpen) this.#buffer.onWithdrawn();
    return true;
  }

  /** Takes no more of a stream, and no answer for it; what it takes of the window it takes until that comes. */
  forget(id: number): void {
    this.#table.deleteStream(id);
    const request = this.#table.find(id);
    if (request && !this.withdraw(request)) this.#table.abandon(request);
  }

  /** Sends what was asked and has not left. */
  flush(): void {
    this.#buffer.flush();
  }

  /** What is unanswered under an id. */
  find(id: number | undefined): PendingRequest | undefined {
    return id === undefined ? undefined : this.#table.find(id);
  }

  /** Who takes what comes under an id without being its answer. */
  stream(sub: number | undefined): PendingStream | undefined {
    return sub === undefined ? undefined : this.#table.stream(sub);
  }

  /** Something is not in flight any more: whoever calls this tells it the outcome. */
  remove(request: PendingRequest): void {
    this.#table.delete(request);
  }

  /** There is no line. */
  suspend(): void {
    this.#isOpen = false;
    this.#buffer.close();
  }

  /**
   * There is a line: streams that were under way, and what is unanswered, are asked for again in their order, before
   * anything new. Puts whose outcome nobody can know fail.
   */
  resume(
    { dedupComplete, limits, last }: Pick<Welcome, "dedupComplete" | "limits" | "last">,
    frameBytes?: number,
  ): void {
    this.#lastStoredSeq = last;
    const pending = this.#table.takeAll();
    this.#isOpen = true;
    this.#buffer.open(limits, frameBytes);
    for (const request of pending) {
      if (request.action === "put" && request.isSent && dedupComplete !== true) {
        request.onError(
          new DsmqError(
            "unknown_outcome",
            "Cannot tell whether the message is stored: the server does not know any more what this session put",
            request.topic === undefined ? {} : { topic: request.topic },
          ),
        );
      } else if (request.onReconnect()) {
        for (const part of request.split(limits, frameBytes ?? Infinity)) {
          this.#table.add(part, isPendingStream(part) ? part : undefined);
          this.#buffer.add(part, this.#pending.inFlight);
        }
      }
    }
  }

  /**
   * Gives an answer to the one who asked.
   *
   * @throws {DsmqError} `protocol_error`, if nobody asked for it, or it is not what was asked for
   */
  dispatch(reply: Reply): void {
    const { id, sub, seq, seqs, error } = reply;
    const last = seq ?? seqs?.at(-1);
    this.#known.update(last ?? reply.through);
    if (typeof id !== "number") {
      if (sub !== undefined) this.#streamOf(sub)?.onStreamFrame(reply);
      return;
    }
    const request = this.#table.find(id);
    if (!request || request.sendOrder === 0) {
      throw protocolError(
        "go on",
        undefined,
        `the server answers ${id}, which is not to be answered`,
      );
    }
    this.remove(request);
    this.#window.onReply(request);
    try {
      if (error) request.onErrorReply(toDsmqError(error, request.topic), reply);
      else {
        if (request.action === "put") this.#onPutStored(reply, last);
        request.onReply(reply);
      }
    } catch (thrown) {
      request.onError(thrown);
      // Only the caller's own matter, unless the server is no server of this protocol.
      if (!(thrown instanceof DsmqError) || thrown.code === "protocol_error") throw thrown;
    }
  }

  /** Who takes what is streamed, if somebody still does. */
  #streamOf(sub: number): StreamHandler | undefined {
    const table = this.#table;
    const stream = table.stream(sub);
    // What comes for a stream that was left is only late.
    if (sub <= table.lastId && !(stream && table.find(sub) === stream)) return stream;
    throw protocolError("go on", undefined, `the server streams ${sub}, which it has not begun`);
  }

  /** A put was stored there: behind all that was stored before it was sent, unless it is a repetition. */
  #onPutStored({ seq, seqs, dup }: Reply, last: number | undefined): void {
    if (last !== undefined && !dup) {
      if (!((seq ?? seqs![0]!) > this.#lastStoredSeq)) {
        throw protocolError("put", undefined, `the server stores behind ${this.#lastStoredSeq}`);
      }
      this.#lastStoredSeq = last;
    }
    this.#known.onPutStored(last);
  }

  /** Nothing more is asked. What only waits, and the streams, end; what else is unanswered is waited for. */
  stopAccepting(end: ConnectionEnd): void {
    this.#ended = end;
    this.#endStreams(end, true);
    for (const request of [...this.#table.unanswered()]) {
      if (request.isWait) request.abandon(this.#makeError(end, request));
    }
  }

  /** Ends all. Whether a put that had left is stored is not known then. */
  endAll(end: ConnectionEnd): void {
    this.#ended ??= end;
    // The last first: or one who fails would leave what has arrived to those behind it.
    for (const request of this.#table.takeUnanswered().reverse()) {
      const code = request.action === "put" && request.isSent ? "unknown_outcome" : end.code;
      request.onError(this.#makeError({ ...end, code }, request));
    }
    this.#endStreams(end, false);
  }

  /** Ends the streams, by this side's own doing or not. */
  #endStreams(end: ConnectionEnd, isOwnClose: boolean): void {
    const error = this.#makeError(end);
    for (const stream of this.#table.takeStreams()) stream.onStreamEnd(error, isOwnClose);
  }

  /** Asks for nothing but an answer. */
  #probe(): PendingRequest {
    const ignore = () => {};
    const probe = new SimpleRequest("heartbeat", "", ignore, ignore, 0);
    this.#table.add(probe, undefined);
    return probe;
  }
}

function isPendingStream(request: PendingRequest): request is PendingStream {
  return "onStreamFrame" in request;
}
