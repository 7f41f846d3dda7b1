/**
 * The commands of groups, and their results.
 *
 * A group gives each message of a topic, or of all topics that begin with a prefix, to one of its workers. What a worker has got
 * is a job: it has a claim, until the job is finished or the lease of its holder ends.
 *
 * @module
 */

import type { TopicFilter } from "../../protocol/requests.ts";
import type { TopicMessage } from "../queries.ts";

/** Names a group: what it works on, and its name. Groups of different topics may have one name. */
export type GroupName = TopicFilter & {
  /** Its name. */
  readonly group: string;
};

/** Makes a group, unless it is there. */
export interface CreateGroup {
  /** Which command it is. */
  readonly type: "create_group";
  /** The group. */
  readonly name: GroupName;
  /** It gets the messages after this number. Default: all that are retained. */
  readonly after?: number | undefined;
}

/** Deletes a group, with all that it has not finished. */
export interface DeleteGroup {
  /** Which command it is. */
  readonly type: "delete_group";
  /** The group. */
  readonly name: GroupName;
}

/**
 * Opens a holder of jobs: a worker, or one call that claims jobs. If it is there it goes on, with a new lease. A group that is
 * not there is made.
 */
export interface OpenHolder {
  /** Which command it is. */
  readonly type: "open_holder";
  /** The group. */
  readonly name: GroupName;
  /** See {@linkcode CreateGroup.after}; of no meaning for a group that is there. */
  readonly after?: number | undefined;
  /** The holder: unique within its group. */
  readonly holder: string;
  /** For how many milliseconds it may hold jobs unless it is extended. */
  readonly lease: number;
  /** For how many milliseconds it may hold a job, however often it is extended. */
  readonly timeout: number;
  /** A job that fails is dead once it was claimed this often. */
  readonly attempts: number;
  /** The claims that it knows of. */
  readonly holding: readonly number[];
  /**
   * It is told of the other jobs that it holds up to about this many bytes of bodies and attributes, but of one always; what is beyond
   * is given back as if it had not been claimed. Default: of all.
   */
  readonly bytes?: number | undefined;
  /** A number that no other opening has: whoever opened it before, at any server, claims nothing more for it. Default: none. */
  readonly opening?: number | undefined;
}

/** What a holder finds when it is opened. */
export interface OpenedHolder {
  /** Those of the claims that it does not hold any more. */
  readonly lost: readonly number[];
  /** The jobs that it holds without knowing of them. */
  readonly jobs: readonly ClaimedJob[];
}

/** Gives jobs to holders, the oldest first, in turn: the first to the first holder. */
export interface ClaimJobs {
  /** Which command it is. */
  readonly type: "claim";
  /** The group. */
  readonly name: GroupName;
  /** The holders, and how many jobs each of them gets at most: none, if it was opened again since the opening that is named. */
  readonly holders:
    readonly (Pick<OpenHolder, "holder" | "opening"> & { readonly count: number })[];
  /** At most this many bytes of bodies and attributes in all; but one job is always given. */
  readonly bytes: number;
}

/** A message that was given to a holder. */
export interface ClaimedJob {
  /** The message. */
  readonly message: TopicMessage;
  /** Names this delivery: a number that grows over the whole store and is never used again. */
  readonly claim: number;
  /** How often the message was delivered to the group, this time included. */
  readonly attempt: number;
}

/** What holders got. */
export interface ClaimedJobs {
  /** The jobs of each holder, in the order of the holders. */
  readonly jobs: readonly (readonly ClaimedJob[])[];
  /** There may be more jobs to claim now. */
  readonly more: boolean;
  /** The indexes of holders that get nothing any more: their leases have ended, they are closed, or were opened again. */
  readonly ended: readonly number[];
}

/** What becomes of a job whose handler has failed. */
export interface JobOutcome {
  /** The claim. */
  readonly claim: number;
  /** `retry`: somebody gets it again, unless it was claimed often enough. `dead`: nobody does. `release`: as if it had not been claimed. */
  readonly outcome: "retry" | "dead" | "release";
  /** With `retry`: after how many milliseconds. Default: 0. */
  readonly delay?: number | undefined;
  /** Why, for people. */
  readonly reason?: string | undefined;
  /** Who decides it is not the holder, but who opened it: it counts for nothing if that was not the last opening. Default: the holder does. */
  readonly opening?: number | undefined;
}

/** Finishes jobs. It counts once, however often it is repeated. It renews the leases of their holders. */
export interface FinishJobs {
  /** Which command it is. */
  readonly type: "finish";
  /** The group. */
  readonly name: GroupName;
  /** The claims of jobs that are done. */
  readonly done: readonly number[];
  /** What becomes of others. */
  readonly outcomes: readonly JobOutcome[];
}

/** What became of jobs that are finished. */
export interface FinishedJobs {
  /** Claims whose lease had ended, so that their outcomes count for nothing. */
  readonly lost: readonly number[];
  /** Claims whose jobs are dead now. */
  readonly dead: readonly number[];
}

/** Renews the lease of a holder, and of those that hold certain jobs. */
export interface ExtendLease {
  /** Which command it is. */
  readonly type: "extend";
  /** The group. */
  readonly name: GroupName;
  /** The holder. Default: only those of the claims. */
  readonly holder?: string | undefined;
  /** Claims: their holders are extended, too. */
  readonly claims: readonly number[];
}

