/**
 * What the queue asks of whatever keeps its messages.
 *
 * @module
 */

import type { Durability, EncodedMessage, TopicInfo } from "../protocol/encode_replies.ts";
import type { ErrorCode } from "../protocol/errors.ts";

/** Stores a message. */
export interface Put {
  readonly type: "put";
  readonly topic: string;
  /** The JSON encoding of the message. */
  readonly body: string;
  /** The length of `body` in bytes of UTF-8. */
  readonly bytes: number;
  /** The session that puts it, if it may be repeated. */
  readonly session?: string | undefined;
  /** Who owns the session, if it is not known yet; all sessions of one owner share what is remembered fairly with those of others. */
  readonly owner?: string | undefined;
  /** Its number within the session, by which a repetition is recognised. Numbers only grow, and may skip some. */
  readonly n?: number | undefined;
}

/** Opens a session of an owner, or goes on with it: it is remembered as if it had put something now. */
export interface OpenSession {
  readonly type: "open_session";
  readonly session: string;
  readonly owner?: string | undefined;
}

/** Forgets a session whose client will not come back. */
export interface ForgetSession {
  readonly type: "forget_session";
  readonly session: string;
}

/** What changes a store; nothing else does. */
export type Command = Put | OpenSession | ForgetSession;

/** Commands that a store applies at one time. */
export interface CommandBatch<C extends Command = Command> {
  /** The time, in milliseconds since 1970. A time before the last one that was applied counts as that. */
  readonly time: number;
  readonly commands: readonly C[];
}

/** Where a message is stored. */
export interface PutAck {
  readonly seq: number;
  /** When it was stored, in milliseconds since 1970; absent if it had been stored before. */
  readonly time?: number;
  /** It had been stored before: this is where. */
  readonly dup?: boolean;
}

/** What a store answers to a command that it has applied. */
export type Result<C extends Command = Command> = C extends Put ? PutAck : object;

/** A stored message. */
export interface TopicMessage extends EncodedMessage {
  readonly topic: string;
  /** The length of `body` in bytes of UTF-8. */
  readonly bytes: number;
}

