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

/** What other servers have applied, compared with what is here. */
export class ServerViews {
  /** By their names, the one that has written nothing for the longest time first. */
  readonly #views = new Map<string, { readonly agrees: boolean; readonly time: number }>();
  /** Those because of which the replica is made anew. */
  readonly #doubting = new Set<string>();
  /** Those that were wrong, the position at which that was known, and when they wrote something last. */
  readonly #wrong = new Map<string, { readonly position: number; readonly time: number }>();

  /**
   * A record of another server shows what it had applied.
   *
   * @param server the server
   * @param seen the position up to which it had applied records
   * @param agrees they and their results are the same as here
   * @param time the time of the record
   * @returns whether this server may be wrong: as many differ from it as agree with it, itself included
   */
  compare(server: string, seen: number, agrees: boolean, time: number): boolean {
    const wrong = this.#wrong.get(server);
    // It may be made anew, too.
    if (wrong && agrees && seen >= wrong.position) this.#wrong.delete(server);
    else if (wrong) {
      this.#wrong.set(server, { ...wrong, time: Math.max(wrong.time, time) });
      return false;
    }
    this.#views.delete(server);
    this.#views.set(server, { agrees, time });
    for (const [name, view] of this.#views) {
      if (view.time + VIEW_LIFETIME >= time) break;
      this.#views.delete(name);
    }
    return !agrees && this.others.length >= this.#views.size - this.others.length + 1;
  }

  /** More servers differ from this one than agree with it, itself included. */
  get isOutnumbered(): boolean {
    return this.#outnumbers(this.others.length);
  }

  /** The same, with those that seemed wrong and still write something at this time. */
  isAlone(time: number): boolean {
    const wrong = this.#wrong.values().filter((one) => one.time + VIEW_LIFETIME >= time);
    return this.#outnumbers(this.others.length + wrong.toArray().length);
  }

  /** The servers that differ from this one. */
  get others(): readonly string[] {
    return [...this.#views].filter(([, { agrees }]) => !agrees).map(([server]) => server);
  }

  /** The replica is made anew: what is known of others was compared with another one. */
  doubt(): void {
    for (const server of this.others) this.#doubting.add(server);
    this.#views.clear();
  }

  /**
   * The replica was made anew.
   *
   * @param isSame it is as it was: those that differ from it are wrong
   * @param position where it is
   * @param time the time of the log there
   */
  settle(isSame: boolean, position: number, time: number): void {
    for (const server of isSame ? [...this.#doubting, ...this.others] : []) {
      this.#wrong.set(server, { position, time });
      this.#views.delete(server);
    }
    this.#doubting.clear();
  }

  #outnumbers(others: number): boolean {
    return others > this.#views.size - this.others.length + 1;
  }
}
