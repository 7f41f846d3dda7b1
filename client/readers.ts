/**
 * Those who asked for a message of a topic.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import type { DsmqError } from "../protocol/errors.ts";
import { Asked, badAnswer, isGap } from "./asked.ts";
import type { Deadline } from "./deadlines.ts";
import type { Link } from "./link.ts";
import { type Message, toMessage } from "./message.ts";
import type { TopicName } from "./topic.ts";
import type { Asker, Item, TopicQueue } from "./topic_queue.ts";

/** For how long to wait for a message (ms), and what ends that. */
export interface WaitLimits {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** A wait gives a server that is there so long to say what there is, in milliseconds, however short it is itself. */
const ONE_LOOK = 500;

/**
 * A server whose time ends a wait by so much too early (ms) has counted time for which this end was asleep: it is asked
 * again, for what is left; unless it answered sooner than this.
 */
const EARLY = { by: 1000, sooner: 500 };

/** What belongs to a read. */
export interface Reading {
  readonly link: Link;
  readonly queue: TopicQueue;
  take(message: Message | undefined): void;
  fail(error: unknown): void;
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
    if (item?.gap) this.reading.fail(item.gap);
    else this.reading.take(item?.message);
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
    const { link, queue, take, rest } = this.reading;
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
    take(message);
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
      this.reading.fail(error);
    }
    this.#finish();
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

/** One who waits for it. */
export class WaitingReader extends OldestReader implements Deadline {
  override readonly waits = true;
  /** When its time is over, by the clock of the deadlines, whatever becomes of the server. */
  end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  /** Until then a server that is there has time to say what there is. */
  readonly #look: number;
  /** When it left last, by the same clock. */
  #askedAt = 0;

  constructor(action: string, topic: TopicName, wait: WaitLimits, reading: Reading) {
    super(action, topic, reading);
    this.#signal = wait.signal;
    this.#timeout = wait.timeout;
    const begin = reading.link.deadlines.now;
    this.end = begin + wait.timeout;
    this.#look = begin + ONE_LOOK;
  }

  override ask(): void {
    super.ask();
    if (!this.open) return;
    this.#signal?.addEventListener("abort", this);
    this.reading.link.deadlines.add(this);
  }

  protected override members(): string {
    const { now } = this.reading.link.deadlines;
    this.#askedAt = now;
    // Asked again, it has waited for a while already.
    const left = this.sent ? Math.ceil(this.end - now) : this.#timeout;
    return `${super.members()},"timeout":${Math.max(0, left)}`;
  }

  override answered(answer: Answer): void {
    const { link } = this.reading;
    if (this.open && answer.seq === undefined && !link.requests.ended) {
      const { now } = link.deadlines;
      if (this.end - now > EARLY.by && now - this.#askedAt > EARLY.sooner) {
        link.positions.read(this.topic, this.through(answer));
        return link.requests.ask(this);
      }
    }
    super.answered(answer);
  }

  /** Its time is not over. */
  override leftOut(): void {
    this.askAnew();
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.giveUp(this.#signal!.reason);
  }

  /** What the server still has for it is the next reader's. */
  override giveUp(reason: unknown): void {
    if (!this.open) return;
    this.leave();
    this.reading.fail(reason);
    this.callOff();
  }

  /** Its time is over; a message that is under way by now is the next reader's. */
  over(now: number): void {
    if (this.reading.link.connected && now < this.#look) this.end = this.#look;
    else {
      this.leave();
      this.reading.take(undefined);
      this.callOff();
    }
  }

  protected override leave(): void {
    this.reading.link.deadlines.delete(this);
    this.#signal?.removeEventListener("abort", this);
    super.leave();
  }
}
