/**
 * A session of the deduplication index, with the runs that are remembered of it.
 *
 * @module
 */

import type { Aged } from "./age_list.ts";
import type { DedupOwner } from "./dedup_owners.ts";

/** Consecutive numbers of a session that were given consecutive sequence numbers. */
export interface SeqRun {
  /** The first of these numbers. */
  readonly first: number;
  readonly count: number;
  /** The sequence number of the first one. */
  readonly seq: number;
  /**
   * Only of puts that were answered with messages of before, by their `messageId`: the sequence number that was the next
   * one then. It stands for the run in the order of time, and is larger than its own.
   */
  readonly at?: number;
}

/** A session that is remembered, and what has been forgotten of it. */
export interface SessionRecord {
  /** Its id, which no other session has or had. */
  readonly id: number;
  readonly session: string;
  /** Who opened it, or put first in it. */
  readonly owner: string;
  /** Numbers up to here that are not in a run may have been stored. */
  readonly forgotten: number;
  /** Nothing that it stored after this sequence number is forgotten, except before its window. */
  readonly lost: number;
}

/** A run that was begun or extended. */
export interface RecordedRun extends SeqRun, SessionRecord {
  /** It is the first run of a session that was not stored before. */
  readonly isNew: boolean;
}

/** Runs that are no longer remembered. */
export interface DroppedRuns extends SessionRecord {
  /** All runs of the session that begin at this number or before it. */
  readonly upTo: number;
  /** Nothing is left of the session. */
  readonly evicted: boolean;
}

/** A run in memory. */
export interface SessionRun extends SeqRun, Aged<SessionRun> {
  readonly session: DedupSession;
  count: number;
}

/** A session in memory. */
export interface DedupSession extends Aged<DedupSession> {
  readonly id: number;
  readonly name: string;
  readonly owner: DedupOwner<SessionRun>;
  /** Ordered by their numbers, from `head` on. There is at least one. */
  runs: SessionRun[];
  head: number;
  /** See {@linkcode SessionRecord}. */
  forgotten: number;
  lost: number;
  /** When it was used last. */
  lastUsed: number;
  /** Something of it was recorded and committed. */
  isStored: boolean;
  /** How it was at the last commit, if it has changed since. */
  before: SessionBefore | undefined;
}

/** What a session was before it changed. */
export interface SessionBefore {
  readonly session: DedupSession;
  /** Where its runs began and ended; the end is 0 if there was no such session. */
  readonly head: number;
  readonly end: number;
  /** The length of its last run. */
  readonly lastCount: number;
  readonly forgotten: number;
  readonly lost: number;
  readonly lastUsed: number;
  /** It has left its place among the sessions; it was behind this one. */
  hasMoved: boolean;
  older: DedupSession | undefined;
}

/** The result of {@linkcode findSeq} for a number of which nobody knows whether it was stored. */
export const FORGOTTEN = -1;

/** The result of {@linkcode findSeq} for a number that was certainly not stored, though a later one of its session was. */
export const SUPERSEDED = -2;

/** The run of a session that was opened and has put nothing: no number is in it or follows it. */
export const EMPTY_RUN = [-1, 0, 0] as const;

/** Whether a run is the empty one. */
export function isEmptyRun({ count }: SessionRun): boolean {
  return count === 0;
}

/**
 * Where a number of a session was stored; 0 if it was not and may be, else {@linkcode FORGOTTEN} or {@linkcode
 * SUPERSEDED}.
 */
export function findSeq(session: DedupSession, n: number): number {
  const { runs, head, forgotten } = session;
  const last = runs[runs.length - 1]!;
  if (n >= last.first + last.count) return 0;
  const index = runIndexAfter(session, n);
  const run = index > head ? runs[index - 1] : undefined;
  if (run && n < run.first + run.count) return run.seq + n - run.first;
  return n <= forgotten ? FORGOTTEN : SUPERSEDED;
}

/** The last sequence number that a run needs the store to have passed: whoever knows of a later one knows the run. */
export function endOf({ seq, count, at }: SeqRun): number {
  return at ?? seq + count - 1;
}

/** The index of the first run of a session that begins after a number. */
function runIndexAfter({ runs, head }: DedupSession, n: number): number {
  let [low, high] = [head, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.first <= n) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of the first run of a session that was begun or extended since the last commit; there may be none. */
export function firstRecorded(session: DedupSession): number {
  const { runs, head, before } = session;
  if (!before) return runs.length;
  const { end, lastCount } = before;
  const wasExtended = end > 0 && runs[end - 1]!.count > lastCount;
  const first = Math.max(head, wasExtended ? end - 1 : end);
  return first < runs.length && isEmptyRun(runs[first]!) ? first + 1 : first;
}

/** The runs of a session that were begun or extended since the last commit. */
export function* recordedRuns(session: DedupSession): Generator<RecordedRun> {
  const { runs, head, isStored } = session;
  for (let i = firstRecorded(session); i < runs.length; i++) {
    const { first, count, seq, at } = runs[i]!;
    const isNew = !isStored && i === (isEmptyRun(runs[head]!) ? head + 1 : head);
    const run = { first, count, seq, ...(at !== undefined && { at }) };
    yield { ...toSessionRecord(session), ...run, isNew };
  }
}

/** A session as it is stored. */
export function toSessionRecord({ id, name, owner, forgotten, lost }: DedupSession): SessionRecord {
  return { id, session: name, owner: owner.name, forgotten, lost };
}
