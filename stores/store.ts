/**
 * What the queue asks of whatever keeps its messages.
 *
 * @module
 */

import type { Kept, StoredMessage, TopicEntry } from "../protocol/answers.ts";
import type { ErrorCode } from "../protocol/errors.ts";

/** A message to store. */
export interface Put {
  readonly topic: string;
  /** The JSON encoding of the message. */
  readonly body: string;
  /** The length of `body` in bytes of UTF-8. */
  readonly bytes: number;
  /** Who puts it, if they may repeat it. */
  readonly session?: string | undefined;
  /** Its number within the session, with which a repetition is recognised. It grows by one, and may skip some. */
  readonly n?: number | undefined;
}

/** Where a message was stored. */
export interface Stored {
  readonly seq: number;
  /** When, in milliseconds since 1970; of one that had been stored before that is not known. */
  readonly time?: number;
  /** It had been stored before: this is where. */
  readonly dup?: boolean;
}

/** A stored message. */
export interface Message extends StoredMessage {
  readonly topic: string;
  /** The length of `body` in bytes of UTF-8. */
  readonly bytes: number;
}

/** Why the store did not do what it was asked. */
export class StoreError extends Error {
  /** What the caller of the server gets to see. */
  readonly code: ErrorCode;
  /** The limit that was reached, with `full` and `too_many`. */
  declare readonly limit?: number;

  /**
   * Makes an error.
   *
   * @param message what could not be done, and why
   * @param options the code, `unavailable` by default, the limit that was reached, and the `cause`
   */
  constructor(message: string, options: ErrorOptions & { code?: ErrorCode; limit?: number } = {}) {
    super(message, options);
    this.code = options.code ?? "unavailable";
    if (options.limit !== undefined) this.limit = options.limit;
  }
}

/**
 * Says what a store could not do.
 *
 * @param what what it was to do
 * @param cause why it could not
 * @param code what the caller gets to see, `unavailable` by default
 * @returns the error; a `StoreError` is left as it is
 */
export function because(what: string, cause: unknown, code?: ErrorCode): StoreError {
  if (cause instanceof StoreError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot ${what}: ${why}`, { cause, ...(code && { code }) });
}

/** What there is in a store. */
export interface Bounds {
  /** Everything up to here is gone. */
  readonly floor: number;
  /** The last sequence number given. */
  readonly last: number;
  /** A put that was stored after this number is recognised when its session repeats it. */
  readonly recalls: number;
}

/** Asks for messages of one topic. */
export interface Query {
  readonly topic: string;
  /** Only messages with a larger sequence number. */
  readonly after: number;
  /** At most so many messages, at least 1. */
  readonly count: number;
  /** At most so many bytes of bodies; but one message always comes, however large. */
  readonly bytes: number;
  /** The newest message alone, instead of the oldest ones. */
  readonly newest?: boolean;
}

/** Messages of one topic, oldest first. */
export interface Page {
  readonly messages: readonly Message[];
  /** The topic is read up to here: there is nothing else in it after `after` and up to this number. */
  readonly through: number;
  /** Everything up to this number was gone when the page was read. */
  readonly floor: number;
}

/** Asks for a page of the list of topics that hold messages, in order of their code points. */
export interface TopicQuery {
  /** Only topics that begin with this. */
  readonly prefix: string;
  /** Only topics that come after this one. */
  readonly after: string;
  readonly count: number;
}

/** Takes the ordered feed of a store. One that throws has lost it. */
export interface Follower {
  /** Takes what was stored: one or more messages, in the order of the store, each exactly once. */
  stored(messages: readonly Message[]): void;
  /** The feed has ended by an error; messages may have been missed. */
  lost(error: Error): void;
}

/**
 * Keeps messages in one order.
 *
 * A sequence number is a safe integer above 0, strictly increasing over the whole store and never used
 * twice, also when everything was purged. A message's time is never smaller than the one before. A message
 * is not given out once it is as old as the retention, to the millisecond, whether or not it was purged.
 *
 * A put that its session repeats is not stored again; its answer is that of the first time. This holds for the
 * last so many numbers of a session that were stored (a setting of the store, at least as many as its user leaves
 * unanswered), after the number that {@linkcode Store.bounds} gives as `recalls`. One that is older than what its
 * session is remembered by is refused with `unknown_outcome`: it is never stored a second time in silence. A put that
 * was refused was not stored, and may be repeated. Where one is refused with `full`, all later ones of its session in
 * the batch are, too: so a producer that repeats them keeps its order.
 *
 * Any method rejects with a {@linkcode StoreError} where the store cannot do its work.
 */
export interface Store extends AsyncDisposable {
  /** Names this history; a new one means that the old is lost. */
  readonly epoch: string;
  readonly kept: Kept;
  /** How it is kept, for a person to read, such as `memory on node:sqlite`. */
  readonly description: string;

  /** Stores messages. The results have the same length and order as the batch; each stands by itself. */
  append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]>;

  /** Reads one page a query. It covers at least all that the feed had given out when it was called. */
  read(queries: readonly Query[]): Promise<readonly Page[]>;

  /** What there is. */
  bounds(): Promise<Bounds>;

  /** The position from which on messages were stored at this time (ms since 1970) or later. */
  positionAt(time: number): Promise<number>;

  /** Lists topics. */
  topics(query: TopicQuery): Promise<readonly TopicEntry[]>;

  /** Purges expired messages for about so many milliseconds; says whether there is more to purge. */
  trim(budgetMs: number): Promise<boolean>;

  /** Feeds all messages after `from`, in order, each once, until disposed of or lost. */
  follow(to: Follower): Promise<{ readonly from: number } & Disposable>;
}
