/**
 * A subscription: an iterator over the messages of a topic, or of all topics with a prefix.
 *
 * @module
 */

import type { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { MessagesReply, ResultReply, StreamReply } from "../protocol/replies.ts";
import type { GapPolicy, WirePosition } from "../protocol/requests.ts";
import { ClientCredit } from "./client_credit.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import type { Message } from "./messages.ts";
import {
  isGap,
  jsonFields,
  PendingRequest,
  protocolError,
  requireKind,
  type StreamHandler,
  toDsmqError,
} from "./pending_request.ts";
import type { GapHandler } from "./reading.ts";
import { chooseGapPolicy } from "./require_options.ts";
import { type NextMessage, StreamBuffer } from "./stream_buffer.ts";
import { StreamCursor } from "./stream_cursor.ts";
import { StreamPosition } from "./stream_position.ts";
import type { StreamSource } from "./stream_source.ts";
import type { ClientSubscriptionOptions, SharedByStreams } from "./subscription_options.ts";
import type { QueueItem } from "./topic_queue.ts";

/** After this many gaps in a row, the server is assumed to send nothing else. */
const MAX_GAPS = 1000;

/**
 * The messages of a topic or a prefix, one after another, as they are stored. It ends when the loop ends, and with `return()`,
 * `await using`, the signal and the end of the connection.
 */
export class ClientSubscription extends PendingRequest
  implements AsyncIterableIterator<Message, undefined>, AsyncDisposable, StreamHandler {
  readonly action = "subscribe";
  readonly activity = "read on";
  readonly topic: string | undefined;
  readonly calls = 1;
  readonly #source: StreamSource;
  readonly #requests: InFlightRequests;
  readonly #signal: AbortSignal | undefined;
  readonly #onGap: GapHandler | undefined;
  readonly #buffer: StreamBuffer;
  readonly #position: StreamPosition;
  /** Set until the server has said where the stream begins, if an item that comes before may arrive. */
  #cursor: StreamCursor | undefined;
  readonly #credit = new ClientCredit();
  /** The last sequence number of the stream; the next frame must continue after it. */
  #last = 0;
  /** The number of gaps since the last message. */
  #gaps = 0;

  /** Subscribes. */
  constructor(
    { requests, positions, known }: SharedByStreams,
    { source, since, queue, onGap, signal }: ClientSubscriptionOptions,
  ) {
    super();
    this.#requests = requests;
    this.#source = source;
    this.topic = source.topic;
    this.#buffer = new StreamBuffer(source.topic, (frame) => this.#onFrameRead(frame));
    this.#position = new StreamPosition(positions, source.topic, since, known.current);
    this.#onGap = onGap;
    this.#signal = signal;
    this.#credit.reset(requests.limits, this.#buffer.unread);
    // Before the request, which may end it at once: then the listener is removed again.
    signal?.addEventListener("abort", this.#onAbort);
    const arrived = queue?.head;
    if (arrived) {
      if (arrived.gap) queue.shift();
      this.#startAt(arrived);
    } else {
      requests.send(this, this);
      if (queue && queue.unanswered > 0 && !this.#buffer.isEnded) {
        queue.add(this.#cursor = new StreamCursor(queue, (item) => this.#restartAt(item)));
      }
    }
  }

  /** An item has arrived for a read that was cancelled before: the subscription begins with it. */
  #restartAt(item: QueueItem): void {
    if (!this.#isQueued) this.#unsubscribe();
    this.#startAt(item);
  }

  #startAt(item: QueueItem): void {
    const { epoch } = item;
    if (item.gap) return this.#onGapAt(item.gap, { after: item.through, epoch });
    this.#position.startAt({ after: item.message.seq - 1, epoch });
    this.#resubscribe();
  }

  /** Its request waits to be sent, and will carry the position of that moment. */
  get #isQueued(): boolean {
    return this.id > 0 && this.sendOrder === 0 && !this.isWithdrawn;
  }

  #resubscribe(): void {
    if (this.#isQueued) return;
    this.#requests.forget(this.id);
    this.#credit.reset(this.#requests.limits, this.#buffer.unread);
    this.#requests.send(this, this);
  }

  get size(): number {
    return this.#source.size;
  }

  protected jsonFields(): string {
    const onGap = typeof this.#onGap === "function" ? undefined : this.#onGap;
    const position = this.#position.requestFields();
    return jsonFields({ ...this.#source.fields, ...position, onGap, ...this.#credit.granted });
  }

  /** Continues where it was. */
  override onReconnect(): boolean {
    if (this.#buffer.isEnded) return false;
    if (this.isSent) this.#position.onReplyLost();
    return true;
  }

  /** A server that comes back with smaller limits allows less credit. */
  override split(limits: Limits, _size: number): readonly PendingRequest[] {
    this.#credit.reset(limits, this.#buffer.unread);
    return [this];
  }

  /** The next message, once there is one. */
  next(): Promise<NextMessage> {
    return this.#buffer.next();
  }

  /** The next message, if it has arrived. */
  takeArrived(): Message | undefined {
    return this.#buffer.shift();
  }

  /** Ends the subscription; nothing more is delivered. */
  return(): Promise<NextMessage> {
    this.#buffer.clear();
    this.#unsubscribe();
    this.#end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** A subscription is its own iterator: it can be read once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As {@linkcode ClientSubscription.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  override get isAwaited(): boolean {
    return !this.#buffer.isEnded;
  }

  /** The server has begun the stream. */
  onReply(reply: ResultReply): void {
    const { start, through, began } = requireKind(reply, "subscribed", this);
    const skipsGaps = this.#onGap !== undefined && typeof this.#onGap !== "function";
    if (!this.#position.isValidStart(start, skipsGaps)) {
      throw protocolError("subscribe", this.topic);
    }
    this.#cursor?.close();
    this.#position.onReply(through);
    this.#position.begin(began);
    this.#position.advanceTo(this.#position.positionAt(start));
    this.#last = start;
  }

  /** The request failed. */
  onError(error: DsmqError): void {
    this.#end(error);
  }

  override onErrorReply(error: DsmqError, through: number | undefined): void {
    const after = through ?? error.floor;
    if (
      error.code === "trimmed" && after !== undefined && !this.#position.isValidStart(after, false)
    ) {
      throw protocolError("subscribe", this.topic);
    }
    this.#cursor?.close();
    if (isGap(error)) this.#position.onReply(through);
    this.#onGapAfter(error, after);
  }

  /** Takes messages, or the end of the stream. */
  onStreamFrame(reply: StreamReply): void {
    if (this.#buffer.isEnded) return;
    if (reply.kind === "stream_error") {
      const gap = toDsmqError(reply.error, this.topic);
      const after = reply.through ?? gap.floor;
      if (isGap(gap) && after !== undefined && after < this.#last) {
        this.#failBecauseAt(after);
      }
      return this.#onGapAfter(gap, after);
    }
    if (reply.kind === "jobs") this.#failWithProtocolError("the server sends jobs");
    const { prev, bodies, bytes, topics } = reply;
    if (prev !== this.#last) this.#failBecauseAt(prev);
    if (!this.#credit.receive({ messages: bodies.length, bytes })) {
      this.#failWithProtocolError("the server sends more than it was granted");
    }
    if (!this.#source.includes(topics)) {
      this.#failWithProtocolError("the server sends a message of another topic, or of none");
    }
    this.#last = reply.seqs.at(-1)!;
    this.#gaps = 0;
    this.isSuspect = false;
    const position = this.#position.positionAt(this.#last);
    this.#position.advanceTo(position);
    this.#buffer.add(reply, position.epoch!);
  }

  /** The connection has ended; if this side closed it, that is not an error. */
  onStreamEnd(error: DsmqError, isOwnClose: boolean): boolean {
    if (isOwnClose) this.#buffer.clear();
    this.#end(isOwnClose ? undefined : error);
    return false;
  }

  /** Fails, or continues after a gap if it is known after which number. */
  #onGapAfter(error: DsmqError, after: number | undefined): void {
    // The time at which it began means nothing in another history.
    if (error.code !== "trimmed") this.#position.begin(undefined);
    if (after === undefined) this.#end(error);
    else this.#onGapAt(error, this.#position.positionAt(after));
  }

  /** Ends, unless the error is a gap and the caller wants to continue after it. */
  #onGapAt(error: DsmqError, position: WirePosition): void {
    if (this.#buffer.isEnded) return;
    if (!isGap(error)) return this.#end(error);
    const gap = this.#source.named(error);
    let policy: GapPolicy | undefined;
    try {
      policy = chooseGapPolicy(this.#onGap, gap);
    } catch (thrown) {
      // Without an error the end would look like the end of the messages.
      return this.#end(thrown ?? new TypeError(`Cannot read on: onGap threw ${thrown}`));
    }
    if (policy === undefined) return this.#end(gap);
    // The function itself may have ended it.
    if (this.#buffer.isEnded) return;
    if (++this.#gaps > MAX_GAPS) this.#failWithProtocolError("the server reports nothing but gaps");
    this.#position.advanceTo(policy === "now" ? { ...position, after: error.last ?? 0 } : position);
    this.#resubscribe();
  }

  readonly #onAbort = () => {
    this.#buffer.clear();
    this.#unsubscribe();
    this.#end(this.#signal!.reason);
  };

  /** Unsubscribes at the server. */
  #unsubscribe(): void {
    if (this.#buffer.isEnded || this.#requests.withdraw(this)) return;
    this.#requests.sendUnanswered("unsubscribe", jsonFields({ sub: this.id }));
  }

  /** The server violates the protocol: what arrived before is delivered, then the error. */
  #failWithProtocolError(reason: string): never {
    const error = protocolError("read on", this.topic, reason);
    this.#end(error);
    throw error;
  }

  #failBecauseAt(after: number): never {
    const reason = `the stream continues after ${after}, its last message was ${this.#last}`;
    this.#failWithProtocolError(reason);
  }

  #end(error: unknown): void {
    if (this.#buffer.isEnded) return;
    this.#buffer.end(this.#source.named(error));
    this.#cursor?.close();
    this.#requests.forget(this.id);
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  /** A frame was read to its end: gives credit. */
  #onFrameRead({ bodies, bytes }: MessagesReply): void {
    const isDue = this.#credit.consume({ messages: bodies.length, bytes });
    if (this.#buffer.isEnded || !isDue) return;
    this.#requests.sendUnanswered("credit", jsonFields({ sub: this.id, ...this.#credit.granted }));
  }
}
