/**
 * The sessions of the deduplication index: by name, by last use, and by owner.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { AgeList } from "./age_list.ts";
import { DedupOwners } from "./dedup_owners.ts";
import {
  type DedupSession,
  firstRecorded,
  type SessionBefore,
  type SessionRun,
} from "./dedup_session.ts";

/** A run that was there at the last commit and was removed since. */
interface RemovedRun {
  readonly run: SessionRun;
  /** The run of the same owner behind which it was. */
  readonly older: SessionRun | undefined;
}

/** Keeps sessions with their runs. A session whose last run is removed goes, too. All of it can be rolled back. */
export class DedupSessions {
  readonly #byName = new NameMap<DedupSession>();
  readonly #byUse = new AgeList<DedupSession>();
  readonly #owners = new DedupOwners<SessionRun>();
  readonly #lifetime: number;
  #now = 0;
  #committedNow = 0;
  #runs = 0;
  #nextId = 1;
  /** The session that was found last in this turn, and the one that was used last: neither has expired. */
  #lastFound: DedupSession | undefined;
  #lastTouched: DedupSession | undefined;
  /** What has changed since the last commit, each in the order in which it happened. */
  readonly #changed: SessionBefore[] = [];
  readonly #moved: SessionBefore[] = [];
  readonly #removedRuns: RemovedRun[] = [];

  /**
   * Has no sessions yet.
   *
   * @param lifetime for how many milliseconds an unused session is kept
   */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  /** When the present turn happens. */
  get now(): number {
    return this.#now;
  }

