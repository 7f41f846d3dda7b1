/**
 * Those who asked for a message of a topic.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";
import type { DsmqError } from "../protocol/errors.ts";
import { isGap, PendingRequest, protocolError } from "./pending_request.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";
import { type Message, toMessage } from "./message.ts";
import { rejectWithCallerStack } from "./rejection.ts";
import type { TopicName } from "./topic_names.ts";
import type { QueueItem, RequestingReader, TopicQueue } from "./topic_queue.ts";

/** What belongs to a read. */
export interface ReadContext {
  readonly client: ReconnectingClient;
  readonly queue: TopicQueue;
  /** Makes of the message what the caller gets. */
  make(message: Message | undefined): unknown;
  /** Resolves the caller's promise. */
  resolve(value: unknown): void;
  /** Its queue may be idle. */
  onIdle(topic: string, queue: TopicQueue): void;
}

/** One who asked for a message. */
abstract class TopicRead extends PendingRequest implements RequestingReader {
  readonly action: string;
  readonly topic: string;
  readonly calls = 1;
  abstract readonly newest: boolean;
  isOpen = true;
  gaveReplyAway = false;
  protected readonly context: ReadContext;
  readonly #json: string;
  #isDone = false;

  constructor(action: string, { name, json }: TopicName, context: ReadContext) {
    super();
    this.action = action;
    this.topic = name;
    this.#json = json;
    this.context = context;
  }

  get size(): number {
    return this.#json.length;
  }

  override get isAwaited(): boolean {
    return this.isOpen;
  }

  send(): void {
    const { client, queue } = this.context;
    queue.add(this);
    queue.unanswered++;
    client.requests.send(this);
  }

  protected jsonFields(): string {
    const since = this.context.client.positions.since(this.topic);
    return since === undefined
      ? `"topic":${this.#json}`
      : `"topic":${this.#json},"since":${JSON.stringify(since)}`;
  }

  settle(item: QueueItem | undefined): boolean {
    this.close();
    if (item?.gap) this.rejectWith(item.gap);
    else this.resolveWith(item?.message);
    return true;
  }

  onStarved(): void {
    this.settle(undefined);
  }

  cancel(): void {
    if (this.#isDone) return;
    const { client } = this.context;
    if (client.requests.withdraw(this)) this.#endWithoutReply();
    else if (this.isWait) client.requests.sendUnanswered("cancel", `"wait":${this.id}`);
  }

  onEnd(makeError: (request: this) => DsmqError): void {
    this.onError(makeError(this));
  }

  /** Nobody waits for it any more: what the server had for it, the next reader gets. */
  override onReconnect(): boolean {
    if (!this.isOpen) this.#endWithoutReply();
    return this.isOpen;
  }

  onReply(reply: Reply): void {
    const message = toMessage(this.topic, reply);
    const { client, queue, onIdle } = this.context;
    const through = this.through(reply);
    if (!queue.isNext(this) || this.newest) {
      const item = message && {
        message,
        epoch: client.positions.epoch,
        expires: client.storeClock.expiryOf(message.time),
      };
      return this.#deliver(through, item);
    }
    client.positions.advance(this.topic, through);
    this.#isDone = true;
    queue.unanswered--;
    this.close();
    this.resolveWith(message);
    onIdle(this.topic, queue);
  }

  /** How far the topic is read now. Throws if the server cannot have said so. */
  protected through({ seq, through = seq }: Reply): number | undefined {
    if (this.context.client.positions.isPlausible(this.topic, seq, through)) return through;
    const what = seq === undefined ? `that nothing comes up to ${through}` : `message ${seq}`;
    const reason = `the server sends ${what}, which is not behind what was read`;
    throw protocolError("get", this.topic, reason);
  }

  override onErrorReply(error: DsmqError, { through }: Reply): void {
    if (!isGap(error) || through === undefined) return this.onError(error);
    const { epoch } = this.context.client.positions;
    this.#deliver(through, { gap: error, through, epoch, expires: Infinity });
  }

  onError(error: unknown): void {
    if (this.isOpen) {
      this.close();
      this.rejectWith(error);
    }
    this.#endWithoutReply();
  }

  /** Gives the caller a message, or nothing. */
  protected resolveWith(message: Message | undefined): void {
    const { make, resolve } = this.context;
    resolve(make(message));
  }

  /** Tells the caller why there is none. */
  protected rejectWith(error: unknown): void {
    rejectWithCallerStack(this.context.resolve, error);
  }

  /** It is not open any more. */
  protected close(): void {
    const { queue } = this.context;
    this.isOpen = false;
    if (this.gaveReplyAway) this.stopWaitingForOther();
    else if (!this.#isDone) queue.extraReplies++;
    queue.onReaderClosed();
  }

  /** What another's answer brings is not for it any more. */
  protected stopWaitingForOther(): void {
    this.gaveReplyAway = false;
    this.context.queue.onServedByOther();
  }

  /** It is asked once more: it has an answer of its own to come. */
  protected resend(): void {
    this.stopWaitingForOther();
    this.#isDone = false;
    this.context.queue.unanswered++;
    this.context.client.requests.send(this);
  }

  #deliver(through: number | undefined, item: QueueItem | undefined): void {
    const { client, queue, onIdle } = this.context;
    client.positions.advance(this.topic, through);
    this.#complete();
    queue.onReply(this, item);
    onIdle(this.topic, queue);
  }

  /** There will be no answer, or it was an error. */
  #endWithoutReply(): void {
    if (this.#isDone) return;
    const { queue, onIdle } = this.context;
    this.#complete();
    queue.onEmptyReply();
    onIdle(this.topic, queue);
  }

  /** Its request has come to its end. */
  #complete(): void {
    const { queue } = this.context;
    this.#isDone = true;
    queue.unanswered--;
    if (!this.isOpen) queue.extraReplies--;
  }
}

/** One who asked for the newest message. */
export class NewestRead extends TopicRead {
  readonly newest = true;
}

/** One who asked for the oldest message. */
export class OldestRead extends TopicRead {
  readonly newest = false;
}
