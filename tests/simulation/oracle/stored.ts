/**
 * What the stores of a history hold: nothing is stored twice, out of order, or lost.
 *
 * @module
 */

import type { HistoryEntry, StoredMessage } from "../history.ts";

/** Times that are told in whole milliseconds, and what is under way when they are. */
const SLACK = 5;

/** A message, and when it was known to be stored, in milliseconds since the run began. */
export interface KnownMessage extends StoredMessage {
  readonly at: number;
}

/** One history of messages: a file, or a memory for as long as its process lives. */
export interface Lineage {
  readonly name: string;
  readonly messages: Map<number, KnownMessage>;
  /** The last number. */
  last: number;
  /** Numbers of messages that were stored as a process died, and had expired when the next one began. */
  readonly unseen: Set<number>;
  /** When somebody was told for the first time that a message is stored, by its number. */
  readonly toldAt: Map<number, number>;
}

/** A store from its opening to its end. */
export interface Opening {
  readonly number: number;
  readonly lineage: Lineage;
  /** When it was opened. */
  readonly at: number;
  /** The store's time then. */
  readonly time: number;
  readonly retention: number;
  /** Several servers share it. */
  readonly isShared: boolean;
}

type Entry<K extends HistoryEntry["kind"]> = Extract<HistoryEntry, { readonly kind: K }>;

/** Follows the stores of a history. */
export class StoredMessages {
  readonly faults: string[];
  /** By their epochs. */
  readonly openings: Map<string, Opening> = new Map();
  readonly #byNumber = new Map<number, Opening>();
  readonly #lineages = new Map<string, Lineage>();
  /** By topic and text. */
  readonly #byText = new Map<string, { readonly message: KnownMessage; readonly of: Lineage }[]>();

  /** Nothing is stored yet; faults are added to a list. */
  constructor(faults: string[]) {
    this.faults = faults;
  }

  /** A store was opened. */
  opened(entry: Entry<"opened">, at: number): void {
    const { opening: number, epoch, time, retention, messages, last, isShared = false } = entry;
    let lineage = this.#lineages.get(entry.lineage);
    if (!lineage) {
      const { lineage: name } = entry;
      lineage = { name, messages: new Map(), last: 0, unseen: new Set(), toldAt: new Map() };
      this.#lineages.set(entry.lineage, lineage);
    }
    const opening = { number, lineage, at, time, retention, isShared };
    this.#byNumber.set(number, opening);
    this.openings.set(epoch, opening);
    const held = new Map(messages.map((message) => [message.seq, message]));
    for (const known of lineage.messages.values()) {
      if (!held.has(known.seq) && !this.isGone(known, opening, at)) {
        this.faults.push(`${inWords(known)} is lost in opening ${number}`);
      }
    }
    for (const message of messages) {
      const known = lineage.messages.get(message.seq);
      if (!known) {
        this.#skip(opening, message.seq);
        this.#add(message, opening, at);
      } else if (known.body !== message.body || known.topic !== message.topic) {
        this.faults.push(`${inWords(known)} is ${inWords(message)} in opening ${number}`);
      }
    }
    this.#skip(opening, last + 1);
  }

  /** What was stored before a number, and nobody has seen, has expired. */
  #skip({ number, lineage, time, retention }: Opening, end: number): void {
    const { last, messages, unseen } = lineage;
    if (last + 1 >= end) return;
    for (let seq = last + 1; seq < end; seq++) unseen.add(seq);
    lineage.last = end - 1;
    const before = messages.get(last)?.time ?? 0;
    if (time < before + retention) {
      this.faults.push(`numbers from ${last + 1} to ${end - 1} are missing in opening ${number}`);
    }
  }

  /** A store has stored a message. */
  stored(entry: Entry<"stored">, at: number): void {
    const opening = this.#byNumber.get(entry.opening);
    if (!opening) return void this.faults.push(`${inWords(entry)} is stored nowhere`);
    this.#add(entry, opening, at);
  }

  /** All histories of messages. */
  get lineages(): Iterable<Lineage> {
    return this.#lineages.values();
  }

  /** The lineage of an opening. */
  lineageOf(opening: number): Lineage | undefined {
    return this.#byNumber.get(opening)?.lineage;
  }

  /** Tells what has expired by a time of the run. */
  goneIn(number: number, at: number): (message: StoredMessage) => boolean {
    const opening = this.#byNumber.get(number)!;
    return (message) => this.isGone(message, opening, at);
  }

  /** Where a text of a topic is stored, in any lineage. */
  find(topic: string, body: string): readonly KnownMessage[] {
    return this.#byText.get(`${topic} ${body}`)?.map(({ message }) => message) ?? [];
  }

  /** Somebody was told that a text is stored, as a number of its topic; returns whether it is. */
  told(
    { topic, body }: { readonly topic: string; readonly body: string },
    seq: number,
    at: number,
  ) {
    const known = this.#byText.get(`${topic} ${body}`)?.find(({ message }) => message.seq === seq);
    if (!known) return false;
    const { toldAt } = known.of;
    if (!toldAt.has(seq)) toldAt.set(seq, at);
    return true;
  }

  /** Whether a number may be that of a message that expired before anybody saw it. */
  isUnseen(seq: number): boolean {
    return [...this.#lineages.values()].some(({ unseen }) => unseen.has(seq));
  }

  /** Whether a message has expired by a time of the run. */
  isGone({ time }: StoredMessage, opening: Opening, at: number): boolean {
    return time + opening.retention <= opening.time + (at - opening.at) + SLACK;
  }

  #add(message: StoredMessage, { lineage }: Opening, at: number): void {
    const known: KnownMessage = { ...message, at };
    if (message.seq <= lineage.last) {
      this.faults.push(`${inWords(message)} is stored after number ${lineage.last}`);
    }
    lineage.last = Math.max(lineage.last, message.seq);
    lineage.messages.set(message.seq, known);
    const text = `${message.topic} ${message.body}`;
    const same = this.#byText.get(text) ?? [];
    const before = same.find(({ of }) => of === lineage);
    if (before) {
      this.faults.push(`${inWords(message)} is stored twice, as ${before.message.seq} before`);
    }
    this.#byText.set(text, [...same, { message: known, of: lineage }]);
  }
}

/** A message, in a sentence. */
export function inWords({ seq, topic, body }: Omit<StoredMessage, "time">): string {
  return `number ${seq} of ${topic} ("${body}")`;
}
