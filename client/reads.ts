/**
 * Reading one message after another: who asked first gets first, and nothing that arrived is lost.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { Asked } from "./asked.ts";
import type { Link } from "./link.ts";
import { type Message, toMessage } from "./message.ts";
import { Place, type Reader } from "./place.ts";
import type { TopicName } from "./topic.ts";

/** For how long to wait for a message (ms), and what ends that. */
export interface Patience {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** The reads of a connection. */
export class Reads {
  readonly #link: Link;
  readonly #places = new Map<string, Place>();

  /** Reads over a link. */
  constructor(link: Link) {
    this.#link = link;
  }

  /** Where a subscription begins, if messages that were kept come before what the server has. */
  position(topic: string): number | undefined {
    const oldest = this.#places.get(topic)?.kept[0];
    return oldest && oldest.seq - 1;
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
    const { name } = topic;
    const place = this.#place(name);
    const kept = place.kept.shift();
    if (kept) {
      this.#rest(name, place);
      return Promise.resolve(make(kept));
    }
    return new Promise((resolve, reject) => {
      const reader = new OldestReader(topic, patience, {
        link: this.#link,
        place,
        take: (message) => resolve(make(message)),
        fail: reject,
        rest: () => this.#rest(name, place),
      });
      place.join(reader);
      reader.ask();
    });
  }

  /** The newest unread message, if there is one; what is older is passed over. */
  async newest({ name, json }: TopicName): Promise<Message | undefined> {
    const place = this.#place(name);
    // What was kept, or still arrives for one who gave up, is older than what the server answers.
    const older = place.kept.splice(0);
    const reader = {
      open: true,
      take: (message: Message | undefined) => void (message && older.push(message)),
      callOff: () => {},
    };
    place.join(reader);
    try {
      const make = (answer: Answer) => {
        place.through = answer.through ?? place.through;
        return toMessage(name, answer);
      };
      const members = `"topic":${json}`;
      return await this.#link.request("get_latest", name, members, make) ?? older.at(-1);
    } catch (error) {
      this.#link.cursors.failed(name, error);
      // Nothing was passed over: all of it is still to be read, first of all by those who asked meanwhile.
      reader.open = false;
      place.left();
      for (const message of older) place.arrived(reader, message);
      throw error;
    } finally {
      reader.open = false;
      place.left();
      place.answered();
      this.#rest(name, place);
    }
  }

  #place(topic: string): Place {
    let place = this.#places.get(topic);
    if (!place) this.#places.set(topic, place = new Place());
    return place;
  }

  /** Forgets a place of which nothing is to be remembered. */
  #rest(topic: string, place: Place): void {
    this.#link.cursors.read(topic, place.through);
    if (place.idle && this.#places.get(topic) === place) this.#places.delete(topic);
  }
}

/** What belongs to a read. */
interface Reading {
  readonly link: Link;
  readonly place: Place;
  take(message: Message | undefined): void;
  fail(error: unknown): void;
  /** Its place may be idle. */
  rest(): void;
}

/** One who asked for the oldest message. */
class OldestReader extends Asked implements Reader {
  readonly action: "get" | "get_wait";
  readonly topic: string;
  /** One who waits keeps the server from nothing. */
  readonly calls: number;
  open = true;
  readonly #json: string;
  readonly #signal: AbortSignal | undefined;
  readonly #reading: Reading;
  /** Until when it waits, by the clock of `performance`. */
  readonly #until: number | undefined;
  #answered = false;

  constructor({ name, json }: TopicName, patience: Patience | undefined, reading: Reading) {
    super();
    this.action = patience ? "get_wait" : "get";
    this.topic = name;
    this.calls = patience ? 0 : 1;
    this.#json = json;
    this.#signal = patience?.signal;
    this.#until = patience && performance.now() + patience.timeout;
    this.#reading = reading;
  }

  get size(): number {
    return this.#json.length;
  }

  protected members(): string {
    if (this.#until === undefined) return `"topic":${this.#json}`;
    const timeout = Math.max(0, Math.ceil(this.#until - performance.now()));
    return `"topic":${this.#json},"timeout":${timeout}`;
  }

  ask(): void {
    this.#signal?.addEventListener("abort", this);
    this.#reading.link.ask(this);
  }

  take(message: Message | undefined): void {
    this.#leave();
    this.#reading.take(message);
  }

  callOff(): void {
    if (this.#answered || this.action === "get") return;
    this.#reading.link.tell("cancel", `"wait":${this.id}`);
  }

  /** Nobody waits for it any more: what the server had for it, the next reader gets. */
  override again(): boolean {
    if (!this.open) this.#settle();
    return this.open;
  }

  answered(answer: Answer): void {
    let message: Message | undefined;
    try {
      message = toMessage(this.topic, answer);
    } catch (error) {
      return this.failed(error);
    }
    const { place } = this.#reading;
    place.through = answer.through ?? place.through;
    place.arrived(this, message);
    this.#settle();
  }

  failed(error: unknown): void {
    const { link, fail } = this.#reading;
    link.cursors.failed(this.topic, error);
    this.#leave();
    fail(error);
    this.#settle();
  }

  #settle(): void {
    const { place, rest } = this.#reading;
    this.#answered = true;
    place.answered();
    rest();
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.#leave();
    this.callOff();
    this.#reading.fail(this.#signal!.reason);
  }

  #leave(): void {
    if (!this.open) return;
    this.open = false;
    this.#reading.place.left();
    this.#signal?.removeEventListener("abort", this);
  }
}
