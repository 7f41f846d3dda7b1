/**
 * A subscription as the reader of it sees it: an iterator over messages.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";
import type { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import type { GapPolicy, WirePosition, WireSince } from "../protocol/requests.ts";
import type { GapHandler } from "./api.ts";
import { chooseGapPolicy } from "./require_options.ts";
import {
  isGap,
  jsonFields,
  PendingRequest,
  protocolError,
  type StreamHandler,
  toDsmqError,
} from "./pending_request.ts";
import { ClientCredit } from "./client_credit.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";
import type { Message } from "./message.ts";
import { type NextMessage, StreamBuffer } from "./stream_buffer.ts";
import { StreamCursor } from "./stream_cursor.ts";
import { type MessageFrame, toMessageFrame } from "./stream_frame.ts";
import { StreamPosition } from "./stream_position.ts";
import type { QueueItem, TopicQueue } from "./topic_queue.ts";

/** What a subscription needs to know. */
export interface ClientSubscriptionOptions {
  readonly topic: string;
  /** From where; the connection's cursor, if it is not said. */
  readonly since: WireSince | undefined;
  /** Where messages of the topic arrive that belong to that cursor, if any have or may. */
  readonly queue: TopicQueue | undefined;
  readonly onGap: GapHandler | undefined;
  readonly signal: AbortSignal | undefined;
  /** What the server takes, and grants. */
  readonly limits: Limits;
}

/** After this many gaps in a row the server is taken to send them without end. */
const MAX_GAPS = 1000;

/**
 * The messages of a topic, one after another, as they are stored. Leaving the loop ends it, and so do
 * `return()`, `await using`, the signal, and the end of the connection.
 */
