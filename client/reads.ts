/**
 * Reading one message after another: who asked first gets first, and nothing that arrived is lost.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { DsmqError } from "../protocol/errors.ts";
import { Asked, isGap } from "./asked.ts";
import type { Deadline } from "./deadlines.ts";
import type { Link } from "./link.ts";
import { type Message, toMessage } from "./message.ts";
import type { TopicName } from "./topic.ts";
import { type Item, TopicQueue, type TopicReader } from "./topic_queue.ts";

/** For how long to wait for a message (ms), and what ends that. */
interface Patience {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** A wait gives a server that is there so long to say what there is, in milliseconds, however short it is itself. */
const ONE_LOOK = 500;

/** So many queues at least are kept, whatever is in them. */
const SWEEP = 1024;

/** The reads of a connection. */
export class Reads {
  readonly #link: Link;
  readonly #queues = new Map<string, TopicQueue>();
  /** With so many queues it is time to look which hold only what has expired. */
  #sweepAt = SWEEP;

  /** Reads over a link. */
  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * The oldest unread message, if there is one; with patience, once there is one.
   *
   * @param topic what to read
   * @param make what to make of the message
   * @param patience whether to wait
   * @returns what was made; rejects with a `DsmqError`, or with the reason of the signal
   */
  oldest<T>(
    topic: TopicName,
    make: (message: Message | undefined) => T,
    patience?: Patience,
  ): Promise<T> {
    const action = patience ? "get_wait" : "get";
    const queue = this.#begin(topic, action);
    if (!queue.busy) {
      const item = arrived(queue);
      if (item) {
        queue.shift();
        this.#rest(topic.name, queue);
        return item.gap ? Promise.reject(item.gap) : Promise.resolve(make(item.message));
      }
    }
    return new Promise((resolve, reject) => {
      const take = (message: Message | undefined) => resolve(make(message));
      const reading = {
        link: this.#link,
        queue,
        take,
        fail: reject,
        rest: this.#restOf(topic, queue),
      };
      new OldestReader(action, topic, patience, reading).ask();
    });
  }

  /** The newest unread message, if there is one; what is older is passed over. */
  newest(topic: TopicName): Promise<Message | undefined> {
    const queue = this.#begin(topic, "get_latest");
    return new Promise((resolve, reject) => {
      // What arrived and has expired since is not there any more.
      arrived(queue);
      const rest = this.#restOf(topic, queue);
      const reading = { link: this.#link, queue, take: resolve, fail: reject, rest };
      new NewestReader("get_latest", topic, reading).ask();
    });
  }

  /** What has arrived of a topic or is on its way, for a subscription that begins at the connection's cursor. */
  queueOf(topic: string): TopicQueue | undefined {
    const queue = this.#queues.get(topic);
    if (queue) arrived(queue);
    return queue;
  }

  /** Throws if there can be no read. */
  #begin({ name }: TopicName, action: string): TopicQueue {
    this.#link.requireOpen({ action, topic: name });
    let queue = this.#queues.get(name);
    if (queue) return queue;
    if (!this.#link.positions.use(name)) {
      throw new DsmqError("too_many", "Cannot get: the positions of too many topics are kept", {
        topic: name,
      });
    }
    if (this.#queues.size >= this.#sweepAt) this.#sweep();
    this.#queues.set(name, queue = new TopicQueue());
    return queue;
  }

  /** Forgets what arrived for topics that nobody reads any more, and has expired. */
  #sweep(): void {
    for (const [topic, queue] of this.#queues) {
      arrived(queue);
      this.#rest(topic, queue);
    }
    this.#sweepAt = Math.max(SWEEP, 2 * this.#queues.size);
  }

  #restOf({ name }: TopicName, queue: TopicQueue): () => void {
    return () => this.#rest(name, queue);
  }

  /** Forgets a queue of which nothing is to be remembered. */
  #rest(topic: string, queue: TopicQueue): void {
    if (queue.idle && this.#queues.get(topic) === queue) this.#queues.delete(topic);
  }
}

/** The oldest of what has arrived and has not expired. */
function arrived(queue: TopicQueue): Item | undefined {
  let item;
  while ((item = queue.head)?.message && item.expires <= performance.now()) queue.shift();
  return item;
}

/** What belongs to a read. */
interface Reading {
  readonly link: Link;
  readonly queue: TopicQueue;
  take(message: Message | undefined): void;
  fail(error: unknown): void;
  /** Its queue may be idle. */
  rest(): void;
}

/** One who asked for a message. */
abstract class Reader extends Asked implements TopicReader {
  readonly action: string;
  readonly topic: string;
  readonly calls = 1;
  abstract readonly newest: boolean;
  open = true;
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
    link.ask(this);
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

  callOff(): void {
    if (this.#done) return;
    const { link } = this.reading;
    if (link.withdraw(this)) this.#finish();
    else if (this.waits) link.tell("cancel", `"wait":${this.id}`);
  }

  /** Nobody waits for it any more: what the server had for it, the next reader gets. */
  override again(): boolean {
    if (!this.open) this.#finish();
    return this.open;
  }

  answered(answer: Answer): void {
    let message: Message | undefined;
    try {
      message = toMessage(this.topic, answer);
    } catch (error) {
      return this.failed(error);
    }
    const { link } = this.reading;
    const item = message && {
      message,
      epoch: link.positions.epoch,
      expires: link.expiryOf(message.time),
    };
    this.#arrived(answer.through ?? answer.seq, item);
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
    this.open = false;
    this.reading.queue.left();
  }

  #arrived(through: number | undefined, item: Item | undefined): void {
    const { link, queue, rest } = this.reading;
    link.positions.read(this.topic, through);
    this.#done = true;
    queue.unanswered--;
    queue.arrived(this, item);
    rest();
  }

  /** There will be no answer, or it was an error. */
  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    const { queue, rest } = this.reading;
    queue.unanswered--;
    rest();
  }
}

/** One who asked for the newest message. */
class NewestReader extends Reader {
  readonly newest = true;
}

/** One who asked for the oldest message, and may wait for it. */
class OldestReader extends Reader implements Deadline {
  readonly newest = false;
  override readonly waits: boolean;
  /** When its time is over, by the clock of `performance`, whatever becomes of the server. */
  end = Infinity;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  /** Until then a server that is there has time to say what there is. */
  readonly #look: number;

  constructor(action: string, topic: TopicName, patience: Patience | undefined, reading: Reading) {
    super(action, topic, reading);
    this.waits = patience !== undefined;
    this.#signal = patience?.signal;
    this.#timeout = patience?.timeout ?? 0;
    this.#look = 0;
    if (!patience) return;
    const begin = performance.now();
    this.end = begin + patience.timeout;
    this.#look = begin + ONE_LOOK;
  }

  override ask(): void {
    super.ask();
    if (!this.open || !this.waits) return;
    this.#signal?.addEventListener("abort", this);
    this.reading.link.deadlines.add(this);
  }

  protected override members(): string {
    if (!this.waits) return super.members();
    // Asked again, it has waited for a while already.
    const left = this.sent ? Math.ceil(this.end - performance.now()) : this.#timeout;
    return `${super.members()},"timeout":${Math.max(0, left)}`;
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
    if (this.waits) {
      this.reading.link.deadlines.delete(this);
      this.#signal?.removeEventListener("abort", this);
    }
    super.leave();
  }
}
