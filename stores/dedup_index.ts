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

/** With each turn so many runs are freed, and the rest of their session, of sessions that have expired. */
const FREED_AT_ONCE = 256;

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
 * Remembers puts by session and number, as runs, in memory. It works in turns: {@linkcode DedupIndex.begin} says when one
 * happens, {@linkcode DedupIndex.settle} ends it, so that what is forgotten depends on the turns alone. What was noted since
 * the last {@linkcode DedupIndex.commit} can be undone, but for what was forgotten meanwhile.
 *
 * A session that was not used for long has expired: from then on it counts as forgotten. It is freed when it is met again, or
 * a few with each turn.
 *
 * Each session belongs to the owner who opened it or put first in it. Where there are too many runs, the owner who has
 * the most of them loses the oldest: so whoever makes many forgets his own, and owners that put now and then keep what is
 * recent, however many others there are.
 */
export class DedupIndex {
  readonly #window: number;
  readonly #maxRuns: number;
  readonly #onDrop: ((dropped: DroppedRuns) => void) | undefined;
  readonly #sessions: DedupSessions;
  readonly #changed: SessionRun[] = [];
  /** Those in which something was noted in this turn. */
  readonly #inTurn: DedupSession[] = [];
  #lastInTurn: DedupSession | undefined;
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
    this.#sessions = new DedupSessions(Math.max(retention, MIN_SESSION_LIFETIME));
    this.#onDrop = onDrop;
  }

  /** No session of which nothing is left had stored anything after this sequence number. */
  get evictedTo(): number {
    return this.#evictedTo;
  }

  /** How many runs are remembered, those included of sessions that have expired and are not freed yet. */
  get runs(): number {
    // What is too much is dropped as the turn ends.
    return Math.min(this.#sessions.runs, this.#maxRuns);
  }

  /** Begins a turn: frees some of what has expired by then. */
  begin(now: number): void {
    this.#sessions.beginTurn(now);
    for (let left = FREED_AT_ONCE, session; left > 0 && (session = this.#sessions.expired);) {
      left -= session.runs.length - session.head;
      this.#expire(session);
    }
  }

  /** Whether there is something to free by now. */
  get holdsExpired(): boolean {
    return this.#sessions.expired !== undefined;
  }

  /**
   * Whether all that a session stored after a sequence number is remembered at a time, but for what is older than its
   * window.
   */
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

  /** A number was stored, which is larger than all before; if its session is not known, it is this owner's. */
  record(name: string, n: number, seq: number, owner = ""): void {
    const session = this.#known(name) ?? this.#addSession(name, owner);
    if (this.#lastInTurn !== session) this.#inTurn.push(this.#lastInTurn = session);
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
  open(name: string, owner = ""): void {
    const known = this.#known(name);
    if (known) known.lastUsed = this.#sessions.now;
    else this.#sessions.addRun(this.#addSession(name, owner), ...EMPTY_RUN);
  }

  /** A session that is known is used: it is remembered for as long as if it had put something. */
  refresh(name: string): void {
    const session = this.#known(name);
    if (session) session.lastUsed = this.#sessions.now;
  }

  /** Forgets a session that will not come back: nothing of it counts as lost. */
  forget(name: string): void {
    const session = this.#sessions.get(name);
    if (session) this.#dropSession(session);
  }

  /** Ends a turn: drops what is too old or too much. */
  settle(): void {
    for (const session of this.#inTurn) {
      session.lastUsed = this.#sessions.now;
      if (session.head < session.runs.length) this.#dropOutsideWindow(session);
    }
    this.#inTurn.length = 0;
    this.#lastInTurn = undefined;
    while (this.#sessions.runs > this.#maxRuns) {
      this.#dropOldest(this.#sessions.oldestOfLargestOwner);
    }
  }

  /** What was noted holds. */
  commit(): void {
    for (const run of this.#changed) {
      if (run.isChanged) run.session.isStored = true;
      run.isChanged = false;
    }
    this.#changed.length = 0;
  }

  /** What was noted since the last commit does not hold. */
  rollback(): void {
    this.#inTurn.length = 0;
    this.#lastInTurn = undefined;
    for (const run of this.#changed.toReversed()) {
      if (!run.isChanged) continue;
      const { session } = run;
      run.isChanged = false;
      if (run.countBefore > 0) run.count = run.countBefore;
      else this.#sessions.removeRun(run);
      // What it had before was dropped meanwhile.
      if (session.isStored && session.head === session.runs.length) this.#lostAll(session);
    }
    this.#changed.length = 0;
  }

  /** What was noted since the last commit and is remembered, as runs. */
  *recorded(): Iterable<RecordedRun> {
    for (const run of this.#changed) {
      if (!run.isChanged) continue;
      const { session, first, count, seq } = run;
      const { runs, head, isStored } = session;
      const isNew = !isStored && run === runs[isEmptyRun(runs[head]!) ? head + 1 : head];
      yield { ...toSessionRecord(session), first, count, seq, isNew };
    }
  }

  /** Takes what was remembered elsewhere: runs in the order of their sequence numbers, and what is lost of all others. */
  load(runs: Iterable<SeqRun & SessionRecord>, lost: number, now: number): void {
    this.#sessions.beginTurn(now);
    for (const { id, session: name, owner, first, count, seq, forgotten, lost } of runs) {
      const session = this.#sessions.touch(name) ??
        this.#sessions.create({ id, name, owner, forgotten, lost });
      this.#sessions.addRun(session, first, count, seq);
    }
    this.#evictedTo = lost;
    for (const session of this.#sessions.values()) {
      session.isStored = true;
      this.#dropOutsideWindow(session);
    }
    this.settle();
  }

  /** A session that is known and has not expired, as the one that is used most recently. */
  #known(name: string): DedupSession | undefined {
    const session = this.#sessions.touch(name);
    const expired = session ? undefined : this.#sessions.get(name);
    if (expired) this.#expire(expired);
    return session;
  }

  /** A session that is not known. */
  #addSession(name: string, owner: string): DedupSession {
    return this.#sessions.create({ name, owner, forgotten: 0, lost: this.#evictedTo });
  }

  #expire(session: DedupSession): void {
    session.lost = this.#lostWith(session);
    this.#evictedTo = Math.max(this.#evictedTo, session.lost);
    this.#dropSession(session);
  }

  /** What is lost of a session when all of it is. */
  #lostWith(session: DedupSession): number {
    const last = session.runs[session.runs.length - 1]!;
    return Math.max(session.lost, last.seq + last.count - 1);
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

  /** Drops the oldest run of a session, which might have repeated it. */
  #dropOldest(run: SessionRun): void {
    const { session } = run;
    session.lost = Math.max(session.lost, run.seq + run.count - 1);
    session.forgotten = Math.max(session.forgotten, run.first + run.count - 1);
    run.isChanged = false;
    this.#sessions.removeRun(run);
    if (session.head === session.runs.length) this.#lostAll(session);
    else this.#notifyDropped(session, run.first, false);
  }

  /** Nothing is left of a session that may come back. */
  #lostAll(session: DedupSession): void {
    this.#evictedTo = Math.max(this.#evictedTo, session.lost);
    this.#notifyDropped(session, Infinity, true);
  }

  #dropSession(session: DedupSession): void {
    for (let i = session.head; i < session.runs.length; i++) session.runs[i]!.isChanged = false;
    this.#sessions.delete(session);
    this.#notifyDropped(session, Infinity, true);
  }

  #notifyDropped(session: DedupSession, upTo: number, evicted: boolean): void {
    if (session.isStored) this.#onDrop?.({ ...toSessionRecord(session), upTo, evicted });
  }
}
