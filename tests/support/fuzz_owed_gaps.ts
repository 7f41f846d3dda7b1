/**
 * What a stream of a prefix has not got, and has not been told yet.
 *
 * @module
 */

import type { ReadingEvent } from "./fuzz_reading.ts";
import type { Recorded } from "./fuzz_records.ts";

/** The fault of a reader that was not told. */
export const unreported = (body: string): string => `${body} expired, and that was not reported`;

/** Messages that are gone. A stream of a prefix is told of them once it has what is left of other topics. */
export class OwedGaps {
  /** By store. */
  readonly #owed = new Map<string, Set<Recorded>>();
  /** The store from which it got a message last. */
  store: string | undefined;

  /** The stream got a later message. */
  add(store: string, message: Recorded): void {
    const owed = this.#owed.get(store);
    if (owed) owed.add(message);
    else this.#owed.set(store, new Set([message]));
  }

  /** It was told that everything up to a number is gone; returns whether it had to be. */
  told(store: string, through: number): boolean {
    const owed = this.#owed.get(store);
    if (!owed || owed.size === 0) return false;
    for (const message of owed) if (message.seq <= through) owed.delete(message);
    return true;
  }

  /**
   * What it should have been told, if it got the last message of the run. A history that was lost before it had all that was
   * left of it cannot tell any more: it was told that there is another one.
   */
  untold(events: readonly ReadingEvent[]): Recorded[] {
    const last = events.findLast(({ outcome }) => outcome.kind === "message")?.outcome;
    const isComplete = last?.kind === "message" && last.body.startsWith("the end");
    return isComplete ? [...this.#owed.get(this.store!) ?? []] : [];
  }
}
