/**
 * What the server tells of groups of workers, and of their dead jobs.
 *
 * @module
 */

import type { MessageAttributes } from "./attributes.ts";
import { decodeAttributes } from "./decode_attributes.ts";
import { MAX_GROUP_BYTES } from "./group_limits.ts";
import { CLIENT_LIMITS } from "./client_limits.ts";
import { type FieldChecks, isString, parseRecords } from "./record.ts";
import { isCount, isCountIfGiven } from "./request_fields.ts";
import { groupProblem, prefixProblem, topicProblem } from "./text.ts";

/**
 * A group of workers, as the server lists it. The numbers of jobs are as of now, the counts (`claimed` to `givenUp`) since the
 * group was made, or since the server opened its store.
 */
export interface GroupInfo {
  /** The topic that it works on; a group has this or `prefix`. */
  readonly topic?: string;
  /** What the topics that it works on begin with. */
  readonly prefix?: string;
  /** Its name. */
  readonly group: string;
  /** All messages after this sequence number wait. */
  readonly frontier: number;
  /** How many jobs wait: those after the frontier, and all of `ready`, `delayed` and `blocked`. */
  readonly depth: number;
  /** How many were given back, and can be taken at once. */
  readonly ready: number;
  /** How many have a time to come: put with a `delay`, or to be retried. */
  readonly delayed: number;
  /** How many are behind another one with their key. */
  readonly blocked: number;
  /** How many are held by a worker. */
  readonly held: number;
  /** How many are dead. */
  readonly dead: number;
  /** When the oldest message that waits or is held was stored, in milliseconds since 1970, if there is one. */
  readonly oldest?: number;
  /** It takes no new messages, because it has as many unfinished jobs as it may have. */
  readonly stalled: boolean;
  /** How often a job was given to a worker. */
  readonly claimed: number;
  /** How many were done. */
  readonly done: number;
  /** How often one was to be tried again: it had failed, or its lease had ended. */
  readonly retried: number;
  /** How often one died. */
  readonly died: number;
  /** How many messages were given up, unfinished, because there was no more room for them. */
  readonly givenUp: number;
  /** How many workers are connected to the server. */
  readonly workers: number;
}

/** A dead job: nobody works on it unless it is put back. The attributes are there only if its message was put with them. */
export interface DeadJobInfo extends MessageAttributes {
  /** The topic of its message. */
  readonly topic: string;
  /** The text of its message. */
  readonly body: string;
  /** The sequence number of its message. */
  readonly seq: number;
  /** When its message was stored, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
  /** How often it was tried. */
  readonly attempt: number;
  /** When it died, in milliseconds since 1970 by the server's clock. */
  readonly at: number;
  /** Why, for people; `""` if nobody has said it. */
  readonly reason: string;
}

const isNameIf = (problem: typeof topicProblem) => (field: unknown) =>
  field === undefined || problem(field, CLIENT_LIMITS.topicBytes.max) === undefined;

const GROUP: FieldChecks<GroupInfo> = {
  topic: isNameIf(topicProblem),
  prefix: isNameIf(prefixProblem),
  group: (field) => groupProblem(field, MAX_GROUP_BYTES) === undefined,
  frontier: isCount,
  depth: isCount,
  ready: isCount,
  delayed: isCount,
  blocked: isCount,
  held: isCount,
  dead: isCount,
  oldest: isCountIfGiven,
  stalled: (field) => typeof field === "boolean",
  claimed: isCount,
  done: isCount,
  retried: isCount,
  died: isCount,
  givenUp: isCount,
  workers: isCount,
};

/**
 * Takes the known fields of a list of groups.
 *
 * @param entries what the server has sent
 * @returns the groups; `undefined` if one of them is not of this form
 */
export function parseGroups(entries: readonly unknown[]): GroupInfo[] | undefined {
  const groups = parseRecords(entries, GROUP);
  const areNamed = groups?.every((it) => (it.topic === undefined) !== (it.prefix === undefined));
  return areNamed ? groups : undefined;
}

/** A dead job as it is sent. */
interface SentDeadJob extends Omit<DeadJobInfo, keyof MessageAttributes> {
  readonly attributes?: unknown;
}

const DEAD_JOB: FieldChecks<SentDeadJob> = {
  // Topics of dsmq 1.x may be empty.
  topic: isString,
  body: isString,
  seq: isCount,
  time: isCount,
  attempt: isCount,
  at: isCount,
  reason: isString,
  attributes: (field) => field === undefined || decodeAttributes(field) !== undefined,
};

/**
 * Takes the known fields of a list of dead jobs.
 *
 * @param entries what the server has sent
 * @returns the jobs; `undefined` if one of them is not of this form, or they are not in the order of their messages
 */
export function parseDeadJobs(entries: readonly unknown[]): DeadJobInfo[] | undefined {
  const jobs = parseRecords(entries, DEAD_JOB);
  const isOrdered = jobs?.every(({ seq }, i) => i === 0 || jobs[i - 1]!.seq < seq);
  if (!isOrdered) return undefined;
  return jobs!.map(({ attributes, ...job }) => ({
    ...job,
    ...(attributes !== undefined && decodeAttributes(attributes)),
  }));
}