/** What was extended. */
export interface ExtendedLease {
  /** Those of the claims that nobody holds any more. */
  readonly lost: readonly number[];
  /** The holder that was named is not there: its lease has ended. */
  readonly ended: boolean;
}

/** Has dead jobs of a group worked again, as if they were new to it. */
export interface RedriveJobs {
  /** Which command it is. */
  readonly type: "redrive";
  /** The group. */
  readonly name: GroupName;
  /** The sequence number of the job. Default: all dead ones. */
  readonly seq?: number | undefined;
  /** Only those of messages after this number. Default: 0. */
  readonly after?: number | undefined;
  /** Only those that have died by this time, in milliseconds since 1970. Default: all. */
  readonly diedBy?: number | undefined;
  /** At most this many, at least 1, those of the oldest messages: very many take long. */
  readonly max: number;
}

/** What a redrive has done. */
export interface RedrivenJobs {
  /** How many jobs are not dead any more. */
  readonly redriven: number;
  /** The last of them; or the number after which there was none. */
  readonly through: number;
  /** There are more: the same redrive, after that number, has them worked again. */
  readonly more: boolean;
}

/** A holder takes no more jobs, unless it was opened again since the opening that is named. It is forgotten once it holds none. */
export interface CloseHolder extends Pick<OpenHolder, "name" | "holder" | "opening"> {
  /** Which command it is. */
  readonly type: "close_holder";
}

/** What changes groups. */
export type GroupCommand =
  | CreateGroup
  | DeleteGroup
  | OpenHolder
  | CloseHolder
  | ClaimJobs
  | FinishJobs
  | ExtendLease
  | RedriveJobs;

/** What a store answers to a command of groups. */
export type GroupResult<C extends GroupCommand = GroupCommand> = C extends CreateGroup
  ? { /** It was not there. */ readonly created: boolean }
  : C extends DeleteGroup ? { /** It was there. */ readonly deleted: boolean }
  : C extends OpenHolder ? OpenedHolder
  : C extends CloseHolder ? object
  : C extends ClaimJobs ? ClaimedJobs
  : C extends FinishJobs ? FinishedJobs
  : C extends ExtendLease ? ExtendedLease
  : RedrivenJobs;

/** What has happened to a group, besides what its own commands were answered. */
export interface GroupEvent {
  /** The group. */
  readonly name: GroupName;
  /** Jobs can be claimed that could not be before, other than new messages. */
  readonly ready: boolean;
  /** How many jobs have died. */
  readonly dead: number;
  /** How many messages it had to give up. */
  readonly givenUp: number;
  /** It is deleted. */
  readonly deleted: boolean;
  /** It was deleted because nobody had worked on it for long. */
  readonly abandoned: boolean;
}

/** Asks for a page of the list of groups, ordered by what they work on, and by name. */
export interface GroupQuery {
  /** Only groups that work on this topic or prefix. Default: on any. */
  readonly filter?: TopicFilter | undefined;
  /** Only groups that come after this one. */
  readonly after?: GroupName | undefined;
  /** At most this many, at least 1. */
  readonly count: number;
}

/** What a store knows of a group. The numbers of jobs are as of now, the counts since the group was made or the store opened. */
export interface StoredGroup {
  /** The group. */
  readonly name: GroupName;
  /** All messages after this number wait. */
  readonly frontier: number;
  /** Jobs that nobody has begun, or that are to be begun again: those that wait beyond the frontier, and all of `ready`, `delayed` and `blocked`. */
  readonly depth: number;
  /** Jobs that were given back, and can be claimed at once. */
  readonly ready: number;
  /** Jobs whose time has not come: they are put with a delay, or are to be retried. */
  readonly delayed: number;
  /** Jobs behind another one with their key. */
  readonly blocked: number;
  /** Jobs that somebody holds. */
  readonly held: number;
  /** Jobs that are dead. */
  readonly dead: number;
  /** When the oldest message of those in `depth` and `held` was stored, in milliseconds since 1970, if there is one. */
  readonly oldest: number | undefined;
  /** The list of unfinished jobs is full: no new messages are taken. */
  readonly stalled: boolean;
  /** How often jobs were claimed. */
  readonly claimed: number;
  /** How many were done. */
  readonly done: number;
  /** How often a job was to be tried again, because it failed or its lease ended. */
  readonly retried: number;
  /** How often a job died. */
  readonly died: number;
  /** How many had to be given up. */
  readonly givenUp: number;
}

/** Asks for a page of the dead jobs of a group, the oldest message first. */
export interface DeadQuery {
  /** The group. */
  readonly name: GroupName;
  /** Only messages with a larger sequence number. */
  readonly after: number;
  /** At most this many, at least 1. */
  readonly count: number;
  /** At most this many bytes of bodies and attributes; but one is always returned. */
  readonly bytes: number;
}

/** A dead job. */
export interface DeadJob {
  /** The message. */
  readonly message: TopicMessage;
  /** How often it was claimed. */
  readonly attempt: number;
  /** When it died, in milliseconds since 1970. */
  readonly at: number;
  /** Why, for people; `""` if nobody has said it. */
  readonly reason: string;
}
