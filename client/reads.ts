/**
 * Reading one message after another: who asked first gets first, and nothing that arrived is lost.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { badAnswer, type Link } from "./link.ts";

/** A message as its reader gets it. */
export interface Message {
  /** The topic it was put into. */
  readonly topic: string;
  /** What was put. */
  readonly body: string;
  /** Its sequence number: its place in the order of the whole store. */
  readonly seq: number;
  /** When it was stored, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
}

interface Reader {
  /** Takes the message, or nothing: that it has come to an end, or, to one who asked for the newest, an older one. */
  take(message: Message | undefined): void;
  /** Calls off what the server still does for it. */
  callOff(): void;
}

interface Topic {
  /** Those who asked and have not been answered, oldest first. */
  readonly readers: Set<Reader>;
  /** Messages whose reader gave up before they came, oldest first. */
  readonly kept: Message[];
}

/**
 * The reads of a connection. An answer belongs to the oldest reader of its topic, whoever asked for it: a
 * reader who gave up while its message was under way leaves it to the next.
 */
export class Reads {
  readonly #link: Link;
  readonly #topics = new Map<string, Topic>();

  /** Reads over a link. */
  constructor(link: Link) {
    this.#link = link;
  }

  /** Where a subscription begins, if messages that were kept come before what the server has. */
  position(topic: string): number | undefined {
    const oldest = this.#topics.get(topic)?.kept[0];
    return oldest && oldest.seq - 1;
  }

  /** The oldest unread message, if there is one; with a timeout (ms), once there is one. */
  oldest(topic: string, timeout?: number, signal?: AbortSignal): Promise<Message | undefined> {
    signal?.throwIfAborted();
    const place = this.#topic(topic);
    const kept = place.kept.shift();
    if (kept) {
      this.#rest(topic);
      return Promise.resolve(kept);
    }
    const ask = timeout === undefined
      ? { action: "get", topic }
      : { action: "get_wait", topic, timeout };
    const { promise, resolve, reject } = Promise.withResolvers<Message | undefined>();
    const { id, answer } = this.#link.ask(ask);
    let answered = false;
    const leave = () => {
      place.readers.delete(reader);
      signal?.removeEventListener("abort", abort);
    };
    const reader: Reader = {
      take(message) {
        leave();
        resolve(message);
      },
      callOff: () => {
        if (!answered && timeout !== undefined) this.#link.tell({ action: "cancel", wait: id });
      },
    };
    const abort = () => {
      leave();
      reader.callOff();
      reject(signal!.reason);
    };
    place.readers.add(reader);
    signal?.addEventListener("abort", abort);
    answer.then((answer) => {
      answered = true;
      this.#arrived(topic, reader, toMessage(topic, answer));
    }).catch((error) => {
      answered = true;
      leave();
      reject(error);
      this.#rest(topic);
    });
    return promise;
  }

  /** The newest unread message, if there is one; what is older is passed over. */
  async newest(topic: string): Promise<Message | undefined> {
    const place = this.#topic(topic);
    // What was kept, or still arrives for one who gave up, is older than what the server answers.
    const older = place.kept.splice(0);
    const reader: Reader = {
      take: (message) => message && older.push(message),
      callOff: () => {},
    };
    place.readers.add(reader);
    try {
      const { answer } = this.#link.ask({ action: "get_latest", topic });
      return toMessage(topic, await answer) ?? older.at(-1);
    } catch (error) {
      // Nothing was passed over: all of it is still to be read.
      place.kept.unshift(...older);
      throw error;
    } finally {
      place.readers.delete(reader);
      this.#rest(topic);
    }
  }

  #arrived(topic: string, asker: Reader, message: Message | undefined): void {
    const place = this.#topic(topic);
    if (message === undefined) {
      if (place.readers.has(asker)) asker.take(undefined);
    } else {
      const [first] = place.readers;
      if (first) {
        first.take(message);
        if (first !== asker) first.callOff();
      } else {
        place.kept.push(message);
      }
    }
    this.#rest(topic);
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name);
    if (!topic) this.#topics.set(name, topic = { readers: new Set(), kept: [] });
    return topic;
  }

  /** Forgets a topic of which nothing is to be remembered. */
  #rest(name: string): void {
    const topic = this.#topics.get(name);
    if (topic?.readers.size === 0 && topic.kept.length === 0) this.#topics.delete(name);
  }
}

function toMessage(topic: string, { message, seq, time = 0 }: Answer): Message | undefined {
  if (typeof message !== "string") throw badAnswer("get", topic);
  return seq === undefined ? undefined : { topic, body: message, seq, time };
}
