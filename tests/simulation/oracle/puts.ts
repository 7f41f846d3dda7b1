/**
 * Puts: what was acknowledged is stored, once, in the order of the calls; and no success is false.
 *
 * @module
 */

import type { HistoryEntry } from "../history.ts";
import { inWords, type StoredMessages } from "./stored.ts";

/** Who is away for less time than this is not forgotten, in milliseconds. */
const LONG_MEMORY = 120_000;

/** For so long a client may not notice that its server is another one, in milliseconds. */
const UNNOTICED = 60_000;

/** How a put fails while its server does not reach the log. */
const OUT_OF_REACH: readonly string[] = ["unavailable", "behind", "busy", "superseded"];

type Entry<K extends HistoryEntry["kind"]> = Extract<HistoryEntry, { readonly kind: K }>;

interface Put extends Entry<"put"> {
  readonly at: number;
  outcome?: "acknowledged" | "failed";
}

/** Follows the puts of a history. */
export class Puts {
  readonly #stored: StoredMessages;
  readonly #faults: string[];
  readonly #puts = new Map<number, Put>();
  readonly #byText = new Map<string, Put>();
  /** The last call of each client that was stored in each lineage. */
  readonly #lastStored = new Map<string, Put>();

  /** Nothing is put yet. */
  constructor(stored: StoredMessages) {
    this.#stored = stored;
    this.#faults = stored.faults;
  }

  put(entry: Entry<"put">, at: number): void {
    const put = { ...entry, at };
    this.#puts.set(entry.call, put);
    this.#byText.set(`${entry.topic} ${entry.body}`, put);
  }

  /** A message is stored: behind what its client has put before. */
  stored(entry: Entry<"stored">, lineage: string): void {
    const put = this.#byText.get(`${entry.topic} ${entry.body}`);
    if (!put) return void this.#faults.push(`${inWords(entry)} was never put`);
    const key = `${put.client} in ${lineage}`;
    const before = this.#lastStored.get(key);
    if (before && before.call > put.call) {
      this.#faults.push(`${inWords(entry)} is stored behind "${before.body}", which was put later`);
    }
    this.#lastStored.set(key, put);
    if (put.outcome === "failed") {
      this.#faults.push(`${inWords(entry)} is stored, and its put has failed`);
    } else if (put.outcome === "acknowledged" && this.#wasElsewhere(put)) {
      this.#faults.push(`${inWords(entry)} is stored again after it was acknowledged`);
    }
  }

  #wasElsewhere({ topic, body }: Put): boolean {
    return this.#stored.find(topic, body).length > 1;
  }

  acknowledged({ call, seq }: Entry<"acknowledged">, at: number): void {
    const put = this.#settle(call, "acknowledged");
    if (!put) return;
    const { topic, body } = put;
    if (!this.#stored.told(put, seq, at) && !this.#stored.isUnseen(seq)) {
      this.#faults.push(`"${body}" is acknowledged as number ${seq} of ${topic}, and is not there`);
    }
  }

  failed({ call, code }: Entry<"put_failed">, retention: number, isShared: boolean): void {
    const put = this.#settle(call, code === "unknown_outcome" ? undefined : "failed");
    if (!put) return;
    const { topic, body } = put;
    if (code !== "unknown_outcome") {
      if (this.#stored.find(topic, body).length > 0) {
        this.#faults.push(`the put of "${body}" failed with ${code}, and it is stored`);
      }
      if (isShared && OUT_OF_REACH.includes(code)) return;
      this.#faults.push(`the put of "${body}" failed with ${code}`);
      return;
    }
    if (isShared) return;
    // Only a server that has lost its memory of a client cannot know. The client may not have noticed that it was replaced.
    const openings = [...this.#stored.openings.values()];
    const isOther = openings.some(({ lineage, at }, i) =>
      i > 0 && at > put.at - UNNOTICED && lineage !== openings[i - 1]!.lineage
    );
    if (!isOther && retention > LONG_MEMORY) {
      this.#faults.push(`the outcome of the put of "${body}" is unknown, and nothing was lost`);
    }
  }

  /** The run is over: all are settled, but those of processes that were killed. */
  end(killed: ReadonlySet<string>): void {
    for (const { outcome, client, body } of this.#puts.values()) {
      if (!outcome && !killed.has(client)) {
        this.#faults.push(`the put of "${body}" by ${client} has never ended`);
      }
    }
  }

  #settle(call: number, outcome: Put["outcome"]): Put | undefined {
    const put = this.#puts.get(call);
    if (!put) return void this.#faults.push(`call ${call}, which was never made, has ended`);
    if (put.outcome) this.#faults.push(`the put of "${put.body}" has ended twice`);
    put.outcome = outcome ?? "acknowledged";
    return put;
  }
}
