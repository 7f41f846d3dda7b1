/**
 * The digest of all records that were applied, and of their results.
 *
 * @module
 */

import { hash } from "node:crypto";
import { type Command, type Result, StoreError } from "../store.ts";
import type { LogEntry } from "./record_log.ts";
import type { ChainPoint } from "./control_commands.ts";

/** A record counts only if its writer has seen one of so many before it, and all that was there for so long (ms). */
export const RECENT = { records: 65_536, ms: 60_000 } as const;

/** How many hexadecimal digits of SHA-256 a digest has: 64 bits, against faults and not against enemies. */
const DIGITS = 16;

/** The digest before the first record. */
const NOTHING = "0".repeat(DIGITS);

/** A position of the chain, as it is saved. */
export interface ChainLink extends ChainPoint {
  /** When the record there was stored, by the log's clock, in whole milliseconds. */
  readonly time: number;
  /** The sequence number of the last message then. */
  readonly last: number;
  /** The hash of the record, in hexadecimal; `""` for one without bytes. */
  readonly record: string;
}

/**
 * What a record says that its writer has seen is here, and recent; or it is too long ago; or it is something else; or it is in no record
 * that the log has.
 */
export type ChainVerdict = "same" | "stale" | "other" | "ahead";

/**
 * Each digest is the hash of the one before it, of a record, and of its results. So two servers have the same digest at a position
 * only if they have applied the same records with the same results.
 */
export class DigestChain {
  #last: ChainLink = { position: 0, digest: NOTHING, time: 0, last: 0, record: "" };
  /** The last ones, each at its position modulo their number. */
  readonly #links: ChainLink[] = [];
  /** Where the chain begins here: nothing is known of what is before. */
  #first = 0;

  /** Begins with the first record. */
  constructor() {
    this.#put(this.#last);
  }

  /** Where it is. */
  get last(): ChainLink {
    return this.#last;
  }

  /** Goes on from saved links, which follow each other; there must be one. */
  restore(links: Iterable<ChainLink>): void {
    let isFirst = true;
    for (const link of links) {
      // What is before the first record is known to all.
      if (isFirst && link.position > 1) this.#first = link.position;
      isFirst = false;
      this.#put(link);
    }
  }

  /** The link at a position, if it is known. */
  at(position: number): ChainLink | undefined {
    const link = this.#links[position % RECENT.records];
    return link?.position === position ? link : undefined;
  }

  /** The links after a position, or those that are known, the oldest first. */
  *after(position: number): Generator<ChainLink> {
    const { position: last } = this.#last;
    const from = Math.max(position + 1, this.#first, last - RECENT.records + 1);
    for (let position = from; position <= last; position++) {
      // Where records are lost that nobody has any more there is none.
      const link = this.at(position);
      if (link) yield link;
    }
  }

  /** The same chain, and one more record that nobody has any more. */
  withLoss(): DigestChain {
    const chain = new DigestChain();
    const { last } = this;
    chain.restore([...this.after(-1), { ...last, position: last.position + 1, digest: "lost" }]);
    return chain;
  }

  /** A record that is no command, such as a fence: the digest stays. */
  skip(position: number, time: number): void {
    const { digest, last } = this.#last;
    this.#put({ position, digest, time, last, record: "" });
  }

  /**
   * A record was applied, or does not count.
   *
   * @param entry the record
   * @param last the sequence number of the last message after it
   * @param commands its commands
   * @param results their results; `undefined` if it does not count
   */
  add(
    { position, time, record }: LogEntry,
    last: number,
    commands: readonly Command[],
    results: readonly (Result | StoreError)[] | undefined,
  ): void {
    const outcome = results ? toText(commands, results) : "-";
    const recordHash = hash("sha256", record, "hex");
    const text = `${this.#last.digest} ${recordHash} ${time} ${outcome}`;
    const digest = hash("sha256", text, "hex").slice(0, DIGITS);
    this.#put({ position, digest, time, last, record: recordHash.slice(0, DIGITS) });
  }

  /** Whether the record at the last position may be the one that was applied there. */
  isLast({ position, record }: LogEntry): boolean {
    const { position: last, record: known } = this.#last;
    if (position !== last) return false;
    const found = record.length === 0 ? "" : hash("sha256", record, "hex").slice(0, DIGITS);
    return found === known;
  }

  /** Judges what the writer of a record that comes next, at this time, had applied. */
  judge({ position, digest }: ChainPoint, time: number): ChainVerdict {
    const { position: last } = this.#last;
    if (position > last) return "ahead";
    if (position < this.#first || last + 1 - position > RECENT.records) return "stale";
    if (this.at(position)?.digest !== digest) return "other";
    // It has not seen the record behind that, which was there for long.
    const next = this.at(position + 1);
    return next && next.time < time - RECENT.ms ? "stale" : "same";
  }

  #put(link: ChainLink): void {
    this.#links[link.position % RECENT.records] = link;
    this.#last = link;
  }
}

/** Results as text: the same for the same results. Of messages in results their numbers are enough. */
function toText(commands: readonly Command[], results: readonly (Result | StoreError)[]): string {
  let text = "";
  for (let i = 0; i < results.length; i++) {
    const result = results[i]!;
    if (result instanceof StoreError) text += `!${result.code},`;
    else if (commands[i]!.type === "put") {
      const { seq, dup } = result as { seq: number; dup?: boolean };
      text += dup ? `=${seq},` : `${seq},`;
    } else {
      text += JSON.stringify(result, (key, value) => key === "message" ? value.seq : value) + ",";
    }
  }
  return text;
}
