/**
 * What was put once: which numbers of which sessions were stored, and where.
 *
 * @module
 */

import {
  asPutSession,
  type Dropped,
  findIn,
  isOpening,
  type Noted,
  OPENING,
  type PutRun,
  type PutSession,
  type Run,
  type Session,
} from "./put_session.ts";
import { PutSessions } from "./put_sessions.ts";

/** So many runs are remembered in all, unless it is said otherwise. */
export const MOST_RUNS = 262_144;

/** A run takes so many bytes of what may be stored, its session included. */
export const RUN_SIZE = 550;

/** No run is longer: what is forgotten at once stays small. */
const LONGEST = 65_536;

/** For how long a session that puts nothing is remembered at least, in milliseconds. */
const LEAST_TIME = 600_000;

/** How many runs of sessions that are too old are forgotten at once. */
const EXPIRED_AT_ONCE = 256;

/** How it is bounded. */
export interface PutOnceOptions {
  /** The last so many numbers of a session are remembered. */
  readonly window: number;
  /** For how many milliseconds messages are kept. */
  readonly retention: number;
  /** Runs in all. */
  readonly most: number;
}

/**
 * Remembers puts by session and number, as runs, in memory. What was noted since the last
 * {@linkcode PutOnce.commit} can be undone.
 *
 * Each session belongs to the owner who opened it or put first in it. Where there are too many runs, the owner who has
 * the most of them loses the oldest: so whoever makes many forgets his own, and owners that put now and then keep what is
 * recent, however many others there are.
 */
export class PutOnce {
  readonly #window: number;
  readonly #most: number;
  readonly #keep: number;
  readonly #onDrop: ((dropped: Dropped) => void) | undefined;
  readonly #sessions = new PutSessions();
  readonly #touched: Run[] = [];
  #lost = 0;

  /**
   * Remembers nothing yet.
   *
   * @param options how it is bounded
   * @param onDrop hears what is dropped
   */
  constructor(
    { window, retention, most }: PutOnceOptions,
    onDrop?: (dropped: Dropped) => void,
  ) {
    this.#window = window;
    this.#most = most;
    this.#keep = Math.max(retention, LEAST_TIME);
    this.#onDrop = onDrop;
  }

  /** No session of which nothing is left had stored anything after this sequence number. */
  get lost(): number {
    return this.#lost;
  }