export class ClientSubscription extends PendingRequest
  implements AsyncIterableIterator<Message, undefined>, AsyncDisposable, StreamHandler {
  readonly action = "subscribe";
  readonly topic: string;
  readonly calls = 1;
  readonly #client: ReconnectingClient;
  readonly #signal: AbortSignal | undefined;
  readonly #onGap: GapHandler | undefined;
  readonly #buffer: StreamBuffer;
  readonly #position: StreamPosition;
  /** There until the server has said where it begins, if something may arrive that comes before. */
  #cursor: StreamCursor | undefined;
  readonly #credit = new ClientCredit();
  /** The last sequence number of the stream; a frame that does not follow on it is an error. */
  #last = 0;
  /** How many gaps it was told of since a message came. */
  #gaps = 0;

  /**
   * Subscribes.
   *
   * @param client where to
   * @param options to what
   */
  constructor(
    client: ReconnectingClient,
    { topic, since, queue, onGap, signal, limits }: ClientSubscriptionOptions,
  ) {
    super();
    this.#client = client;
    this.topic = topic;
    this.#buffer = new StreamBuffer(topic, (frame) => this.#onFrameRead(frame));
    this.#position = new StreamPosition(client.positions, topic, since, client.known.current);
    this.#onGap = onGap;
    this.#signal = signal;
    this.#credit.reset(limits, this.#buffer.unread);
    // Before it asks: that may end it at once, and then nothing stays behind.
    signal?.addEventListener("abort", this.#onAbort);
    const arrived = queue?.head;
    if (arrived) {
      if (arrived.gap) queue.shift();
      this.#startAt(arrived);
    } else {
      client.requests.send(this, this);
      if (queue && queue.unanswered > 0 && !this.#buffer.isEnded) {
        queue.add(this.#cursor = new StreamCursor(queue, (item) => this.#restartAt(item)));
      }
    }
  }

  /** Something has arrived for a read that was called off before: the subscription begins with that. */
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

  /** It was asked, and has not left: when it does it says what counts then. */
  get #isQueued(): boolean {
    return this.id > 0 && this.sendOrder === 0 && !this.isWithdrawn;
  }

  #resubscribe(): void {
    if (this.#isQueued) return;
    this.#client.requests.forget(this.id);
    this.#credit.reset(this.#client.limits, this.#buffer.unread);
    this.#client.requests.send(this, this);
  }

  get size(): number {
    return this.topic.length;
  }

  protected jsonFields(): string {
    const onGap = typeof this.#onGap === "function" ? undefined : this.#onGap;
    const position = this.#position.requestFields();
    return jsonFields({ topic: this.topic, ...position, onGap, ...this.#credit.granted });
  }

  /** Goes on where it was. */
  override onReconnect(): boolean {
    if (this.#buffer.isEnded) return false;
    if (this.isSent) this.#position.onReplyLost();
    return true;
  }

  /** A server that came back with smaller limits grants less. */
  override split(limits: Limits, _size: number): readonly PendingRequest[] {
    this.#credit.reset(limits, this.#buffer.unread);
    return [this];
  }

  /** The next message, once there is one. */
  next(): Promise<NextMessage> {
    return this.#buffer.next();
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

  /** Takes from where the server streams. */
  onReply({ start, through }: Reply): void {
    const skipsGaps = this.#onGap !== undefined && typeof this.#onGap !== "function";
    if (start === undefined || !this.#position.isValidStart(start, skipsGaps)) {
      throw protocolError("subscribe", this.topic);
    }
    this.#cursor?.close();
    this.#position.onReply(through);
    this.#position.advanceTo(this.#position.positionAt(start));
    this.#last = start;
  }

  /** The server did not subscribe. */
  onError(error: DsmqError): void {
    this.#end(error);
  }

  override onErrorReply(error: DsmqError, { through }: Reply): void {
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

  /** Takes what the server streams. */
  onStreamFrame(reply: Reply): void {
    if (this.#buffer.isEnded) return;
    const { error, prev, through } = reply;
    if (error) {
      const gap = toDsmqError(error, this.topic);
      const after = through ?? gap.floor;
      if (isGap(gap) && after !== undefined && after < this.#last) {
        this.#failWithProtocolError(
          `the stream goes on after ${after}, its last message was ${this.#last}`,
        );
      }
      return this.#onGapAfter(gap, after);
    }
    if (prev !== this.#last) {
      this.#failWithProtocolError(
        `the stream goes on after ${prev}, its last message was ${this.#last}`,
      );
    }
    const frame = toMessageFrame(reply, this.#last);
    if (!frame) this.#failWithProtocolError("the server sent what is not of the protocol");
    if (!this.#credit.receive({ messages: frame.messages.length, bytes: frame.bytes })) {
      this.#failWithProtocolError("the server sends more than it was granted");
    }
    this.#last = frame.seqs.at(-1)!;
    this.#gaps = 0;
    this.isSuspect = false;
    this.#position.advanceTo(this.#position.positionAt(this.#last));
    this.#buffer.add(frame);
  }

  /** The connection is gone; a goodbye of this side's own is no error. */
  onStreamEnd(error: DsmqError, isOwnClose: boolean): void {
    if (isOwnClose) this.#buffer.clear();
    this.#end(isOwnClose ? undefined : error);
  }

  /** The same, if it is known after which number of the present epoch it could go on. */
  #onGapAfter(error: DsmqError, after: number | undefined): void {
    if (after === undefined) this.#end(error);
    else this.#onGapAt(error, this.#position.positionAt(after));
  }

  /** It ends, unless messages are missing and the caller wants to go on with what there is, at a position. */
  #onGapAt(error: DsmqError, position: WirePosition): void {
    if (this.#buffer.isEnded) return;
    if (!isGap(error)) return this.#end(error);
    let policy: GapPolicy | undefined;
    try {
      policy = chooseGapPolicy(this.#onGap, error);
    } catch (thrown) {
      // An end without an error would be taken for the end of the messages.
      return this.#end(thrown ?? new TypeError(`Cannot read on: onGap threw ${thrown}`));
    }
    if (policy === undefined) return this.#end(error);
    // It may have been left by the one who chose.
    if (this.#buffer.isEnded) return;
    if (++this.#gaps > MAX_GAPS) {
      this.#failWithProtocolError("the server tells of nothing but gaps");
    }
    this.#position.advanceTo(policy === "now" ? { ...position, after: error.last ?? 0 } : position);
    this.#resubscribe();
  }

  readonly #onAbort = () => {
    this.#buffer.clear();
    this.#unsubscribe();
    this.#end(this.#signal!.reason);
  };

  /** Tells the server that nothing more is wanted. */
  #unsubscribe(): void {
    if (this.#buffer.isEnded || this.#client.requests.withdraw(this)) return;
    this.#client.requests.sendUnanswered("unsubscribe", jsonFields({ sub: this.id }));
  }

  /** The server broke its word: what arrived before is delivered, then the error. */
  #failWithProtocolError(reason: string): never {
    const error = protocolError("read on", this.topic, reason);
    this.#end(error);
    throw error;
  }

  #end(error: unknown): void {
    if (this.#buffer.isEnded) return;
    this.#buffer.end(error);
    this.#cursor?.close();
    this.#client.requests.forget(this.id);
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  /** A frame was read to its end. */
  #onFrameRead({ messages, bytes }: MessageFrame): void {
    const isDue = this.#credit.consume({ messages: messages.length, bytes });
    if (this.#buffer.isEnded || !isDue) return;
    this.#client.requests.sendUnanswered(
      "credit",
      jsonFields({ sub: this.id, ...this.#credit.granted }),
    );
  }
}
