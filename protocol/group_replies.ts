/**
 * The replies of a server about groups of workers, as a client gets them.
 *
 * @module
 */

import type { MessageAttributes } from "./attributes.ts";
import type { DeadJobInfo, GroupInfo } from "./group_info.ts";

/** Answers `work`. */
export interface WorkingReply {
  readonly kind: "working";
  readonly id: number;
  /** Those of the claims that the worker does not hold any more. */
  readonly lost: readonly number[];
}

/** Answers `groups` with a page. */
export interface GroupsReply {
  readonly kind: "groups";
  readonly id: number;
  readonly groups: readonly GroupInfo[];
  readonly more: boolean;
}

/** Answers `dead` with a page, the oldest message first. */
export interface DeadReply {
  readonly kind: "dead";
  readonly id: number;
  readonly jobs: readonly DeadJobInfo[];
  readonly more: boolean;
}

/** Answers `redrive`: how many jobs are not dead any more. */
export interface RedrivenReply {
  readonly kind: "redriven";
  readonly id: number;
  readonly redriven: number;
}

/** Answers `create_group` and `delete_group`: whether that has changed something. */
export interface GroupChangedReply {
  readonly kind: "group_changed";
  readonly id: number;
  readonly changed: boolean;
}

/** What answers a request of groups. */
export type GroupAnswer =
  | WorkingReply
  | GroupsReply
  | DeadReply
  | RedrivenReply
  | GroupChangedReply;

/** Jobs of a worker: a list for each of their fields, all of one length, at least one job. */
export interface JobsReply {
  readonly kind: "jobs";
  readonly sub: number;
  readonly claims: readonly number[];
  /** How often each was tried, this time included; `undefined` if it is the first time for all. */
  readonly attempts: readonly number[] | undefined;
  readonly seqs: readonly number[];
  readonly times: readonly number[];
  readonly bodies: readonly string[];
  /** Of a worker of a prefix: the topic of each. */
  readonly topics: readonly string[] | undefined;
  /** The attributes of each, `null` where it has none; `undefined` if none has any. */
  readonly attributes: readonly (MessageAttributes | null)[] | undefined;
}
