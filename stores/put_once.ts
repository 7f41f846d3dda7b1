/**
 * What was put once: which numbers of which sessions were stored, and where.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";

/** So many runs are remembered in all, unless it is said otherwise. */
export const MOST_RUNS = 262_144;

/** No run is longer: what is forgotten at once stays small. */
const LONGEST = 65_536;

/** For how long a session that puts nothing is remembered at least, in milliseconds. */
const LEAST_TIME = 600_000;

/** Consecutive numbers of a session that were given consecutive sequence numbers. */
export interface PutRun {
  readonly session: string;
  /** The first of the numbers. */
  readonly first: number;
  readonly count: number;
  /** Where the first of them was stored. */
  readonly seq: number;
}

/** A session that is remembered, and what is not remembered of it. */
export interface PutSession {
  readonly session: string;
  /** Numbers up to here of which nothing is known may have been stored. */
  readonly forgotten: number;
  /** Nothing of it that was stored after this sequence number is lost. */
  readonly lost: number;
}

interface Run {
  readonly session: Session;
  readonly first: number;
  readonly seq: number;
  count: number;
  /** How long it was before the turn began; 0 if it was not there. Only while it is touched. */
  before: number;
  touched: boolean;
  dropped: boolean;
}

interface Session {
  readonly name: string;
  /** By their numbers; mostly the newest is the last. There is at least one. */
  readonly runs: Run[];
  /** As {@linkcode PutSession} has them. */
  forgotten: number;
  lost: number;
  /** When it was heard of last. */
  used: number;
}

/** A run that is to be remembered no longer. */
export interface Dropped extends PutRun, PutSession {
  /** Nothing is left of the session. */
  readonly wholly: boolean;
}

/** What {@linkcode PutOnce.find} says of a number that may have been stored, and nobody knows. */
export const FORGOTTEN = -1;

/** What {@linkcode PutOnce.find} says of a number that was certainly not stored, though a later one of its session was. */
export const SUPERSEDED = -2;

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
 * Where there are too many runs, the oldest of all are dropped: sessions that put now and then keep what is
 * recent, however many others there are.
 */
export class PutOnce {
  readonly #window: number;
  readonly #most: number;
  readonly #keep: number;
  readonly #onDrop: ((dropped: Dropped) => void) | undefined;
  /** The least recently used first. */
  readonly #sessions = new NameMap<Session>();
  /** All runs in the order in which they were begun, from `#head` on; among them some that were dropped. */
  #order: Run[] = [];
  #head = 0;
  #live = 0;
  readonly #touched: Run[] = [];
  /** Who was looked up last, and who noted last. */
  #found: Session | undefined;
  #newest: Session | undefined;
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

