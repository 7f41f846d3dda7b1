/**
 * What was put once: which numbers of which sessions were stored, and where.
 *
 * @module
 */

import {
  type DedupSession,
  type DroppedRuns,
  EMPTY_RUN,
  findSeq,
  isEmptyRun,
  type RecordedRun,
  type SeqRun,
  type SessionRecord,
  type SessionRun,
  toSessionRecord,
} from "./dedup_session.ts";
import { DedupSessions } from "./dedup_sessions.ts";

/** So many runs are remembered in all, unless it is said otherwise. */
export const MAX_RUNS = 262_144;

/** A run takes so many bytes of what may be stored, its session included. */
export const RUN_BYTES = 550;

/** No run is longer: what is forgotten at once stays small. */
const MAX_RUN_LENGTH = 65_536;

/** For how long a session that puts nothing is remembered at least, in milliseconds. */
const MIN_SESSION_LIFETIME = 600_000;

/** How many runs of sessions that are too old are forgotten at once. */
const EXPIRY_BATCH = 256;

/** How it is bounded. */
export interface DedupIndexOptions {
  /** The last so many numbers of a session are remembered. */
  readonly window: number;
  /** For how many milliseconds messages are kept. */
  readonly retention: number;
  /** Runs in all. */
  readonly maxRuns: number;
}

/**
 * Remembers puts by session and number, as runs, in memory. What was noted since the last
 * {@linkcode DedupIndex.commit} can be undone.
 *
 * Each session belongs to the owner who opened it or put first in it. Where there are too many runs, the owner who has
 * the most of them loses the oldest: so whoever makes many forgets his own, and owners that put now and then keep what is
 * recent, however many others there are.
 */
export class DedupIndex {
  readonly #window: number;
  readonly #maxRuns: number;
  readonly #sessionLifetime: number;
  readonly #onDrop: ((dropped: DroppedRuns) => void) | undefined;
  readonly #sessions = new DedupSessions();
  readonly #changed: SessionRun[] = [];
  #evictedTo = 0;

  /**
   * Remembers nothing yet.
   *
   * @param options how it is bounded
   * @param onDrop hears what is dropped
   */
  constructor(
    { window, retention, maxRuns }: DedupIndexOptions,
    onDrop?: (dropped: DroppedRuns) => void,
  ) {
    this.#window = window;
    this.#maxRuns = maxRuns;
    this.#sessionLifetime = Math.max(retention, MIN_SESSION_LIFETIME);
    this.#onDrop = onDrop;
  }

  /** No session of which nothing is left had stored anything after this sequence number. */
  get evictedTo(): number {
    return this.#evictedTo;
  }

