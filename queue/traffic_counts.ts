/**
 * What was put into a queue and delivered from it, in numbers.
 *
 * @module
 */

import { type Put, type PutAck, StoreError } from "../stores/store.ts";

/** Takes how long something took. */
export interface TimeRecorder {
  /**
   * Records it.
   *
   * @param milliseconds how long it took
   * @param count how often: that many took as long
   */
  record(milliseconds: number, count: number): void;
}

/** Counts since the start. Bytes are those of bodies, as JSON in UTF-8, and of attributes. */
export class TrafficCounts {
  /** Messages that were put and stored. */
  stored = 0;
  /** Messages that were put and had been stored before. */
  duplicates = 0;
  /** The bytes of those that were stored. */
  storedBytes = 0;
  /** Messages streamed or returned by reads, once for each reader. */
  delivered = 0;
  /** The bytes of these. */
  deliveredBytes = 0;
  /** Takes how long puts took, each from its arrival to its result. Default: nobody does, and no time is read. */
  putTimes: TimeRecorder | undefined;

  /** The time for {@linkcode TrafficCounts.putsApplied}, where nobody else has read the clock. */
  begin(): number {
    return this.putTimes ? performance.now() : 0;
  }

  /**
   * Counts puts.
   *
   * @param puts what was put
   * @param results what the store did with each
   * @param begun when they arrived
   */
  putsApplied(
    puts: readonly Put[],
    results: readonly (PutAck | StoreError)[],
    begun: number,
  ): void {
    for (let i = 0; i < results.length; i++) {
      const result = results[i]!;
      if (result instanceof StoreError) continue;
      if (result.dup) this.duplicates++;
      else {
        this.stored++;
        this.storedBytes += puts[i]!.bytes;
      }
    }
    // Once for all of them: they had their results at the same time.
    if (results.length > 0) this.putTimes?.record(performance.now() - begun, results.length);
  }

  /** Counts messages that go to one reader, and their bytes. */
  deliver(messages: number, bytes: number): void {
    this.delivered += messages;
    this.deliveredBytes += bytes;
  }
}
