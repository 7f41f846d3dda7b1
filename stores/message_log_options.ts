/**
 * How a message log is opened.
 *
 * @module
 */

import type { GoneTopics } from "./gone_map.ts";
import type { SeqRangeState } from "./seq_range.ts";
import type { TransactionHooks } from "./transactions.ts";

/** What a message log is made of. */
export interface MessageLogOptions {
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** Remembers what is gone of topics. */
  readonly gone: GoneTopics;
  /** The range of the messages in the database, and its time when it was changed last. */
  readonly start?: SeqRangeState & { readonly clock: number };
  /**
   * The seed of the hashes of ids and keys, a whole number of 32 bits, if the database has none yet. Stores with one seed have the same
   * hashes. Default: a random one.
   */
  readonly seed?: number;
  /** What else transactions do. */
  readonly hooks?: TransactionHooks;
  /**
   * The database is in a transaction that somebody else begins and ends: a part of it that fails cannot be undone by itself.
   * Default: each change has its own.
   */
  readonly isInTransaction?: boolean;
}