  /** How many runs are remembered. */
  get runs(): number {
    // What is too much is dropped with the next commit.
    return Math.min(this.#sessions.runs, this.#maxRuns);
  }

  /** Whether all that a session stored after a sequence number is remembered, but for what is older than its window. */
  isCompleteAfter(name: string, seq: number): boolean {
    return seq >= (this.#sessions.find(name)?.lost ?? this.#evictedTo);
  }

  /** Where a number was stored; 0 if it was not and may be, else `FORGOTTEN` or `SUPERSEDED`. */
  find(name: string, n: number): number {
    const session = this.#sessions.find(name);
    return session ? findSeq(session, n) : 0;
  }

  /** A number was stored, which is larger than all before; if its session is not known, it is this owner's. */
  record(name: string, n: number, seq: number, owner = ""): void {
    const session = this.#sessions.touch(name) ?? this.#addSession(name, owner);
    const { runs } = session;
    const run = runs[runs.length - 1];
    if (
      run && n === run.first + run.count && seq === run.seq + run.count &&
      run.count < MAX_RUN_LENGTH
    ) {
      if (!run.isChanged) this.#markChanged(run, run.count);
      run.count++;
      return;
    }
    // It may have been known before, if anything was lost.
    if (!run || isEmptyRun(run)) session.forgotten = session.lost > 0 ? n - 1 : 0;
    this.#markChanged(this.#sessions.addRun(session, n, 1, seq), 0);
  }

  /** An owner goes on with a session: it is known from now on, as if something had been put in it. */
  open(name: string, now: number, owner = ""): void {
    let session = this.#sessions.touch(name);
    if (!session) {
      session = this.#addSession(name, owner);
      this.#sessions.addRun(session, ...EMPTY_RUN);
      this.#dropExcess();
    }
    session.lastUsed = now;
  }

  /** A session is heard of: it is remembered for as long as if it had put something. */
  refresh(name: string, now: number): void {
    const session = this.#sessions.touch(name);
    if (session) session.lastUsed = now;
  }

  /** Forgets a session that will not come back: nothing of it counts as lost. Nothing is noted meanwhile. */
  forget(name: string): void {
    const session = this.#sessions.find(name);
    if (session) this.#dropSession(session);
  }

  /** What was noted holds. Drops what is too old or too much. */
  commit(now: number): void {
    if (this.#changed.length === 0) return;
    for (const run of this.#changed) {
      run.isChanged = false;
      run.session.lastUsed = now;
      run.session.isStored = true;
      this.#dropOutsideWindow(run.session);
    }
    this.#changed.length = 0;
    this.#dropExcess();
  }

  /** What was noted since the last commit does not hold. */
  rollback(): void {
    for (const run of this.#changed.toReversed()) {
      run.isChanged = false;
      if (run.countBefore > 0) run.count = run.countBefore;
      else this.#sessions.removeRun(run);
    }
    this.#changed.length = 0;
  }

  /** What was noted since the last commit, as runs. */
  *recorded(): Iterable<RecordedRun> {
    for (const run of this.#changed) {
      const { session, first, count, seq } = run;
      const { runs, head, isStored } = session;
      const isNew = !isStored && run === runs[isEmptyRun(runs[head]!) ? head + 1 : head];
      yield { ...toSessionRecord(session), first, count, seq, isNew };
    }
  }

  /** Forgets sessions that have not been heard of for long, some at a time; says whether there are more. */
  expire(now: number): boolean {
    let left = EXPIRY_BATCH;
    for (const session of this.#sessions.values()) {
      if (session.lastUsed + this.#sessionLifetime > now) return false;
      if (left <= 0) return true;
      left -= session.runs.length - session.head;
      const last = session.runs[session.runs.length - 1]!;
      session.lost = Math.max(session.lost, last.seq + last.count - 1);
      this.#evictedTo = Math.max(this.#evictedTo, session.lost);
      this.#dropSession(session);
    }
    return false;
  }

  /** Takes what was remembered elsewhere: runs in the order of their sequence numbers, and what is lost of all others. */
  load(runs: Iterable<SeqRun & SessionRecord>, lost: number, now: number): void {
    for (const { id, session: name, owner, first, count, seq, forgotten, lost } of runs) {
      const session = this.#sessions.touch(name) ??
        this.#sessions.add({ id, name, owner, forgotten, lost });
      this.#markChanged(this.#sessions.addRun(session, first, count, seq), 0);
    }
    this.#evictedTo = lost;
    this.commit(now);
  }

  /** A session that is not known. */
  #addSession(name: string, owner: string): DedupSession {
    return this.#sessions.create(name, owner, this.#evictedTo);
  }

  #markChanged(run: SessionRun, countBefore: number): void {
    run.isChanged = true;
    run.countBefore = countBefore;
    this.#changed.push(run);
  }

  /** Drops what is before the last numbers of a session. */
  #dropOutsideWindow(session: DedupSession): void {
    const last = session.runs[session.runs.length - 1]!;
    const upTo = last.first + last.count - 1 - this.#window;
    for (let run; (run = session.runs[session.head]!) !== last;) {
      if (isEmptyRun(run)) this.#sessions.removeRun(run);
      else if (run.first + run.count - 1 <= upTo) this.#dropOldest(run);
      else break;
    }
  }

  #dropExcess(): void {
    while (this.#sessions.runs > this.#maxRuns) {
      this.#dropOldest(this.#sessions.oldestOfLargestOwner);
    }
  }

  /** Drops the oldest run of a session, which might have repeated it. */
  #dropOldest(run: SessionRun): void {
    const { session } = run;
    session.lost = Math.max(session.lost, run.seq + run.count - 1);
    session.forgotten = Math.max(session.forgotten, run.first + run.count - 1);
    this.#sessions.removeRun(run);
    const evicted = session.head === session.runs.length;
    if (evicted) this.#evictedTo = Math.max(this.#evictedTo, session.lost);
    this.#notifyDropped(session, run.first, evicted);
  }

  #dropSession(session: DedupSession): void {
    this.#sessions.delete(session);
    this.#notifyDropped(session, Infinity, true);
  }

  #notifyDropped(session: DedupSession, upTo: number, evicted: boolean): void {
    if (session.isStored) this.#onDrop?.({ ...toSessionRecord(session), upTo, evicted });
  }
}