  /** How many runs are remembered. */
  get runs(): number {
    // What is too much is dropped with the next commit.
    return Math.min(this.#sessions.runs, this.#most);
  }

  /** Whether all that a session stored after a sequence number is remembered, but for what is older than its window. */
  recalls(name: string, seq: number): boolean {
    return seq >= (this.#sessions.find(name)?.lost ?? this.#lost);
  }

  /** Where a number was stored; 0 if it was not and may be, else `FORGOTTEN` or `SUPERSEDED`. */
  find(name: string, n: number): number {
    const session = this.#sessions.find(name);
    return session ? findIn(session, n) : 0;
  }

  /** A number was stored, which is larger than all before; if its session is not known, it is this owner's. */
  note(name: string, n: number, seq: number, owner = ""): void {
    const session = this.#sessions.turnTo(name) ?? this.#meet(name, owner);
    const { runs } = session;
    const run = runs[runs.length - 1];
    if (
      run && n === run.first + run.count && seq === run.seq + run.count && run.count < LONGEST
    ) {
      if (!run.touched) this.#touch(run, run.count);
      run.count++;
      return;
    }
    // It may have been known before, if anything was lost.
    if (!run || isOpening(run)) session.forgotten = session.lost > 0 ? n - 1 : 0;
    this.#touch(this.#sessions.begin(session, n, 1, seq), 0);
  }

  /** An owner goes on with a session: it is known from now on, as if something had been put in it. */
  open(name: string, now: number, owner = ""): void {
    let session = this.#sessions.turnTo(name);
    if (!session) {
      session = this.#meet(name, owner);
      this.#sessions.begin(session, ...OPENING);
      this.#dropTooMany();
    }
    session.used = now;
  }

  /** A session is heard of: it is remembered for as long as if it had put something. */
  keep(name: string, now: number): void {
    const session = this.#sessions.turnTo(name);
    if (session) session.used = now;
  }

  /** Forgets a session that will not come back: nothing of it counts as lost. Nothing is noted meanwhile. */
  forget(name: string): void {
    const session = this.#sessions.find(name);
    if (session) this.#dropAll(session);
  }

  /** What was noted holds. Drops what is too old or too much. */
  commit(now: number): void {
    if (this.#touched.length === 0) return;
    for (const run of this.#touched) {
      run.touched = false;
      run.session.used = now;
      run.session.stored = true;
      this.#dropOld(run.session);
    }
    this.#touched.length = 0;
    this.#dropTooMany();
  }

  /** What was noted since the last commit does not hold. */
  rollback(): void {
    for (const run of this.#touched.toReversed()) {
      run.touched = false;
      if (run.before > 0) run.count = run.before;
      else this.#sessions.remove(run);
    }
    this.#touched.length = 0;
  }

  /** What was noted since the last commit, as runs. */
  *noted(): Iterable<Noted> {
    for (const run of this.#touched) {
      const { session, first, count, seq } = run;
      const { runs, head, stored } = session;
      const isNew = !stored && run === runs[isOpening(runs[head]!) ? head + 1 : head];
      yield { ...asPutSession(session), first, count, seq, isNew };
    }
  }

  /** Forgets sessions that have not been heard of for long, some at a time; says whether there are more. */
  expire(now: number): boolean {
    let left = EXPIRED_AT_ONCE;
    for (const session of this.#sessions.values()) {
      if (session.used + this.#keep > now) return false;
      if (left <= 0) return true;
      left -= session.runs.length - session.head;
      const last = session.runs[session.runs.length - 1]!;
      session.lost = Math.max(session.lost, last.seq + last.count - 1);
      this.#lost = Math.max(this.#lost, session.lost);
      this.#dropAll(session);
    }
    return false;
  }

  /** Takes what was remembered elsewhere: runs in the order of their sequence numbers, and what is lost of all others. */
  load(runs: Iterable<PutRun & PutSession>, lost: number, now: number): void {
    for (const { id, session: name, owner, first, count, seq, forgotten, lost } of runs) {
      const session = this.#sessions.turnTo(name) ??
        this.#sessions.add({ id, name, owner, forgotten, lost });
      this.#touch(this.#sessions.begin(session, first, count, seq), 0);
    }
    this.#lost = lost;
    this.commit(now);
  }

  /** A session that is not known. */
  #meet(name: string, owner: string): Session {
    return this.#sessions.meet(name, owner, this.#lost);
  }

  #touch(run: Run, before: number): void {
    run.touched = true;
    run.before = before;
    this.#touched.push(run);
  }

  /** Drops what is before the last numbers of a session. */
  #dropOld(session: Session): void {
    const last = session.runs[session.runs.length - 1]!;
    const upTo = last.first + last.count - 1 - this.#window;
    for (let run; (run = session.runs[session.head]!) !== last;) {
      if (isOpening(run)) this.#sessions.remove(run);
      else if (run.first + run.count - 1 <= upTo) this.#lose(run);
      else break;
    }
  }

  #dropTooMany(): void {
    while (this.#sessions.runs > this.#most) this.#lose(this.#sessions.oldestOfLargest);
  }

  /** Drops the oldest run of a session, which might have repeated it. */
  #lose(run: Run): void {
    const { session } = run;
    session.lost = Math.max(session.lost, run.seq + run.count - 1);
    session.forgotten = Math.max(session.forgotten, run.first + run.count - 1);
    this.#sessions.remove(run);
    const wholly = session.head === session.runs.length;
    if (wholly) this.#lost = Math.max(this.#lost, session.lost);
    this.#tellDropped(session, run.first, wholly);
  }

  #dropAll(session: Session): void {
    this.#sessions.delete(session);
    this.#tellDropped(session, Infinity, true);
  }

  #tellDropped(session: Session, upTo: number, wholly: boolean): void {
    if (session.stored) this.#onDrop?.({ ...asPutSession(session), upTo, wholly });
  }
}
