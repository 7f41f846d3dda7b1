/**
 * Reading one message after another: who asked first gets first, and nothing that arrived is lost.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import type { Asker, Link } from "./link.ts";
import { type Message, toMessage } from "./message.ts";
import { Place, type Reader } from "./place.ts";

/** A topic: its name, and the same as JSON. */
export interface TopicName {
  readonly name: string;
  readonly json: string;
}

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
    const { name, json } = topic;
    const place = this.#place(name);
    const kept = place.kept.shift();
    if (kept) {
      this.#rest(name, place);
      return Promise.resolve(make(kept));
    }
    const members = patience ? `"topic":${json},"timeout":${patience.timeout}` : `"topic":${json}`;
    return new Promise((resolve, reject) => {
      const reader = new OldestReader(this.#link, name, place, patience?.signal, {
        take: (message) => resolve(make(message)),
        fail: reject,
        rest: () => this.#rest(name, place),
      });
      place.join(reader);
      reader.ask({ action: patience ? "get_wait" : "get", topic: name, members });
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
      const ask = { action: "get_latest", topic: name, members: `"topic":${json}` };
      const message = await this.#link.request(ask, (answer) => toMessage(name, answer));
      return message ?? older.at(-1);
    } catch (error) {
      // Nothing was passed over: all of it is still to be read.
      place.kept.unshift(...older);
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
    if (place.idle && this.#places.get(topic) === place) this.#places.delete(topic);
  }
}

/** What becomes of a read. */
interface Outcome {
  take(message: Message | undefined): void;
  fail(error: unknown): void;
  /** Its place may be idle. */
  rest(): void;
}

/** One who asked for the oldest message. */
class OldestReader implements Reader, Asker {
  open = true;
  readonly #link: Link;
  readonly #topic: string;
  readonly #place: Place;
  readonly #signal: AbortSignal | undefined;
  readonly #outcome: Outcome;
  #id = 0;
  #waiting = false;

  constructor(
    link: Link,
    topic: string,
    place: Place,
    signal: AbortSignal | undefined,
    outcome: Outcome,
  ) {
    this.#link = link;
    this.#topic = topic;
    this.#place = place;
    this.#signal = signal;
    this.#outcome = outcome;
  }

  ask(ask: { readonly action: string; readonly topic: string; readonly members: string }): void {
    this.#signal?.addEventListener("abort", this.#abort);
    this.#waiting = ask.action === "get_wait";
    this.#id = this.#link.ask(ask, this);
  }

  take(message: Message | undefined): void {
    this.#leave();
    this.#outcome.take(message);
  }

  callOff(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#link.tell({ action: "cancel", members: `"wait":${this.#id}` });
  }

  answered(answer: Answer): void {
    this.#waiting = false;
    let message: Message | undefined;
    try {
      message = toMessage(this.#topic, answer);
    } catch (error) {
      return this.failed(error);
    }
    this.#place.answered();
    this.#place.arrived(this, message);
    this.#outcome.rest();
  }

  failed(error: unknown): void {
    this.#waiting = false;
    this.#place.answered();
    this.#leave();
    this.#outcome.fail(error);
    this.#outcome.rest();
  }

  readonly #abort = () => {
    this.#leave();
    this.callOff();
    this.#outcome.fail(this.#signal!.reason);
  };

  #leave(): void {
    if (!this.open) return;
    this.open = false;
    this.#place.left();
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}