/** Why the store did not do what it was asked. */
export class StoreError extends Error {
  /** What the caller of the server gets to see. */
  readonly code: ErrorCode;
  /** The limit that was reached, with `full` and `limit_exceeded`. */
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
 * @param action what it was to do
 * @param cause why it could not
 * @param code what the caller gets to see, `unavailable` by default
 * @returns the error; a `StoreError` is left as it is
 */
export function toStoreError(action: string, cause: unknown, code?: ErrorCode): StoreError {
  if (cause instanceof StoreError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot ${action}: ${reason}`, { cause, ...(code && { code }) });
}

/** What there is in a store. */
export interface StoreBounds {
  /** Everything up to here is gone. */
  readonly floor: number;
  /** The last sequence number given. */
  readonly last: number;
  /** The store's time, in milliseconds since 1970. */
  readonly time: number;
}

/** The newest message of a topic that is gone. */
export interface Gone {
  readonly seq: number;
  /** When it ceased to be readable, in the store's time. */
  readonly at: number;
}

/** Asks how things stand for somebody who knows a position, or a topic. */
export interface TopicBoundsQuery {
  readonly topic?: string | undefined;
  readonly epoch?: string | undefined;
}

/** How things stand. */
export interface TopicBounds extends StoreBounds {
  /**
   * The last number of the epoch that was named, in this store; of the present one, or where none was named, `last`.
   * `undefined`: the epoch is unknown here, and no number of it means anything.
   */
  readonly end: number | undefined;
  /** What is gone of the topic, if one was named and anything is. */
  readonly gone: Gone | undefined;
}

/** The last position that a client knows. */
export interface EpochPosition {
  readonly epoch: string;
  readonly seq: number;
}

/** Asks for messages of one topic. */
export interface MessageQuery {
  readonly topic: string;
  /** Only messages with a larger sequence number. */
  readonly after: number;
  /** At most so many messages, at least 1. */
  readonly count: number;
  /** At most so many bytes of bodies; but one message always comes, however large. */
  readonly bytes: number;
  /** The newest message alone, instead of the oldest ones. */
  readonly newest?: boolean;
  /** Also tell what is gone of the topic. */
  readonly gone?: boolean;
}

/** Messages of one topic, oldest first. */
export interface MessagePage {
  readonly messages: readonly TopicMessage[];
  /** The topic is read up to here: there is nothing else in it after `after` and up to this number. */
  readonly through: number;
  /** Everything up to this number was gone when the page was read. */
  readonly floor: number;
  /** What is gone of the topic, if that was asked for and anything is. */
  readonly gone?: Gone;
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
  stored(messages: readonly TopicMessage[]): void;
  /** The feed has ended by an error; messages may have been missed. */
  lost(error: Error): void;
}

/**
 * Keeps messages in one order.
 *
 * A sequence number is a safe integer above 0, strictly increasing over the whole store and never used
 * twice, also when everything was purged. A number means something within its epoch alone: an epoch begins each time
 * that the store is opened, and the store knows where the newest of those before ended. So who comes with a position
 * learns whether it is one of this history.
 *
 * The store's time never runs backwards and is not that of a wall clock: it goes on from where it was as time passes,
 * whatever the wall clock is set to. A message has the time at which it was stored, and is not given out once it is as
 * old as the retention, to the millisecond, whether or not it was purged. What is gone of a topic is told exactly, for the
 * newest topics of which anything is gone (a setting of the store); of the others it may be told more than is true,
 * never less.
 *
 * A put that its session repeats is not stored again; its answer is that of the first time. This holds for the
 * last numbers of a session that were stored (a setting of the store, at least as many as its user leaves
 * unanswered), as long as the session is remembered; {@linkcode Store.isDedupComplete} tells. One that is older than what its
 * session is remembered by is refused with `unknown_outcome`: it is never stored a second time in silence. Any other
 * number at or below the last that its session stored is refused with `superseded`: it was not stored, and will not
 * be behind a later one. A put that was refused was not stored, and may be repeated as long as no later one of its
 * session was stored. Where one is refused with `full`, all later ones of its session in
 * the batch are, too: so a producer that repeats them keeps its order.
 *
 * Any method but {@linkcode Store.apply} rejects with a {@linkcode StoreError} where the store cannot do its work.
 *
 * All changes go through {@linkcode Store.apply}. First everything happens that is due by its time: messages expire, and
 * sessions are forgotten that were not used for long. Then the commands happen in order. So results depend on nothing but
 * the commands and their times: two stores that are given the same ones answer alike, whenever each is trimmed or read,
 * however its commits are grouped, and whatever its clock says. Who applies commands takes their time from
 * {@linkcode Store.now}, or from a log that orders the commands for several stores.
 */
export interface Store extends AsyncDisposable {
  /** Names the file, or this memory: at random, and the same as long as it lives. A copied file keeps it. */
  readonly id: string;
  /** Names what is stored from this opening of the store on: at random, new at every opening. */
  readonly epoch: string;
  readonly durability: Durability;
  /** How it is kept, for a person to read, such as `memory on node:sqlite`. */
  readonly description: string;

  /** Why nothing can be stored now, in words, as far as that can be seen without storing anything. */
  readonly fault?: string | undefined;

  /** The store's time, in whole milliseconds since 1970: not before anything that it has applied or told. */
  now(): number;

  /**
   * Applies commands, in the order of the calls. The results have the same length and order as the commands; each stands
   * by itself. Without commands, only what is due happens. The feed brings what became readable before this resolves.
   */
  apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]>;

  /** Reads one page a query. It covers at least all that the feed had given out when it was called. */
  read(queries: readonly MessageQuery[]): Promise<readonly MessagePage[]>;

  /** What there is. */
  bounds(): Promise<StoreBounds>;

  /** How things stand: one answer a query, all of the same moment. */
  topicBounds(queries: readonly TopicBoundsQuery[]): Promise<readonly TopicBounds[]>;

  /**
   * Whether all that a session stored after what its client knows would be recognised if it were repeated. It is false
   * where the epoch is unknown or the number lies beyond its end. Numbers older than the last of a session that are
   * remembered do not count: no client leaves so many unanswered.
   */
  isDedupComplete(session: string, known: EpochPosition): Promise<boolean>;

  /** The position from which on messages were stored at this time (ms since 1970) or later. */
  positionAt(time: number): Promise<number>;

  /** Lists topics. */
  topics(query: TopicQuery): Promise<readonly TopicInfo[]>;

  /**
   * Frees what holds messages that had expired when commands were applied last, for about so many milliseconds; changes
   * nothing that can be seen. Resolves whether there is more to free, for this or for another `apply`.
   */
  trim(budgetMs: number): Promise<boolean>;

  /** Feeds all messages after `from`, in order, each once, until disposed of or lost. */
  follow(to: Follower): Promise<{ readonly from: number } & Disposable>;
}
