/**
 * Whether a log is still what a server has applied, and who is right if two servers differ.
 *
 * @module
 */

import type { ChainLink, DigestChain } from "./digest_chain.ts";

/** What a writer has said counts for so long, in milliseconds of the log's time. */
const VIEW_LIFETIME = 60_000;

/**
 * The last position at which two chains are the same.
 *
 * @param before what was applied before
 * @param now what is applied now
 * @returns the link; `undefined` if they have none in common
 */
export function lastCommonLink(before: DigestChain, now: DigestChain): ChainLink | undefined {
  let common: ChainLink | undefined;
  for (const link of before.after(-1)) {
    if (now.at(link.position)?.digest !== link.digest) {
      // What is not known any more of one of them says nothing.
      if (common || now.at(link.position)) break;
    } else common = link;
  }
  return common;
}

/** What other writers have applied, compared with what is here. */
export class WriterViews {
  readonly #views = new Map<string, { readonly agrees: boolean; readonly time: number }>();
  /** Writers that were wrong before. */
  readonly #wrong = new Set<string>();

  /**
   * A record of another server shows what it had applied.
   *
   * @param writer the server
   * @param agrees it is the same as here
   * @param time the time of the record
   * @returns whether this server may be wrong: as many differ from it as agree with it, itself included
   */
  compare(writer: string, agrees: boolean, time: number): boolean {
    if (this.#wrong.has(writer)) return false;
    this.#views.delete(writer);
    this.#views.set(writer, { agrees, time });
    if (agrees) return false;
    let [same, other] = [1, 0];
    for (const [name, view] of this.#views) {
      if (view.time + VIEW_LIFETIME < time) this.#views.delete(name);
      else if (view.agrees) same++;
      else other++;
    }
    return other >= same;
  }

  /** The replica was made anew, and is as it was: those that differ are wrong. */
  confirmed(): void {
    for (const [writer, { agrees }] of this.#views) if (!agrees) this.#wrong.add(writer);
  }

  /** The replica is another one: nothing is known of others. */
  forget(): void {
    this.#views.clear();
  }
}
