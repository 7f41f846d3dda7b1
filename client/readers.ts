/**
 * Those who asked for a message of a topic.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import type { DsmqError } from "../protocol/errors.ts";
import { Asked, badAnswer, isGap } from "./asked.ts";
import type { Link } from "./link.ts";
import { type Message, toMessage } from "./message.ts";
import { reject } from "./rejection.ts";
import type { TopicName } from "./topic.ts";
import type { Asker, Item, TopicQueue } from "./topic_queue.ts";

/** What belongs to a read. */
export interface Reading {
  readonly link: Link;
  readonly queue: TopicQueue;
  /** Makes of the message what the caller gets. */
  make(message: Message | undefined): unknown;
  /** Resolves the caller's promise. */
  resolve(made: unknown): void;
  /** Its queue may be idle. */
  rest(topic: string, queue: TopicQueue): void;
}

/** One who asked for a message. */
abstract class Reader extends Asked implements Asker {
  readonly action: string;
  readonly topic: string;
  readonly calls = 1;
  abstract readonly newest: boolean;
  open = true;
  gaveAway = false;
  protected readonly reading: Reading;
  readonly #json: string;
  #done = false;

  constructor(action: string, { name, json }: TopicName, reading: Reading) {
    super();
    this.action = action;
    this.topic = name;
    this.#json = json;
    this.reading = reading;
  }

  get size(): number {
    return this.#json.length;
  }

  override get wanted(): boolean {
    return this.open;
  }

  ask(): void {
    const { link, queue } = this.reading;
    queue.join(this);
    queue.unanswered++;
    link.requests.ask(this);
  }

  protected members(): string {
    const since = this.reading.link.positions.since(this.topic);
    return since === undefined
      ? `"topic":${this.#json}`
      : `"topic":${this.#json},"since":${JSON.stringify(since)}`;
  }

  settle(item: Item | undefined): boolean {
    this.leave();
    if (item?.gap) this.fail(item.gap);
    else this.take(item?.message);
    return true;
  }

  leftOut(): void {
    this.settle(undefined);
  }

  callOff(): void {
    if (this.#done) return;
    const { link } = this.reading;
    if (link.requests.withdraw(this)) this.#finish();
    else if (this.waits) link.requests.tell("cancel", `"wait":${this.id}`);
  }

  finish(failure: (asked: this) => DsmqError): void {
    this.failed(failure(this));
  }

  /** Nobody waits for it any more: what the server had for it, the next reader gets. */
  override again(): boolean {
    if (!this.open) this.#finish();
    return this.open;
  }

  answered(answer: Answer): void {
    const message = toMessage(this.topic, answer);
    const { link, queue, rest } = this.reading;
    const through = this.through(answer);
    if (!queue.isNext(this) || this.newest) {
      const item = message && {
        message,
        epoch: link.positions.epoch,
        expires: link.storeClock.expiryOf(message.time),
      };
      return this.#arrived(through, item);
    }
    link.positions.read(this.topic, through);
    this.#done = true;
    queue.unanswered--;
    this.leave();
    this.take(message);
    rest(this.topic, queue);
  }

  /** How far the topic is read now. Throws if the server cannot have said so. */
  protected through({ seq, through = seq }: Answer): number | undefined {
    if (this.reading.link.positions.mayRead(this.topic, seq, through)) return through;
    const what = seq === undefined ? `that nothing comes up to ${through}` : `message ${seq}`;
    const why = `the server sends ${what}, which is not behind what was read`;
    throw badAnswer("get", this.topic, why);
  }

  override refused(error: DsmqError, { through }: Answer): void {
    if (!isGap(error) || through === undefined) return this.failed(error);
    const { epoch } = this.reading.link.positions;
    this.#arrived(through, { gap: error, through, epoch, expires: Infinity });
  }

  failed(error: unknown): void {
    if (this.open) {
      this.leave();
      this.fail(error);
    }
    this.#finish();
  }

  /** Gives the caller a message, or nothing. */
  protected take(message: Message | undefined): void {
    const { make, resolve } = this.reading;
    resolve(make(message));
  }

  /** Tells the caller why there is none. */
  protected fail(error: unknown): void {
    reject(this.reading.resolve, error);
  }

  /** It is not open any more. */
  protected leave(): void {
    const { queue } = this.reading;
    this.open = false;
    if (this.gaveAway) this.waitsForNoOther();
    else if (!this.#done) queue.spare++;
    queue.left();
  }

  /** What another's answer brings is not for it any more. */
  protected waitsForNoOther(): void {
    this.gaveAway = false;
    this.reading.queue.served();
  }

  /** It is asked once more: it has an answer of its own to come. */
  protected askAnew(): void {
    this.waitsForNoOther();
    this.#done = false;
    this.reading.queue.unanswered++;
    this.reading.link.requests.ask(this);
  }

  #arrived(through: number | undefined, item: Item | undefined): void {
    const { link, queue, rest } = this.reading;
    link.positions.read(this.topic, through);
    this.#ends();
    queue.arrived(this, item);
    rest(this.topic, queue);
  }

  /** There will be no answer, or it was an error. */
  #finish(): void {
    if (this.#done) return;
    const { queue, rest } = this.reading;
    this.#ends();
    queue.broughtNothing();
    rest(this.topic, queue);
  }

  /** Its request has come to its end. */
  #ends(): void {
    const { queue } = this.reading;
    this.#done = true;
    queue.unanswered--;
    if (!this.open) queue.spare--;
  }
}

/** One who asked for the newest message. */
export class NewestReader extends Reader {
  readonly newest = true;
}

/** One who asked for the oldest message. */
export class OldestReader extends Reader {
  readonly newest = false;
}