  /** Begins a turn. */
  beginTurn(now: number): void {
    this.#now = now;
    this.#lastFound = undefined;
    if (this.#lastTouched && this.hasExpired(this.#lastTouched)) this.#lastTouched = undefined;
  }

  /** Whether a session has expired by a time; by default that of this turn. */
  hasExpired(session: DedupSession, now = this.#now): boolean {
    return session.lastUsed + this.#lifetime <= now;
  }

  /** The session that was not used for the longest time, if it has expired. */
  get expired(): DedupSession | undefined {
    const { oldest } = this.#byUse;
    return oldest && this.hasExpired(oldest) ? oldest : undefined;
  }

  /** Whether any has expired by a time. */
  anyExpiredBy(now: number): boolean {
    const { oldest } = this.#byUse;
    return oldest !== undefined && this.hasExpired(oldest, now);
  }

  /** How many runs they have together. */
  get runs(): number {
    return this.#runs;
  }

  /** The oldest run of the owner that has the most; there must be one. */
  get oldestOfLargestOwner(): SessionRun {
    return this.#owners.largest.items.oldest!;
  }

  /** All of them. */
  values(): Iterable<DedupSession> {
    return this.#byName.values();
  }

  /** All of them, that which was not used for the longest time first. */
  byUse(): Iterable<DedupSession> {
    return this.#byUse;
  }

  /** All of their runs: by the names of their owners, and of each owner the oldest first. */
  runsByOwner(): Iterable<SessionRun> {
    return this.#owners.items();
  }

  /** Those that have changed since the last commit. */
  get changed(): Iterable<DedupSession> {
    return this.#changed.map(({ session }) => session);
  }

  /** A session, whether or not it has expired. */
  get(name: string): DedupSession | undefined {
    return this.#byName.get(name);
  }

  /** A session that has not expired by this turn. */
  find(name: string): DedupSession | undefined {
    const found = this.#lastFound;
    if (found?.name === name) return found;
    const session = this.#byName.get(name);
    if (!session || this.hasExpired(session)) return undefined;
    return this.#lastFound = session;
  }

  /** A session that has not expired by this turn, to change it; it becomes the most recently used. */
  touch(name: string): DedupSession | undefined {
    const last = this.#lastTouched;
    if (last?.name === name) {
      this.change(last);
      return last;
    }
    const session = this.#byName.get(name);
    if (!session || this.hasExpired(session)) return undefined;
    this.#unlink(session);
    this.#byUse.add(session);
    return this.#lastTouched = session;
  }

  /** Saves how a session is before its first change since the last commit. */
  change(session: DedupSession): SessionBefore {
    if (session.before) return session.before;
    const { runs, head, forgotten, lost, lastUsed } = session;
    const before = {
      session,
      head,
      end: runs.length,
      lastCount: runs.length > 0 ? runs[runs.length - 1]!.count : 0,
      forgotten,
      lost,
      lastUsed,
      hasMoved: false,
      older: undefined,
    };
    this.#changed.push(before);
    return session.before = before;
  }

  /** Adds a session that is not known; it has no run yet. */
  create(
    { id = this.#nextId, name, owner, forgotten, lost }:
      & Pick<DedupSession, "name" | "forgotten" | "lost">
      & { readonly id?: number; readonly owner: string },
  ): DedupSession {
    const session: DedupSession = {
      id,
      name,
      owner: this.#owners.get(owner),
      runs: [],
      head: 0,
      forgotten,
      lost,
      lastUsed: this.#now,
      isStored: false,
      before: undefined,
      older: undefined,
      newer: undefined,
    };
    this.#nextId = Math.max(this.#nextId, session.id + 1);
    this.change(session);
    this.#byName.set(name, session);
    this.#byUse.add(session);
    return this.#lastTouched = session;
  }

  /** Adds a run to a session that is being changed, as its last one. */
  addRun(session: DedupSession, first: number, count: number, seq: number, at?: number): void {
    let run: SessionRun = { session, first, seq, count, older: undefined, newer: undefined };
    // Others have no room for it.
    if (at !== undefined) run = { ...run, at };
    // Most sessions have one run: an array that begins empty and grows has room for 17.
    if (session.runs.length === 0) session.runs = [run];
    else session.runs.push(run);
    this.#owners.addItem(session.owner, run);
    this.#runs++;
  }

  /** Removes the first run of a session. */
  removeFirstRun(session: DedupSession): void {
    this.#removeRun(session, this.change(session));
    if (session.head === session.runs.length) this.#remove(session);
  }

  /** Removes a session with all of its runs. */
  delete(session: DedupSession): void {
    const before = this.change(session);
    while (session.head < session.runs.length) this.#removeRun(session, before);
    this.#remove(session);
  }

  /** What has changed is final. */
  commit(): void {
    this.#committedNow = this.#now;
    for (const { session } of this.#changed) {
      const { runs, head } = session;
      if (firstRecorded(session) < runs.length) session.isStored = true;
      session.before = undefined;
      // A session with one run keeps no room for more: most have one.
      if (head > 0 && (runs.length - head === 1 || (head > 32 && head > runs.length / 2))) {
        session.runs = runs.slice(head);
        session.head = 0;
      }
    }
    this.#changed.length = this.#moved.length = this.#removedRuns.length = 0;
  }

  /** Undoes what has changed since the last commit. */
  rollback(): void {
    this.#now = this.#committedNow;
    this.#lastFound = this.#lastTouched = undefined;
    // First everything goes that was not there. Then what was removed comes back, the last one first: so each finds the
    // neighbour that it had.
    for (const { session, end } of this.#changed) {
      for (const run of session.runs.splice(Math.max(end, session.head))) this.#releaseRun(run);
      session.runs.length = end;
      if (this.#byName.get(session.name) !== session) continue;
      if (end === 0 || session.before!.hasMoved) this.#byUse.remove(session);
      if (end === 0) this.#byName.delete(session.name);
    }
    for (const { run, older } of this.#removedRuns.reverse()) {
      this.#owners.putBackItem(run.session.owner, run, older);
      this.#runs++;
    }
    for (const { session, older } of this.#moved.reverse()) this.#byUse.insertAfter(older, session);
    for (const { session, head, end, lastCount, forgotten, lost, lastUsed } of this.#changed) {
      session.before = undefined;
      if (end === 0) continue;
      session.runs[end - 1]!.count = lastCount;
      Object.assign(session, { head, forgotten, lost, lastUsed });
      this.#byName.set(session.name, session);
    }
    this.#changed.length = this.#moved.length = this.#removedRuns.length = 0;
  }

  /** Takes a session from its place in the order of use. */
  #unlink(session: DedupSession): void {
    const before = this.change(session);
    if (!before.hasMoved && before.end > 0) {
      before.hasMoved = true;
      before.older = session.older;
      this.#moved.push(before);
    }
    this.#byUse.remove(session);
  }

  /** Nothing is left of a session. */
  #remove(session: DedupSession): void {
    this.#unlink(session);
    this.#byName.delete(session.name);
    if (this.#lastFound === session) this.#lastFound = undefined;
    if (this.#lastTouched === session) this.#lastTouched = undefined;
  }

  /** Removes the first run of a session, of which something may be left. */
  #removeRun(session: DedupSession, { end }: SessionBefore): void {
    const run = session.runs[session.head++]!;
    if (session.head <= end) this.#removedRuns.push({ run, older: run.older });
    this.#releaseRun(run);
  }

  #releaseRun(run: SessionRun): void {
    this.#runs--;
    this.#owners.removeItem(run.session.owner, run);
  }
}
