/**
 * Readers: each gets everything that it is entitled to, once and in order, or is told of a gap; and it is woken.
 *
 * @module
 */

import type { HistoryEntry } from "../history.ts";
import {
  inWords,
  type KnownMessage,
  type Lineage,
  type Opening,
  type StoredMessages,
} from "./stored.ts";

/** How long a reader that is woken takes, without faults, in milliseconds. */
const WAKING = 1000;

/** After the last fault everybody is connected again within this time, in milliseconds. */
const RECONNECTING = 30_000;

type Entry<K extends HistoryEntry["kind"]> = Extract<HistoryEntry, { readonly kind: K }>;

interface Reader extends Entry<"reader"> {
  /** When it began to connect, and when it was connected. */
  readonly askedAt: number;
  connectedAt: number | undefined;
  /** Up to where it has read. */
  position: { readonly lineage: Lineage; readonly seq: number } | undefined;
  /** It was told of a gap since it read something. */
  isTold: boolean;
  /** How often it was told of another lineage. */
  changes: number;
  /** How many stores there were before. */
  readonly openings: number;
  /** What it has to read soon. */
  readonly due: KnownMessage[];
  /** When it has asked for what it reads next. */
  lastAskedAt: number;
}

/** Follows the readers of a history. */
export class Readers {
  readonly #stored: StoredMessages;
  readonly #faults: string[];
  readonly #readers = new Map<string, Reader>();
  #calmAt = Infinity;

  /** Nobody reads yet. */
  constructor(stored: StoredMessages) {
    this.#stored = stored;
    this.#faults = stored.faults;
  }

