/**
 * What a connection offers to groups of workers.
 *
 * @module
 */

import type { MessageAttributes } from "../../protocol/attributes.ts";
import type { DeadJobInfo, GroupInfo } from "../../protocol/group_info.ts";
import type { Prefix } from "../messages.ts";
import type { Since } from "../since.ts";

/**
 * A message that a worker has to work on. The attributes are there only if the message was put with them.
 *
 * Nobody else in the group has it while the lease of the worker lasts, which is renewed for as long as the handler runs. A
 * handler that goes on after its `signal` has aborted may run beside another one with the same message: what it writes to can
 * compare `claim`, and refuse a smaller one than it has seen for the message.
 */
export interface Job extends MessageAttributes {
  /** The topic of the message. */
  readonly topic: string;
  /** Its text. */
  readonly body: string;
  /** Its sequence number: its place in the order of the whole store. */
  readonly seq: number;
  /** When it was stored, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
  /** How often the group has tried it, this time included: from 1. */
  readonly attempt: number;
  /** Names this delivery: a number that is larger than that of each delivery before it, in all groups. A fencing token. */
  readonly claim: number;
  /**
   * Aborts when the outcome of the handler counts for nothing any more, or soon will not: the lease has ended or could not be
   * renewed (a {@linkcode DsmqError} `lease_lost`), the handler has run for longer than `timeout` (a `DOMException` of the name
   * `TimeoutError`), or the connection has ended.
   */
  readonly signal: AbortSignal;
  /**
   * Renews the lease now, which happens by itself, and makes sure of it: for a step that must not be done twice. It does not
   * prolong the `timeout`.
   *
   * @throws {DsmqError} `lease_lost`, if somebody else may have the job
   */
  extend(): Promise<void>;
}

/** A job and the value that its text stands for. */
export type ValueJob<Value> = Job & {
  /** The value. */
  readonly value: Value;
};

/** How long a job waits that is to be tried again: twice as long each time, by chance up to half of it less. */
export interface RetryBackoff {
  /** Before the second attempt, in milliseconds. Default: 1000. */
  readonly minDelay?: number;
  /** The longest, in milliseconds, at most 2,592,000,000 (30 days). Default: 300000. */
  readonly maxDelay?: number;
}

/** Which group. */
export interface GroupOptions {
  /** Its name, 1 to 256 bytes of UTF-8. Default: `"default"`. */
  readonly group?: string;
}

/** How to hold jobs. */
export interface HoldOptions extends GroupOptions {
  /**
   * For how long jobs are held without a sign of this worker, in milliseconds, from 1000. It is renewed three times as often, so
   * this is about how long a job waits whose worker has died. Default: 30000.
   */
  readonly lease?: number;
  /** For how long a job may be worked on, in milliseconds: then it is to be tried again. Default: 600000. */
  readonly timeout?: number;
  /** How often a job is tried: one that fails then is dead. Default: 5. */
  readonly attempts?: number;
  /** Where the group begins if it is not there yet. Default: at the oldest message that is kept. */
  readonly since?: Since;
}

/** How to work. */
export interface WorkOptions extends HoldOptions {
  /** How many jobs are worked on at one time. Default: 1. */
  readonly concurrency?: number;
  /** When a job that fails is tried again. */
  readonly backoff?: RetryBackoff;
  /** Stops the worker when it aborts, as {@linkcode TopicWorker.stop} does. */
  readonly signal?: AbortSignal;
  /**
   * Is told what a handler throws, other than {@linkcode retry} and {@linkcode dead}, with its job; and what ends the worker,
   * which then does not reject `closed` unheard.
   */
  readonly onError?: (error: unknown, job?: Job) => void;
}

/** How to take one job. */
export interface ClaimOptions extends HoldOptions {
  /** How long to wait for a job, in milliseconds. Default: 0. */
  readonly wait?: number;
  /** Ends waiting when it aborts, with its reason as the error. */
  readonly signal?: AbortSignal;
}

/** What a worker has done so far. */
export interface WorkerStats {
  /** How many handlers run now. */
  readonly running: number;
  /** How many jobs are done. */
  readonly done: number;
  /** How many failed, and are to be tried again. */
  readonly retried: number;
  /** How many have died. */
  readonly dead: number;
  /** How many were lost: somebody else may have worked on them. */
  readonly lost: number;
}

/** A worker of a group. */
export interface TopicWorker extends AsyncDisposable {
  /** What it has done so far. */
  readonly stats: WorkerStats;
  /**
   * Resolves when the worker has stopped, or its own side has closed the connection. Rejects if it had to end: because it may not
   * work on the topic (`permission_denied`), the group was deleted (`not_found`), the server does not accept an option, or the
   * connection has ended.
   */
  readonly closed: Promise<void>;
  /**
   * Takes no more jobs, waits for the handlers that run, and gives back what they have not begun. May be called twice.
   *
   * @returns resolves once the server knows what became of the jobs, or cannot be reached for some seconds
   */
  stop(): Promise<void>;
}

