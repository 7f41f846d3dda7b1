/**
 * One session of those who put, with the runs that are remembered of it.
 *
 * @module
 */

import type { DedupOwner, Owned } from "./dedup_owners.ts";

/** Consecutive numbers of a session that were given consecutive sequence numbers. */
export interface SeqRun {
  /** The first of the numbers. */
  readonly first: number;
  readonly count: number;
  /** Where the first of them was stored. */
  readonly seq: number;
}

/** A session that is remembered, and what is not remembered of it. */
export interface SessionRecord {
  /** Its number, which no other one has or had. */
  readonly id: number;
  readonly session: string;
  /** Who put first in it. */
  readonly owner: string;
  /** Numbers up to here of which nothing is known may have been stored. */
  readonly forgotten: number;
  /** Nothing of it that was stored after this sequence number is lost. */
  readonly lost: number;
}

/** A run that was begun, or has become longer. */
export interface RecordedRun extends SeqRun, SessionRecord {
  /** It is the first of a session of which nothing was noted before. */
  readonly isNew: boolean;
}

/** Runs that are to be remembered no longer. */
export interface DroppedRuns extends SessionRecord {
  /** All of its session that begin with this number or before it. */
  readonly upTo: number;
  /** Nothing is left of the session. */
  readonly evicted: boolean;
}

/** A run in memory. */
export interface SessionRun extends SeqRun, Owned<SessionRun> {
  readonly session: DedupSession;
  count: number;
  /** How long it was before the turn began; 0 if it was not there. Valid only while it is touched. */
  countBefore: number;
  isChanged: boolean;
}

/** A session in memory. */
export interface DedupSession {
  readonly id: number;
  readonly name: string;
  readonly owner: DedupOwner<SessionRun>;
  /** By their numbers, from `head` on. There is at least one. */
  runs: SessionRun[];
  head: number;
  /** As {@linkcode SessionRecord} has them. */
  forgotten: number;
  lost: number;
  /** When it was heard of last. */
  lastUsed: number;
  /** Something was noted of it, and committed. */
  isStored: boolean;
}

/** What {@linkcode findSeq} says of a number that may have been stored, and nobody knows. */
export const FORGOTTEN = -1;

/** What {@linkcode findSeq} says of a number that was certainly not stored, though a later one of its session was. */
export const SUPERSEDED = -2;

/** The run of a session that was opened, and in which nothing was put yet: no number is in it, or follows on it. */
export const EMPTY_RUN = [-1, 0, 0] as const;

/** Whether a run is that one. */
export function isEmptyRun({ count }: SessionRun): boolean {
  return count === 0;
}

/** Where a number of a session was stored; 0 if it was not and may be, else {@linkcode FORGOTTEN} or {@linkcode SUPERSEDED}. */
export function findSeq(session: DedupSession, n: number): number {
  const { runs, head, forgotten } = session;
  const last = runs[runs.length - 1]!;
  if (n >= last.first + last.count) return 0;
  const index = runIndexAfter(session, n);
  const run = index > head ? runs[index - 1] : undefined;
  if (run && n < run.first + run.count) return run.seq + n - run.first;
  return n <= forgotten ? FORGOTTEN : SUPERSEDED;
}

/** Where the runs of a session are that begin after a number. */
function runIndexAfter({ runs, head }: DedupSession, n: number): number {
  let [low, high] = [head, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.first <= n) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What others are told of a session. */
export function toSessionRecord({ id, name, owner, forgotten, lost }: DedupSession): SessionRecord {
  return { id, session: name, owner: owner.name, forgotten, lost };
}
