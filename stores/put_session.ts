/**
 * One session of those who put, with the runs that are remembered of it.
 *
 * @module
 */

import type { Owned, Owner } from "./put_owners.ts";

/** Consecutive numbers of a session that were given consecutive sequence numbers. */
export interface PutRun {
  /** The first of the numbers. */
  readonly first: number;
  readonly count: number;
  /** Where the first of them was stored. */
  readonly seq: number;
}

/** A session that is remembered, and what is not remembered of it. */
export interface PutSession {
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
export interface Noted extends PutRun, PutSession {
  /** It is the first of a session of which nothing was noted before. */
  readonly isNew: boolean;
}

/** Runs that are to be remembered no longer. */
export interface Dropped extends PutSession {
  /** All of its session that begin with this number or before it. */
  readonly upTo: number;
  /** Nothing is left of the session. */
  readonly wholly: boolean;
}

/** A run in memory. */
export interface Run extends PutRun, Owned<Run> {
  readonly session: Session;
  count: number;
  /** How long it was before the turn began; 0 if it was not there. Valid only while it is touched. */
  before: number;
  touched: boolean;
}

/** A session in memory. */
export interface Session {
  readonly id: number;
  readonly name: string;
  readonly owner: Owner<Run>;
  /** By their numbers, from `head` on. There is at least one. */
  runs: Run[];
  head: number;
  /** As {@linkcode PutSession} has them. */
  forgotten: number;
  lost: number;
  /** When it was heard of last. */
  used: number;
  /** Something was noted of it, and committed. */
  stored: boolean;
}

/** What {@linkcode findIn} says of a number that may have been stored, and nobody knows. */
export const FORGOTTEN = -1;

/** What {@linkcode findIn} says of a number that was certainly not stored, though a later one of its session was. */
export const SUPERSEDED = -2;

/** The run of a session that was opened, and in which nothing was put yet: no number is in it, or follows on it. */
export const OPENING = [-1, 0, 0] as const;

/** Whether a run is that one. */
export function isOpening({ count }: Run): boolean {
  return count === 0;
}

/** Where a number of a session was stored; 0 if it was not and may be, else {@linkcode FORGOTTEN} or {@linkcode SUPERSEDED}. */
export function findIn(session: Session, n: number): number {
  const { runs, head, forgotten } = session;
  const last = runs[runs.length - 1]!;
  if (n >= last.first + last.count) return 0;
  const place = placeOf(session, n);
  const run = place > head ? runs[place - 1] : undefined;
  if (run && n < run.first + run.count) return run.seq + n - run.first;
  return n <= forgotten ? FORGOTTEN : SUPERSEDED;
}

/** Where the runs of a session are that begin after a number. */
function placeOf({ runs, head }: Session, n: number): number {
  let [low, high] = [head, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.first <= n) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What others are told of a session. */
export function asPutSession({ id, name, owner, forgotten, lost }: Session): PutSession {
  return { id, session: name, owner: owner.name, forgotten, lost };
}