/**
 * A job that its caller holds until it says what became of it. Its lease is renewed until then, for as long as `timeout`.
 *
 * What is said first counts. The same again settles as the first, whatever its arguments are; anything else rejects, too, since it does
 * not happen: with the error of the first, or with a `TypeError` where that is confirmed.
 */
export interface ManualJob extends Job {
  /** It is done. Rejects with `lease_lost` if that counts for nothing, since somebody else may have the job. */
  done(): Promise<void>;
  /** It is to be tried again, after `delay` milliseconds (default: as a worker's `backoff`), because of `reason`. */
  retry(delay?: number, reason?: string): Promise<void>;
  /** It is dead, because of `reason`. */
  dead(reason?: string): Promise<void>;
  /** It is given back, as if it had not been taken. */
  release(): Promise<void>;
}

/** Which dead jobs to put back. */
export interface RedriveOptions extends GroupOptions {
  /** The sequence number of one job. Default: all. */
  readonly seq?: number;
}

/** How to make a group. */
export interface CreateGroupOptions extends GroupOptions {
  /** Where it begins. Default: at the oldest message that is kept. */
  readonly since?: Since;
}

/**
 * What a connection offers to groups: each message of a topic is given to one worker of a group, and to readers as ever. Each
 * needs the permission `work` for the topic or the whole prefix.
 */
export interface GroupWork {
  /**
   * Works on the messages of a topic, or of all topics with a prefix. A message whose handler returns, or whose promise resolves,
   * is done. One whose handler throws is tried again later, by any worker of the group; after `attempts` it is dead.
   * {@linkcode retry} and {@linkcode dead} are errors to throw that decide otherwise. A message can be worked on twice, after a
   * worker has died or was cut off; never by two at once, if handlers obey their `signal`.
   *
   * The group is made by its first worker: it gets all messages that are kept by then, unless `since` says otherwise.
   *
   * @param from the topic, or `{ prefix }`
   * @param handler works on one job
   * @param options how to work
   * @returns the worker; it goes on until it is stopped, also after the connection has broken and come back
   * @throws {TypeError | RangeError} if an argument is invalid
   * @throws {DsmqError} `closed`, `limit_exceeded`
   *
   * @example Send mails
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * await mq.put("mails", "hello");
   * await using worker = mq.work("mails", (job) => console.log(job.body)); // hello
   * console.log(worker.stats.lost); // 0
   * ```
   */
  work(
    from: string | Prefix,
    handler: (job: Job) => unknown,
    options?: WorkOptions,
  ): TopicWorker;

  /**
   * Takes one job, for those who do not want a handler.
   *
   * @param from the topic, or `{ prefix }`
   * @param options which group, and how long to wait
   * @returns the job, or `undefined` if there is none
   * @throws {TypeError | RangeError} if an argument is invalid
   * @throws {DsmqError} as what ends a worker; see {@linkcode TopicWorker.closed}
   *
   * @example Take a job, and finish it
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * await mq.put("mails", "hello");
   * const job = await mq.claim("mails", { wait: 1000 });
   * console.log(job?.body); // hello
   * await job?.done();
   * ```
   */
  claim(from: string | Prefix, options?: ClaimOptions): Promise<ManualJob | undefined>;

  /**
   * Lists the groups that the token may work in.
   *
   * @param from only those that work on this topic or `{ prefix }`. Default: all
   */
  groups(from?: string | Prefix): Promise<GroupInfo[]>;

  /**
   * The dead jobs of a group, the oldest message first; they are fetched as the loop goes on.
   *
   * @param from the topic, or `{ prefix }`
   * @param options which group
   * @returns the jobs, for `for await`; rejects with `not_found` if there is no such group
   */
  deadJobs(
    from: string | Prefix,
    options?: GroupOptions,
  ): AsyncIterableIterator<DeadJobInfo, undefined>;

  /**
   * Has dead jobs of a group worked on again, as if they had never been tried.
   *
   * @param from the topic, or `{ prefix }`
   * @param options which group, and which job
   * @returns how many
   * @throws {DsmqError} `not_found`, if there is no such group
   */
  redrive(from: string | Prefix, options?: RedriveOptions): Promise<number>;

  /**
   * Makes a group before its first worker comes, so that nothing that is put until then is lost to it.
   *
   * @param from the topic, or `{ prefix }`
   * @param options its name, and where it begins
   * @returns whether it was not there
   * @throws {DsmqError} `limit_exceeded`, if there are too many groups
   */
  createGroup(from: string | Prefix, options?: CreateGroupOptions): Promise<boolean>;

  /**
   * Deletes a group, with all that it has not finished; its workers end with `not_found`. It needs the permission `admin`.
   *
   * @param from the topic, or `{ prefix }`
   * @param options which group
   * @returns whether it was there
   */
  deleteGroup(from: string | Prefix, options?: GroupOptions): Promise<boolean>;
}
