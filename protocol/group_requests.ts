/**
 * The requests of groups of workers. In each of them `prefix` can take the place of `topic`.
 *
 * ```text
 * {"action":"work","id":8,"topic":"mails","group":"default","worker":"Qm3…","credit":64,"lease":30000,"timeout":600000,"attempts":5,"since":"start","holding":[7]}
 * {"action":"finish","id":9,"topic":"mails","group":"default","done":[7],"outcomes":[{"claim":8,"outcome":"retry","delay":1000,"reason":"…"}]}
 * {"action":"extend","id":10,"topic":"mails","group":"default","worker":"Qm3…","claims":[9]}
 * {"action":"groups","id":11,"topic":"mails","after":{"topic":"mails","group":"default"},"count":100}
 * {"action":"dead","id":12,"topic":"mails","group":"default","after":0,"count":100}
 * {"action":"redrive","id":13,"topic":"mails","group":"default","seq":42}
 * {"action":"create_group","id":14,"topic":"mails","group":"default","since":"start"}
 * {"action":"delete_group","id":15,"topic":"mails","group":"default"}
 * ```
 *
 * @module
 */

import type { TopicFilter, WireSince } from "./selection.ts";

/** What a group works on, and its name. */
export type GroupTarget = TopicFilter & { readonly group: string };

/** Opens a worker, or goes on with one. The id of the request is the id of its stream. */
export type WorkRequest = GroupTarget & {
  readonly action: "work";
  readonly id: number;
  /** Names the worker within the group; a secret. */
  readonly worker: string;
  /** How many jobs it holds at most. */
  readonly credit: number;
  /** For how long it holds jobs unless it extends its lease, in milliseconds. */
  readonly lease: number;
  /** For how long it may hold a job, however often it extends its lease, in milliseconds. */
  readonly timeout: number;
  /** A job that fails is dead once it was tried this often. */
  readonly attempts: number;
  /** Where a group begins that is not there. Default: at the oldest message. */
  readonly since: WireSince | undefined;
  /** The claims that it holds. */
  readonly holding: readonly number[];
};

/** What becomes of a job that is not done. */
export interface WireOutcome {
  readonly claim: number;
  readonly outcome: "retry" | "dead" | "release";
  /** With `retry`: after how many milliseconds. */
  readonly delay: number | undefined;
  /** Why, for people. */
  readonly reason: string | undefined;
}

/** Says what became of jobs. */
export type FinishRequest = GroupTarget & {
  readonly action: "finish";
  readonly id: number;
  /** The claims of those that are done. */
  readonly done: readonly number[];
  readonly outcomes: readonly WireOutcome[];
};

/** Renews the lease of a worker, and of those who hold some jobs. */
export type ExtendRequest = GroupTarget & {
  readonly action: "extend";
  readonly id: number;
  readonly worker: string | undefined;
  readonly claims: readonly number[];
};

/** A page of the list of groups. */
export interface GroupsRequest {
  readonly action: "groups";
  readonly id: number;
  /** Only groups that work on this. */
  readonly filter: TopicFilter | undefined;
  /** The last group of the page before. */
  readonly after: GroupTarget | undefined;
  readonly count: number;
}

/** A page of the dead jobs of a group, those after a sequence number. */
export type DeadRequest = GroupTarget & {
  readonly action: "dead";
  readonly id: number;
  readonly after: number;
  readonly count: number;
};

/** Has a dead job worked again, or all dead jobs of a group. */
export type RedriveRequest = GroupTarget & {
  readonly action: "redrive";
  readonly id: number;
  readonly seq: number | undefined;
};

/** Makes a group. */
export type CreateGroupRequest = GroupTarget & {
  readonly action: "create_group";
  readonly id: number;
  readonly since: WireSince | undefined;
};

/** Deletes a group. */
export type DeleteGroupRequest = GroupTarget & {
  readonly action: "delete_group";
  readonly id: number;
};

/** What concerns groups. */
export type GroupRequest =
  | WorkRequest
  | FinishRequest
  | ExtendRequest
  | GroupsRequest
  | DeadRequest
  | RedriveRequest
  | CreateGroupRequest
  | DeleteGroupRequest;
