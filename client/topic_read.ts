/**
 * Reads of a topic that wait for their message.
 *
 * @module
 */

import type { DsmqError } from "../protocol/errors.ts";
import type { EmptyReply, MessageReply, ResultReply } from "../protocol/replies.ts";
import type { CallDeadlines } from "./call_deadlines.ts";
import type { Call } from "./connection_end.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import { isGap, PendingRequest, protocolError } from "./pending_request.ts";
import type { ReadPositions } from "./read_positions.ts";
import { rejectWithCallerStack } from "./rejection.ts";
import type { StoreClock } from "./store_clock.ts";
import type { TopicName } from "./topic_names.ts";
import type { QueueItem, RequestingReader, TopicQueue } from "./topic_queue.ts";

/** What the reads of a connection share. */
export interface SharedByReads {
  readonly requests: InFlightRequests;
  readonly positions: ReadPositions;
  readonly storeClock: StoreClock;
  readonly deadlines: CallDeadlines;
}

/** What a read needs. */
export interface ReadContext {
  readonly shared: SharedByReads;
  readonly queue: TopicQueue;
  /** What the caller did, and what turns the message, which was stored by that epoch, into its result. */
  readonly form: {
    readonly verb: string;
    make(message: MessageReply | undefined, topic: string, epoch: string): unknown;
  };
  /** Resolves the caller's promise. */
  resolve(value: unknown): void;
  /** Called when the queue may be idle. */
  onIdle(topic: string, queue: TopicQueue): void;
}

/** A read with a request of its own. */
export abstract class TopicRead extends PendingRequest implements RequestingReader {
  readonly action: string;
  readonly topic: string;
  abstract readonly newest: boolean;
  isOpen = true;
  gaveReplyAway = false;
  protected readonly context: ReadContext;
  readonly #topicField: string;
  #isDone = false;

  constructor(action: string, { name, jsonField }: TopicName, context: ReadContext) {
    super();
    this.action = action;
    this.topic = name;
    this.#topicField = jsonField;
    this.context = context;
  }

  get calls(): number {
    return 1;
  }

  get size(): number {
    return this.#topicField.length;
  }

  override get verb(): string {
    return this.context.form.verb;
  }

  override get isAwaited(): boolean {
    return this.isOpen;
  }

  send(): void {
    const { shared, queue } = this.context;
    queue.add(this);
    queue.unanswered++;
    shared.requests.send(this);
  }

  protected jsonFields(): string {
    const since = this.context.shared.positions.since(this.topic);
    return since === undefined
      ? this.#topicField
      : `${this.#topicField},"since":${JSON.stringify(since)}`;
  }

  settle(item: QueueItem | undefined): boolean {
    this.close();
    if (item?.gap) this.rejectWith(item.gap);
    else this.resolveWith(item?.message, item?.epoch);
    return true;
  }

  onStarved(): void {
    this.settle(undefined);
  }

  cancel(): void {
    if (this.#isDone) return;
    const { requests } = this.context.shared;
    if (requests.withdraw(this)) this.#endWithoutReply();
    else if (this.isWait) requests.sendUnanswered("cancel", `"wait":${this.id}`);
  }

  onEnd(makeError: (call: Call) => DsmqError): void {
    this.onError(makeError(this));
  }

  /** If nobody waits for it any more, it is not sent again: the next read gets what the server had for it. */
  override onReconnect(): boolean {
    if (!this.isOpen) this.#endWithoutReply();
    return this.isOpen;
  }

  onReply(reply: ResultReply): void {
    if (reply.kind !== "message" && reply.kind !== "empty") {
      throw protocolError(this.verb, this.topic);
    }
    const { shared: { positions, storeClock }, queue, onIdle } = this.context;
    this.requireBehind(reply);
    const { through } = reply;
    const message = reply.kind === "message" ? reply : undefined;
    if (!queue.isNext(this) || this.newest) {
      const item = message && {
        message,
        epoch: positions.epoch,
        expires: storeClock.expiryOf(message.time),
      };
      return this.#deliver(through, item);
    }
    positions.advance(this.topic, through);
    this.#isDone = true;
    queue.unanswered--;
    this.close();
    this.resolveWith(message, positions.epoch);
    onIdle(this.topic, queue);
  }

  /** Throws if a reply is not behind what was read, as every correct one is. */
  protected requireBehind(reply: MessageReply | EmptyReply): void {
    const { through } = reply;
    const seq = reply.kind === "message" ? reply.seq : undefined;
    if (this.context.shared.positions.isPlausible(this.topic, seq, through)) return;
    const what = seq === undefined ? `that there is nothing up to ${through}` : `message ${seq}`;
    const reason = `the server sends ${what}, which is not after what was read`;
    throw protocolError(this.verb, this.topic, reason);
  }

  override onErrorReply(error: DsmqError, through: number | undefined): void {
    if (!isGap(error) || through === undefined) return this.onError(error);
    const { epoch } = this.context.shared.positions;
    this.#deliver(through, { gap: error, through, epoch, expires: Infinity });
  }

  onError(error: unknown): void {
    if (this.isOpen) {
      this.close();
      this.rejectWith(error);
    }
    this.#endWithoutReply();
  }

  /** Resolves the caller's promise with a message and its epoch, or nothing. */
  protected resolveWith(message: MessageReply | undefined, epoch: string = ""): void {
    const { form, resolve } = this.context;
    resolve(form.make(message, this.topic, epoch));
  }

  /** Rejects the caller's promise. */
  protected rejectWith(error: unknown): void {
    rejectWithCallerStack(this.context.resolve, error);
  }

  /** Closes the read. */
  protected close(): void {
    const { queue } = this.context;
    this.isOpen = false;
    if (this.gaveReplyAway) this.stopWaitingForOther();
    else if (!this.#isDone) queue.extraReplies++;
    queue.onReaderClosed();
  }

  /** It does not wait for the reply to another read any more. */
  protected stopWaitingForOther(): void {
    this.gaveReplyAway = false;
    this.context.queue.onServedByOther();
  }

  /** Sends its request again: a reply of its own will come. */
  protected resend(): void {
    this.stopWaitingForOther();
    this.#isDone = false;
    this.context.queue.unanswered++;
    this.context.shared.requests.send(this);
  }

  #deliver(through: number | undefined, item: QueueItem | undefined): void {
    const { shared, queue, onIdle } = this.context;
    shared.positions.advance(this.topic, through);
    this.#complete();
    queue.onReply(this, item);
    onIdle(this.topic, queue);
  }

  /** No reply will come, or it was an error. */
  #endWithoutReply(): void {
    if (this.#isDone) return;
    const { queue, onIdle } = this.context;
    this.#complete();
    queue.onEmptyReply();
    onIdle(this.topic, queue);
  }

  /** Its request has ended. */
  #complete(): void {
    const { queue } = this.context;
    this.#isDone = true;
    queue.unanswered--;
    if (!this.isOpen) queue.extraReplies--;
  }
}

/** A read of the oldest message, or of the newest, that ends with its reply or with the connection. */
export class SimpleRead extends TopicRead {
  readonly newest: boolean;

  /** Makes one that is not sent. */
  constructor(newest: boolean, topic: TopicName, context: ReadContext) {
    super(newest ? "get_latest" : "get", topic, context);
    this.newest = newest;
  }
}
