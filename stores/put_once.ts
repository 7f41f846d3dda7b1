/**
 * What was put once: which numbers of which sessions were stored, and where.
 *
 * @module
 */

/** So many runs are remembered in all. */
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
  /** Numbers up to here that are in no run may have been stored. */
  forgotten: number;
  /** When it put something last. */
  used: number;
}

/** A run that is to be remembered no longer. */
export interface Dropped extends PutRun {
  /** Up to which number its session is forgotten now. */
  readonly forgotten: number;
  /** Nothing is left of the session. */
  readonly wholly: boolean;
}

/** What {@linkcode PutOnce.find} says of a number that may have been stored, and nobody knows. */
export const FORGOTTEN = -1;

/** How it is bounded. */
export interface PutOnceOptions {
  /** The last so many numbers of a session are remembered. */
  readonly window: number;
  /** For how many milliseconds messages are kept. */
  readonly retention: number;
  /** Runs in all. Default: 262144. */
  readonly most?: number;
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
  readonly #sessions = new Map<string, Session>();
  /** All runs in the order in which they were begun, from `#head` on; among them some that were dropped. */
  #order: Run[] = [];
  #head = 0;
  #live = 0;
  readonly #touched: Run[] = [];
  /** Who was looked up last, and who noted last. */
  #found: Session | undefined;
  #newest: Session | undefined;
  #recalls = 0;

  /**
   * Remembers nothing yet.
   *
   * @param options how it is bounded
   * @param onDrop hears what is dropped
   */
  constructor(
    { window, retention, most = MOST_RUNS }: PutOnceOptions,
    onDrop?: (dropped: Dropped) => void,
  ) {
    this.#window = window;
    this.#most = most;
    this.#keep = Math.max(retention, LEAST_TIME);
    this.#onDrop = onDrop;
  }

  /** What was stored after this sequence number is remembered, but for what is older than a session's window. */
  get recalls(): number {
    return this.#recalls;
  }

  /** Where a number was stored; 0 if it was not, {@linkcode FORGOTTEN} if nobody knows. */
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
    return n <= session!.forgotten ? FORGOTTEN : 0;
  }

  /** A number was stored that had not been found. */
  note(name: string, n: number, seq: number): void {
    let session = this.#newest;
    if (session?.name !== name) session = this.#turnTo(name);
    const { runs } = session!;
    const run = runs[runs.length - 1];
    if (
      run && n === run.first + run.count && seq === run.seq + run.count && run.count < LONGEST
    ) {
      if (!run.touched) this.#touch(run, run.count);
      run.count++;
    } else this.#begin(session!, n, 1, seq);
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
    if (this.#order.length > 2 * this.#live + 1024) this.#tidy();
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
  *noted(): Iterable<PutRun> {
    for (const run of this.#touched) yield told(run);
  }

  /** Forgets sessions that have put nothing for long. */
  expire(now: number): void {
    for (const session of this.#sessions.values()) {
      if (session.used + this.#keep > now) break;
      for (const run of [...session.runs]) this.#lose(run);
    }
  }

  /** Takes what was remembered elsewhere: runs in the order of their sequence numbers, and what is forgotten. */
  load(
    runs: Iterable<PutRun>,
    forgotten: Iterable<readonly [string, number]>,
    recalls: number,
    now: number,
  ): void {
    for (const { session, first, count, seq } of runs) {
      this.#begin(this.#turnTo(session), first, count, seq);
    }
    for (const [name, upTo] of forgotten) {
      const session = this.#sessions.get(name);
      if (session) session.forgotten = upTo;
    }
    this.#recalls = recalls;
    this.commit(now);
  }

  /** The session, as the one that is used most recently. */
  #turnTo(name: string): Session {
    let session = this.#sessions.get(name);
    if (session) this.#sessions.delete(name);
    else session = { name, runs: [], forgotten: 0, used: 0 };
    this.#sessions.set(name, session);
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
    while (runs.length > 1 && runs[0]!.first + runs[0]!.count - 1 <= upTo) this.#drop(runs[0]!);
  }

  /** Drops a run that its session might have repeated. */
  #lose(run: Run): void {
    this.#recalls = Math.max(this.#recalls, run.seq + run.count - 1);
    this.#drop(run);
  }

  #drop(run: Run): void {
    const { session } = run;
    session.forgotten = Math.max(session.forgotten, run.first + run.count - 1);
    this.#remove(run);
    const { forgotten, runs } = session;
    this.#onDrop?.({ ...told(run), forgotten, wholly: runs.length === 0 });
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

function told({ session, first, count, seq }: Run): PutRun {
  return { session: session.name, first, count, seq };
}
