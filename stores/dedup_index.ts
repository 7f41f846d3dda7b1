/**
 * Which numbers of which sessions were stored, and where.
 *
 * @module
 */

import {
  type DedupSession,
  EMPTY_RUN,
  endOf,
  findSeq,
  isEmptyRun,
  type RecordedRun,
  recordedRuns,
  type SeqRun,
  type SessionRecord,
  type SessionRun,
  toSessionRecord,
} from "./dedup_session.ts";
import { DedupSessions } from "./dedup_sessions.ts";
import type { PendingDrops } from "./pending_drops.ts";

/** The longest run: so what is forgotten at once stays small. */
const MAX_RUN_LENGTH = 65_536;

/** A session that is not used is remembered for at least this long, in milliseconds. */
const MIN_SESSION_LIFETIME = 600_000;

/** Each turn frees this many runs of expired sessions, and the rest of the last session. */
const FREED_AT_ONCE = 256;

/** How the index is bounded. */
export interface DedupIndexOptions {
  /** How many of the last numbers of a session are remembered. */
  readonly window: number;
  /** For how many milliseconds messages are kept. */
  readonly retention: number;
  /** Runs of all sessions together. */
  readonly maxRuns: number;
}

/**
 * Remembers puts by session and number, as runs, in memory. It works in turns: {@linkcode DedupIndex.begin} tells
 * when a turn happens, and {@linkcode DedupIndex.settle} ends it, so what is forgotten depends on the turns alone.
 * {@linkcode DedupIndex.rollback} undoes the turns since the last {@linkcode DedupIndex.commit}: what was recorded, used
 * and forgotten.
 *
 * A session that was not used for long has expired and counts as forgotten. Its memory is freed when it is used
 * again, or with one of the next turns.
 *
 * Each session belongs to the owner who opened it or put first in it. If there are too many runs, the owner with the
 * most of them loses its oldest: so an owner that makes many runs loses its own, and one that puts now and then keeps
 * what is recent, however many others there are.
 */
export class DedupIndex {
  readonly #window: number;
  readonly #maxRuns: number;
  readonly #drops: PendingDrops | undefined;
  readonly #sessions: DedupSessions;
  /** The sessions in which something was recorded in this turn, but for the last one. */
  readonly #inTurn: DedupSession[] = [];
  #lastInTurn: DedupSession | undefined;
  #evictedTo = 0;
  #committedEvictedTo = 0;

  /**
   * Remembers nothing yet.
   *
   * @param options how it is bounded
   * @param drops takes the runs that are no longer remembered
   */
  constructor({ window, retention, maxRuns }: DedupIndexOptions, drops?: PendingDrops) {
    this.#window = window;
    this.#maxRuns = maxRuns;
    this.#sessions = new DedupSessions(Math.max(retention, MIN_SESSION_LIFETIME));
    this.#drops = drops;
  }

  /** No session that was evicted had stored anything after this sequence number. */
  get evictedTo(): number {
    return this.#evictedTo;
  }

