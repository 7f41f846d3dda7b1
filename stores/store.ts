/**
 * The contract of a store: what the queue needs of it.
 *
 * @module
 */

import type { Durability } from "../protocol/encode_replies.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { StoredTopic } from "../protocol/topic_info.ts";
import type { Command, CommandBatch, Result } from "./commands.ts";
import type {
  DeadJob,
  DeadQuery,
  GroupEvent,
  GroupQuery,
  StoredGroup,
} from "./groups/group_commands.ts";
import type { Gone, MessagePage, MessageQuery, TopicMessage, TopicQuery } from "./queries.ts";

export type {
  Command,
  CommandBatch,
  ForgetSession,
  OpenSession,
  Purge,
  PurgeResult,
  Put,
  PutAck,
  Result,
} from "./commands.ts";
export type {
  Gone,
  MessagePage,
  MessageQuery,
  PageQuery,
  PrefixPageQuery,
  TopicMessage,
  TopicPageQuery,
  TopicQuery,
} from "./queries.ts";

/** Why a store did not do what it was asked. */
export class StoreError extends Error {
  /** The code that the client gets. */
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
 * Makes an error of a store.
 *
 * @param action what the store could not do
 * @param cause why it could not
 * @param code the code that the client gets, `unavailable` by default
 * @returns the error; a `StoreError` is returned as it is
 */
export function toStoreError(action: string, cause: unknown, code?: ErrorCode): StoreError {
  if (cause instanceof StoreError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot ${action}: ${reason}`, { cause, ...(code && { code }) });
}

/** Where the messages of a store begin and end. */
export interface StoreBounds {
  /** Everything up to here is gone. */
  readonly floor: number;
  /** The last sequence number given. */
  readonly last: number;
  /** The store's time, in milliseconds since 1970. */
  readonly time: number;
  /** All that was gone by this time is known here, where that is earlier than `time`. Default: `time`. */
  readonly asOf?: number | undefined;
}

/** Limits that all servers of a store have in common. */
export interface CommonLimits {
  /** The bytes of all messages together. */
  readonly storedBytes: number;
  /** How many topics may hold messages. */
  readonly topics: number;
  /** How many groups there may be. */
  readonly groups: number;
  /** How many of the last numbers of a session are recognised when they are put again. */
  readonly dedupWindow: number;
}

/** Asks for the bounds as they concern an epoch, and a topic or all topics that begin with a prefix. */
export interface TopicBoundsQuery {
  /** The topic. */
  readonly topic?: string | undefined;
  /** What the topics begin with, in place of `topic`. */
  readonly prefix?: string | undefined;
  /** The epoch. Default: the present one. */
  readonly epoch?: string | undefined;
  /** With a prefix: only what is gone after this number of the epoch counts, or after its end if that comes first. Default: 0. */
  readonly after?: number | undefined;
  /** What was gone by this time does not count. Default: all that is gone does. */
  readonly asOf?: number | undefined;
}

/** The bounds as they concern an epoch, and a topic or a prefix. */
export interface TopicBounds extends StoreBounds {
  /**
   * The last number of the epoch in this store; `last` for the present one, or if none was given. `undefined`: the epoch
   * is unknown here, and its numbers mean nothing.
   */
  readonly end: number | undefined;
  /** What is gone of the topic, or of all topics with the prefix, if one was given and anything is. */
  readonly gone: Gone | undefined;
  /** A time between what is gone now and what goes later. (Of hundreds of purges in one ms, later ones may have this time, too.) */
  readonly asOf: number;
}

/** The last position that a client knows. */
export interface EpochPosition {
  /** The epoch. */
  readonly epoch: string;
  /** The sequence number, as of that epoch. */
  readonly seq: number;
}

/** Takes the ordered feed of a store: each message exactly once. A follower that throws has lost it. */
export interface Follower {
  /** Takes what was stored: one or more messages, in the order of the store, each exactly once. */
  stored(messages: readonly TopicMessage[]): void;
  /** The feed has ended by an error; messages may have been missed. */
  lost(error: Error): void;
  /**
   * Takes what has happened to groups, after the messages that were stored with it. That messages wait for a group it learns from
   * the messages alone.
   */
  groups?(events: readonly GroupEvent[]): void;
}

/**
 * Keeps messages in one order.
 *
 * **Commands.** All changes go through {@linkcode Store.apply}. First everything happens that is due by its time: messages
 * expire, and sessions that were not used for long are forgotten. Then the commands happen in order. Results depend on
 * nothing but the commands and their times: two stores that are given the same ones give the same results, whenever each is
 * trimmed or read, however its commits are grouped, and with any clock. The time comes from {@linkcode Store.now}, or from a
 * log that orders the commands of several stores. A batch that fails has changed nothing and may be repeated, unless its
 * outcome is unknown. A file that is opened by another process goes on where it was, but for five things: its sessions count
 * as used then, those that have put nothing are forgotten, the last time is that of the last message, a session that was
 * forgotten just before the last process was killed may be remembered again, and of puts that repeated a `messageId` while no
 * message was stored, those of the session that was opened first count as the oldest: to keep their order would cost each put.
 *
 * **Numbers.** A sequence number is a safe integer above 0. Numbers increase over the whole store, and none is used twice,
 * even after everything was purged. A number is valid within its epoch. An epoch begins each time the store is opened, and
 * the store knows where recent epochs ended: so it can tell whether a position belongs to this history.
 *
 * **Time.** The store's time never goes back and does not follow the wall clock: it continues from where it was as time
 * passes. A message has the time at which it was stored. It is not returned once it is as old as the retention, to the
 * millisecond, whether or not it was purged. For a limited number of topics, mostly those that lost the newest messages,
 * it is known exactly what is gone; for others the store may say more than is true, never less. What is gone of a prefix is the newest
 * message that is gone of any topic that begins with it (and went after `asOf`), at the time when the last one of them went,
 * which may have been another; of very many topics the store may say more than is true here, too, and `Infinity` as the time.
 *
 * **Deduplication.** A put that its session repeats is not stored again, and has the result of the first time. This holds for
 * the last numbers of a session that were stored (a limit of the store, at least as many as its client leaves unanswered)
 * while the session is remembered; see {@linkcode Store.isDedupComplete}. An older number is refused with `unknown_outcome`:
 * it is never stored again silently. Any other number at or below the last one that its session stored is refused with
 * `superseded`: it was not stored, and will not be stored behind a later one. A put that was refused was not stored, and may
 * be repeated until a later one of its session is stored. After a put is refused with `full`, all later ones of its session
 * in the batch are: so a client that repeats them keeps its order. A put with a `messageId` that a message of its
 * topic has from the same identity is not stored: it has the number of that message, even if it would otherwise be refused. That
 * is the result of its number in its session too, as if it were stored: for as long as its session is remembered, though the
 * message goes. (Not if it would be refused, or if one of its session before it in the batch was, with `full`.)
 *
 * **Groups.** A group has each message of a topic, or of a prefix, worked once by one of its holders. All after its frontier waits; what
 * is before it is finished, but for a list of jobs that are held, delayed, behind their key, given back, or dead. A claim names one delivery of
 * one job to one holder, and is valid until the job is finished or given back, or its lease or its time ends. No two claims of a job
 * are valid at one time, and claims grow over the whole store, also from one opening to the next. Of jobs with one key of one topic one at a time
 * is held, in the order of their messages; a job that is to be tried again keeps its key meanwhile, one that was put with a delay has none before
 * it is due. The oldest job is given first, and in turn to all who ask. Leases end by a clock that advances at most half a second with each
 * `apply`, so that a server that was stopped takes no job away; a file that is opened again gives each holder a new lease. What is due at once for very many
 * jobs, as leases, delays, or the deletion of a group, happens in parts, one with each `apply`. Messages that a group has
 * not finished outlive the retention, up to a limit of bytes (`groupBytes`); past that the oldest are given up. A group on which nobody works is deleted
 * after a time (`groupRetention`), and begins where it was if it is made again within as long.
 *
 * Methods reject with a {@linkcode StoreError} if the store cannot do its work; `apply` has one for each command instead.
 */
export interface Store extends AsyncDisposable {
  /** The random id of the file or this memory, for as long as it exists. A copied file has the same. */
  readonly id: string;
  /** The random name of the present epoch, new at every opening. */
  readonly epoch: string;
  /** What an acknowledged message survives. */
  readonly durability: Durability;
  /** For how many milliseconds a message is kept; where servers share a log, another one may change it. Default: as long as at the start. */
  readonly retention?: number;
  /** The same for limits that servers have in common. */
  readonly limits?: CommonLimits;
  /** Where the messages are, for a person, such as `memory on node:sqlite`. */
  readonly description: string;

  /** The store's time when the present epoch began: none of its messages went earlier. Default: it is the first epoch. */
  readonly openedAt?: number;
  /** No message that it held then has more bytes. Default: it held none. */
  readonly largestBytes?: number;

  /** The last number of each epoch before this one, the oldest first. Default: none is known. */
  readonly epochEnds?: Iterable<readonly [epoch: string, last: number]>;

  /** Why nothing can be stored now, in words. After a failure it may try a commit that changes nothing. Default: nothing prevents it. */
  findFault?(): string | undefined;

  /** The store's time, in whole milliseconds since 1970: never before a time that was applied or returned. */
  now(): number;

  /**
   * Applies commands, in the order of the calls. The results have the same length and order as the commands; each is
   * independent of the others. Without commands, only what is due happens. The feed delivers what became readable before
   * this resolves. After that the list of commands is the caller's again, who may empty it.
   */
  apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]>;

  /**
   * Reads one page for each query. It covers at least everything that the feed had brought before the call. The messages of
   * a prefix come in the order of the store, whichever topics they are of; names begin with it as they do in UTF-8.
   */
  read(queries: readonly MessageQuery[]): Promise<readonly MessagePage[]>;

  /** Where the messages begin and end. */
  bounds(): Promise<StoreBounds>;

  /** The bounds for each query, all as of the same moment. */
  topicBounds(queries: readonly TopicBoundsQuery[]): Promise<readonly TopicBounds[]>;

  /**
   * Whether everything that a session stored after a position would be recognised if it were repeated, except for numbers
   * before the last ones that are remembered of any session: no client leaves that many unanswered. False if the epoch is
   * unknown or the number lies beyond its end.
   */
  isDedupComplete(session: string, known: EpochPosition): Promise<boolean>;

  /** The sequence number after which all messages were stored at this time (milliseconds since 1970) or later. */
  seqBefore(time: number): Promise<number>;

  /** Lists topics. */
  topics(query: TopicQuery): Promise<readonly StoredTopic[]>;

  /**
   * Frees the memory of what had expired when commands were applied last, for about this many milliseconds. This changes
   * nothing that can be seen. Resolves whether there is more to free, here or by another `apply`.
   */
  trim(budgetMs: number): Promise<boolean>;

  /** Lists groups. */
  groups(query: GroupQuery): Promise<readonly StoredGroup[]>;

  /** Lists the dead jobs of a group; rejects with `not_found` if it is not there. */
  deadJobs(query: DeadQuery): Promise<readonly DeadJob[]>;

  /** Somebody holds a lease: it ends by {@linkcode Store.apply}, which has to be called at least every second for that. */
  readonly holdsJobs: boolean;

  /** When the next delayed job comes due, in the store's time; `undefined` if there is none. */
  readonly nextDue: number | undefined;

  /**
   * Resolves once everything can be read here that anybody was told of before the call, at any server. Rejects with `behind` if that takes
   * too long. Default: it can be read at once.
   */
  fence?(): Promise<void>;

  /**
   * Has a function called when what can be read here may be old, because the store has lost touch with others, with the reason, for an
   * operator; and with `undefined` once it is up to date again. Its epoch may be another one then, with the same id. Until then puts
   * and fences fail, and clients had better go to another server. Default: that never happens.
   */
  watch?(onBehind: (reason: string | undefined) => void): void;

  /**
   * Has a function called when a session was opened at another server, with the number of that attempt: older connections of it are not
   * the client's any more. Default: there is no other server.
   */
  watchSessions?(onOpened: (session: string, attempt: number) => void): void;

  /** Has the text of what was purged removed from everywhere it was written to, such as a log and free pages. Default: there is no such place. */
  erase?(): Promise<void>;

  /** Feeds all messages after `from`, in order, each once, until disposed of or lost. */
  follow(to: Follower): Promise<{ readonly from: number } & Disposable>;
}