  began(entry: Entry<"reader">, askedAt: number): void {
    this.#readers.set(entry.reader, {
      ...entry,
      askedAt,
      connectedAt: undefined,
      position: undefined,
      isTold: false,
      changes: 0,
      openings: this.#stored.openings.size,
      due: [],
      lastAskedAt: askedAt,
    });
  }

  connected({ reader }: Entry<"reading">, at: number): void {
    const one = this.#readers.get(reader);
    if (one) one.connectedAt = at;
  }

  /** A reader asks: what anybody was told of before that it must get. */
  asked({ reader }: Entry<"asked">, at: number): void {
    const one = this.#readers.get(reader);
    if (one) one.lastAskedAt = at;
  }

  /** There is nothing that it has not read. */
  foundNothing({ reader: id }: Entry<"found_nothing">, at: number): void {
    const reader = this.#readers.get(id);
    if (!reader) return;
    for (const opening of this.#stored.openings.values()) {
      if (!opening.isShared) continue;
      const after = reader.position?.seq ?? this.#unreadAfter(reader, opening.lineage);
      const missed = this.#toldAfter(reader, opening, after, at);
      if (missed) this.#faults.push(`${id} found nothing, and not ${inWords(missed)}: it is stale`);
    }
  }

  /** The first message that it has not read, of which somebody was told before it asked. */
  #toldAfter(reader: Reader, opening: Opening, after: number, at: number) {
    const { lineage: { messages, toldAt } } = opening;
    return [...messages.values()].find((message) =>
      message.seq > after && covers(reader, message.topic) &&
      toldAt.get(message.seq)! < reader.lastAskedAt && !this.#stored.isGone(message, opening, at)
    );
  }

  calm(at: number): void {
    this.#calmAt = at;
  }

  killed(client: string): void {
    for (const [id, reader] of this.#readers) {
      if (reader.client === client) this.#readers.delete(id);
    }
  }

  /** A message is stored: without faults, those who wait for it have it soon. */
  stored(message: KnownMessage): void {
    if (message.at < this.#calmAt + RECONNECTING) return;
    for (const reader of this.#readers.values()) {
      const isWoken = reader.how !== "poll" && reader.how !== "latest" &&
        reader.connectedAt !== undefined;
      if (isWoken && covers(reader, message.topic)) reader.due.push(message);
    }
  }

  /** Time has passed. */
  checkDue(at: number): void {
    for (const { due, reader } of this.#readers.values()) {
      const [late] = due;
      if (!late || late.at + WAKING >= at) continue;
      this.#faults.push(`${reader} was not woken for ${inWords(late)}`);
      due.length = 0;
    }
  }

  gap({ reader: id, code }: Entry<"gap">, at: number): void {
    const reader = this.#readers.get(id);
    if (!reader) return;
    reader.isTold = true;
    if (code === "trimmed" ? this.#hasExpired(reader, at) : this.#hasChanged(reader)) return;
    this.#faults.push(`${id} was told ${code}, and nothing is gone`);
  }

  /** Whether anything that it reads has ever expired. */
  #hasExpired(reader: Reader, at: number): boolean {
    return [...this.#stored.openings.values()].some((opening) =>
      opening.lineage.unseen.size > 0 ||
      [...opening.lineage.messages.values()].some((message) =>
        covers(reader, message.topic) && this.#stored.isGone(message, opening, at)
      )
    );
  }

  /** Whether there was another lineage, of which it was not told yet: each is told once. */
  #hasChanged(reader: Reader): boolean {
    const openings = [...this.#stored.openings.values()].slice(Math.max(0, reader.openings - 1));
    return ++reader.changes < new Set(openings.map(({ lineage }) => lineage)).size;
  }

  read(entry: Entry<"read">, at: number): void {
    const { reader: id, epoch, seq, topic, body } = entry;
    const reader = this.#readers.get(id);
    const opening = this.#stored.openings.get(epoch);
    if (!reader) return;
    const message = opening?.lineage.messages.get(seq);
    if (!opening || message?.body !== body || message.topic !== topic) {
      return void this.#faults.push(`${id} read ${inWords(entry)}, which was never stored`);
    }
    if (!covers(reader, topic)) this.#faults.push(`${id} read ${inWords(entry)}, of another topic`);
    const { lineage } = opening;
    const { position, isTold } = reader;
    const isSame = position?.lineage === lineage;
    if (isSame && seq <= position.seq) {
      this.#faults.push(`${id} read ${inWords(entry)} after number ${position.seq}`);
    }
    if (position && !isSame && !isTold) {
      this.#faults.push(`${id} reads on in ${lineage.name}, and was not told`);
    }
    const after = isSame ? position.seq : position ? 0 : this.#startOf(reader, message, lineage);
    const isLatest = reader.how === "latest";
    const newer = isLatest && opening.isShared && this.#toldAfter(reader, opening, seq, at);
    if (newer) {
      this.#faults.push(`${id} read ${inWords(entry)}, not ${inWords(newer)}: it is stale`);
    }
    for (const other of isLatest ? [] : lineage.messages.values()) {
      if (other.seq <= after || other.seq >= seq || !covers(reader, other.topic)) continue;
      if (!this.#stored.isGone(other, opening, at)) {
        this.#faults.push(`${id} read ${inWords(entry)}, not ${inWords(other)} before it`);
      } else if (!isTold && position && reader.how === "subscribe") {
        this.#faults.push(`${id} read ${inWords(entry)}; ${inWords(other)} is gone untold`);
      }
    }
    reader.position = { lineage, seq };
    reader.isTold = false;
    const due = reader.due.findIndex((other) => other.seq === seq);
    if (due >= 0) reader.due.splice(due, 1);
  }

  /** After which number a reader must miss nothing, when it reads its first message. */
  #startOf(reader: Reader, first: KnownMessage, lineage: Lineage): number {
    const { since, askedAt, isTold } = reader;
    // A server that began anew after it was connected has nothing from before.
    if (since === "now" && first.at < askedAt && !isTold) {
      this.#faults.push(
        `${reader.reader} read ${inWords(first)}, which was stored before it connected`,
      );
    }
    return this.#unreadAfter(reader, lineage);
  }

  /** What a reader that has read nothing has to read comes after this number, if not before. */
  #unreadAfter({ since, connectedAt }: Reader, { messages }: Lineage): number {
    let start = 0;
    if (since === "start") return start;
    for (const { seq, at } of messages.values()) {
      if (at <= connectedAt!) start = Math.max(start, seq);
    }
    return start;
  }
}

function covers({ topic: wanted, isPrefix }: Reader, topic: string): boolean {
  return isPrefix ? topic.startsWith(wanted) : topic === wanted;
}