  /** How many runs are remembered, including those of expired sessions that are not freed yet. */
  get runs(): number {
    // Excess runs are dropped when the turn ends.
    return Math.min(this.#sessions.runs, this.#maxRuns);
  }

  /** Begins a turn: frees some of what has expired by then. */
  begin(now: number): void {
    this.#sessions.beginTurn(now);
    let left = FREED_AT_ONCE;
    for (let session; left > 0 && (session = this.#sessions.expired);) {
      left -= session.runs.length - session.head;
      this.#expire(session);
    }
  }

  /** Whether sessions that have expired by a time wait to be freed. */
  holdsExpired(now = this.#sessions.now): boolean {
    return this.#sessions.anyExpiredBy(now);
  }

  /** Whether all that a session stored after a sequence number is remembered, except before its window. */
  isCompleteAfter(name: string, seq: number, now = this.#sessions.now): boolean {
    const session = this.#sessions.get(name);
    if (!session) return seq >= this.#evictedTo;
    return seq >=
      (this.#sessions.hasExpired(session, now) ? this.#lostWith(session) : session.lost);
  }

  /** Where a number was stored; 0 if it was not and may be, else `FORGOTTEN` or `SUPERSEDED`. */
  find(name: string, n: number): number {
    const session = this.#sessions.find(name);
    return session ? findSeq(session, n) : 0;
  }

  /**
   * Records a number, which must be larger than all before. A session that is not known becomes one of this owner.
   *
   * @param at if the message was stored before, for another number: the next sequence number
   */
  record(name: string, n: number, seq: number, owner = "", at?: number): void {
    const session = this.#known(name) ?? this.#addSession(name, owner);
    if (this.#lastInTurn !== session) {
      if (this.#lastInTurn) this.#inTurn.push(this.#lastInTurn);
      this.#lastInTurn = session;
    }
    const { runs } = session;
    const run = runs[runs.length - 1];
    if (
      run && n === run.first + run.count && seq === run.seq + run.count && at === run.at &&
      run.count < MAX_RUN_LENGTH
    ) {
      run.count++;
      return;
    }
    // If anything was forgotten, this session may have been known before.
    if (!run || isEmptyRun(run)) session.forgotten = session.lost > 0 ? n - 1 : 0;
    this.#sessions.addRun(session, n, 1, seq, at);
  }

  /** Opens a session of an owner, or continues it: it counts as used now. */
  open(name: string, owner = ""): void {
    const known = this.#known(name);
    if (known) known.lastUsed = this.#sessions.now;
    else this.#sessions.addRun(this.#addSession(name, owner), ...EMPTY_RUN);
  }

  /** A known session is used now. */
  refresh(name: string): void {
    const session = this.#known(name);
    if (session) session.lastUsed = this.#sessions.now;
  }

  /** Forgets a session that will not come back: nothing of it counts as lost. */
  forget(name: string): void {
    const session = this.#sessions.get(name);
    if (session) this.#dropSession(session);
  }

  /** Ends a turn: drops what is outside the windows, and excess runs. */
  settle(): void {
    if (this.#lastInTurn) this.#settle(this.#lastInTurn);
    this.#lastInTurn = undefined;
    if (this.#inTurn.length > 0) this.#inTurn.splice(0).forEach((session) => this.#settle(session));
    while (this.#sessions.runs > this.#maxRuns) {
      this.#dropOldest(this.#sessions.oldestOfLargestOwner);
    }
  }

  /** What has happened since the last commit is final. */
  commit(): void {
    this.#sessions.commit();
    this.#drops?.commit();
    this.#committedEvictedTo = this.#evictedTo;
  }

  /** Undoes what has happened since the last commit. */
  rollback(): void {
    this.#inTurn.length = 0;
    this.#lastInTurn = undefined;
    this.#sessions.rollback();
    this.#drops?.rollback();
    this.#evictedTo = this.#committedEvictedTo;
  }

  /** What was recorded since the last commit and is remembered, as runs. */
  *recorded(): Iterable<RecordedRun> {
    for (const session of this.#sessions.changed) yield* recordedRuns(session);
  }

  /** Loads runs in the order of time, and up to where others are lost. */
  load(runs: Iterable<SeqRun & SessionRecord>, lost: number, now: number): void {
    this.#sessions.beginTurn(now);
    for (const { id, session: name, owner, first, count, seq, at, forgotten, lost } of runs) {
      const session = this.#sessions.touch(name) ??
        this.#sessions.create({ id, name, owner, forgotten, lost });
      this.#sessions.addRun(session, first, count, seq, at ?? undefined);
    }
    this.#evictedTo = lost;
    for (const session of this.#sessions.values()) {
      session.isStored = true;
      this.#sessions.change(session);
      this.#dropOutsideWindow(session);
    }
    this.settle();
    this.commit();
  }

  /** Its sessions, for a dump between two turns; nobody else needs them. */
  get sessions(): DedupSessions {
    return this.#sessions;
  }

  /** Its sessions are restored from a dump, and so is {@linkcode DedupIndex.evictedTo}. */
  restored(evictedTo: number): void {
    this.#evictedTo = evictedTo;
    this.commit();
  }

  /** A session that is known and has not expired; it becomes the most recently used. */
  #known(name: string): DedupSession | undefined {
    const session = this.#sessions.touch(name);
    const expired = session ? undefined : this.#sessions.get(name);
    if (expired) this.#expire(expired);
    return session;
  }

  /** Adds a session that is not known. */
  #addSession(name: string, owner: string): DedupSession {
    return this.#sessions.create({ name, owner, forgotten: 0, lost: this.#evictedTo });
  }

  #settle(session: DedupSession): void {
    session.lastUsed = this.#sessions.now;
    if (session.head < session.runs.length) this.#dropOutsideWindow(session);
  }

  #expire(session: DedupSession): void {
    this.#sessions.change(session);
    session.lost = this.#lostWith(session);
    this.#evictedTo = Math.max(this.#evictedTo, session.lost);
    this.#dropSession(session);
  }

  /** Up to where a session is lost if all of it is. */
  #lostWith(session: DedupSession): number {
    const last = session.runs[session.runs.length - 1]!;
    return Math.max(session.lost, endOf(last));
  }

  /** Drops the runs of a session before its window. */
  #dropOutsideWindow(session: DedupSession): void {
    const last = session.runs[session.runs.length - 1]!;
    const upTo = last.first + last.count - 1 - this.#window;
    for (let run; (run = session.runs[session.head]!) !== last;) {
      if (isEmptyRun(run)) this.#sessions.removeFirstRun(session);
      // Not lost: its client has the answers to these numbers.
      else if (run.first + run.count - 1 <= upTo) this.#drop(run);
      else break;
    }
  }

  /** Drops the oldest run of a session that may still repeat it. */
  #dropOldest(run: SessionRun): void {
    const { session } = run;
    this.#sessions.change(session);
    session.lost = Math.max(session.lost, endOf(run));
    this.#drop(run);
  }

  /** Drops the oldest run of a session. */
  #drop(run: SessionRun): void {
    const { session } = run;
    this.#sessions.change(session);
    session.forgotten = Math.max(session.forgotten, run.first + run.count - 1);
    this.#sessions.removeFirstRun(session);
    if (session.head === session.runs.length) this.#lostAll(session);
    else this.#notifyDropped(session, run.first, false);
  }

  /** Nothing is left of a session that may come back. */
  #lostAll(session: DedupSession): void {
    this.#evictedTo = Math.max(this.#evictedTo, session.lost);
    this.#notifyDropped(session, Infinity, true);
  }

  #dropSession(session: DedupSession): void {
    this.#sessions.delete(session);
    this.#notifyDropped(session, Infinity, true);
  }

  #notifyDropped(session: DedupSession, upTo: number, evicted: boolean): void {
    if (session.isStored) this.#drops?.add({ ...toSessionRecord(session), upTo, evicted });
  }
}