  /** Whether all that a session stored after a sequence number is remembered, but for what is older than its window. */
  recalls(name: string, seq: number): boolean {
    return seq >= (this.#sessions.get(name)?.lost ?? this.#lost);
  }

  /** Where a number was stored; 0 if it was not and may be, else {@linkcode FORGOTTEN} or {@linkcode SUPERSEDED}. */
  find(name: string, n: number): number {
    let session = this.#found;
    if (session?.name !== name) {
      session = this.#sessions.get(name);
      if (!session) return 0;
      this.#found = session;
    }
    const { runs } = session!;
    const last = runs[runs.length - 1]!;
    if (n >= last.first + last.count) return 0;
    const run = runs[place(runs, n) - 1];
    if (run && n < run.first + run.count) return run.seq + n - run.first;
    return n <= session!.forgotten ? FORGOTTEN : SUPERSEDED;
  }

  /** A number was stored, which is larger than all before. */
  note(name: string, n: number, seq: number): void {
    let session = this.#newest;
    if (session?.name !== name) session = this.#turnTo(name) ?? this.#meet(name, n);
    const { runs } = session!;
    const run = runs[runs.length - 1];
    if (
      run && n === run.first + run.count && seq === run.seq + run.count && run.count < LONGEST
    ) {
      if (!run.touched) this.#touch(run, run.count);
      run.count++;
    } else this.#begin(session!, n, 1, seq);
  }

  /** A session is heard of: it is remembered for as long as if it had put something. */
  keep(name: string, now: number): void {
    const session = this.#turnTo(name);
    if (session) session.used = now;
  }

  /** Forgets a session that will not come back: nothing of it counts as lost. Nothing is noted meanwhile. */
  forget(name: string): void {
    const session = this.#sessions.get(name);
    for (const run of session ? [...session.runs] : []) this.#drop(run);
  }

  /** What was noted holds. Drops what is too old or too much. */
  commit(now: number): void {
    if (this.#touched.length === 0) return;
    for (const run of this.#touched) {
      run.touched = false;
      run.session.used = now;
      this.#dropOld(run.session);
    }
    this.#touched.length = 0;
    for (; this.#live > this.#most; this.#head++) {
      const run = this.#order[this.#head]!;
      if (!run.dropped) this.#lose(run);
    }
    if (this.#order.length > 1.25 * this.#live + 1024) this.#tidy();
  }

  /** What was noted since the last commit does not hold. */
  rollback(): void {
    for (const run of this.#touched.toReversed()) {
      run.touched = false;
      if (run.before > 0) run.count = run.before;
      else this.#remove(run);
    }
    this.#touched.length = 0;
  }

  /** What was noted since the last commit, as runs. */
  *noted(): Iterable<PutRun & PutSession> {
    for (const run of this.#touched) yield told(run);
  }

  /** Forgets sessions that have not been heard of for long. */
  expire(now: number): void {
    for (const session of this.#sessions.values()) {
      if (session.used + this.#keep > now) break;
      for (const run of [...session.runs]) this.#lose(run);
    }
  }

  /** Takes what was remembered elsewhere: runs in the order of their sequence numbers, and what is lost of all others. */
  load(runs: Iterable<PutRun & PutSession>, lost: number, now: number): void {
    for (const { session: name, first, count, seq, forgotten, lost } of runs) {
      const session = this.#turnTo(name) ?? this.#add({ name, forgotten, lost });
      this.#begin(session, first, count, seq);
    }
    this.#lost = lost;
    this.commit(now);
  }

  /** A session that is known, as the one that is used most recently. */
  #turnTo(name: string): Session | undefined {
    let session = this.#newest;
    if (session?.name === name) return session;
    session = this.#sessions.get(name);
    if (!session) return undefined;
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    return this.#newest = session;
  }

  /** A session that is not known puts a number. It may have been known before, if anything is lost. */
  #meet(name: string, n: number): Session {
    const lost = this.#lost;
    return this.#add({ name, forgotten: lost > 0 ? n - 1 : 0, lost });
  }

  #add(known: Pick<Session, "name" | "forgotten" | "lost">): Session {
    const session = { ...known, runs: [], used: 0 };
    this.#sessions.set(session.name, session);
    return this.#newest = session;
  }

  #begin(session: Session, first: number, count: number, seq: number): void {
    const run: Run = { session, first, seq, count, before: 0, touched: false, dropped: false };
    const { runs } = session;
    const last = runs[runs.length - 1];
    if (!last || last.first < first) runs.push(run);
    else runs.splice(place(runs, first), 0, run);
    this.#order.push(run);
    this.#live++;
    this.#touch(run, 0);
  }

  #touch(run: Run, before: number): void {
    run.touched = true;
    run.before = before;
    this.#touched.push(run);
  }

  /** Drops what is before the last numbers of a session. */
  #dropOld({ runs }: Session): void {
    const last = runs[runs.length - 1];
    if (!last) return;
    const upTo = last.first + last.count - 1 - this.#window;
    while (runs.length > 1 && runs[0]!.first + runs[0]!.count - 1 <= upTo) this.#lose(runs[0]!);
  }

  /** Drops a run that its session might have repeated. */
  #lose(run: Run): void {
    const { session } = run;
    session.lost = Math.max(session.lost, run.seq + run.count - 1);
    if (session.runs.length === 1) this.#lost = Math.max(this.#lost, session.lost);
    this.#drop(run);
  }

  #drop(run: Run): void {
    const { session } = run;
    session.forgotten = Math.max(session.forgotten, run.first + run.count - 1);
    this.#remove(run);
    this.#onDrop?.({ ...told(run), wholly: session.runs.length === 0 });
  }

  #remove(run: Run): void {
    const { session } = run;
    const { runs, name } = session;
    runs.splice(place(runs, run.first) - 1, 1);
    run.dropped = true;
    this.#live--;
    if (runs.length > 0) return;
    this.#sessions.delete(name);
    if (this.#found === session) this.#found = undefined;
    if (this.#newest === session) this.#newest = undefined;
  }

  #tidy(): void {
    this.#order = this.#order.slice(this.#head).filter(({ dropped }) => !dropped);
    this.#head = 0;
  }
}

/** How many of the runs begin with a number or before it. */
function place(runs: readonly Run[], n: number): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.first <= n) low = middle + 1;
    else high = middle;
  }
  return low;
}

function told({ session, first, count, seq }: Run): PutRun & PutSession {
  const { name, forgotten, lost } = session;
  return { session: name, first, count, seq, forgotten, lost };
}
