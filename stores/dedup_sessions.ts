/**
 * The sessions of the deduplication index: by name, by last use, and by owner.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { DedupOwners } from "./dedup_owners.ts";
import type { DedupSession, SessionRun } from "./dedup_session.ts";

/** Keeps sessions with their runs. A session whose last run is removed goes, too. */
export class DedupSessions {
  /** Ordered by last use, the oldest first. */
  readonly #sessions = new NameMap<DedupSession>();
  readonly #owners = new DedupOwners<SessionRun>();
  readonly #lifetime: number;
  #now = 0;
  #noneExpiresBefore = 0;
  #runs = 0;
  #nextId = 1;
  /** The session that was found last in this turn, and the one that was used last: neither has expired. */
  #lastFound: DedupSession | undefined;
  #lastTouched: DedupSession | undefined;

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

  /** Whether sessions may have expired: to look costs more than a put, for a map skips all that was deleted before. */
  get mayHaveExpired(): boolean {
    return this.#now >= this.#noneExpiresBefore;
  }

  /** The sessions that have expired; each may be removed meanwhile. */
  *expired(): Iterable<DedupSession> {
    let oldestUse = this.#now;
    for (const session of this.#sessions.values()) {
      if (!this.hasExpired(session)) {
        oldestUse = session.lastUsed;
        break;
      }
      yield session;
    }
    // All others were used after this one.
    this.#noneExpiresBefore = oldestUse + this.#lifetime;
  }

  /** Whether there is one that has expired. */
  get holdsExpired(): boolean {
    for (const _ of this.expired()) return true;
    return false;
  }

  /** How many runs they have together. */
  get runs(): number {
    return this.#runs;
  }

  /** The oldest run of the owner that has the most; there must be one. */
  get oldestOfLargestOwner(): SessionRun {
    return this.#owners.largest.oldest;
  }

  /** All of them, in the order of their last use. */
  values(): Iterable<DedupSession> {
    return this.#sessions.values();
  }

  /** A session, whether or not it has expired. */
  get(name: string): DedupSession | undefined {
    return this.#sessions.get(name);
  }

  /** A session that has not expired by this turn. */
  find(name: string): DedupSession | undefined {
    const found = this.#lastFound;
    if (found?.name === name) return found;
    const session = this.#sessions.get(name);
    if (!session || this.hasExpired(session)) return undefined;
    return this.#lastFound = session;
  }

  /** A session that has not expired by this turn; it becomes the most recently used. */
  touch(name: string): DedupSession | undefined {
    let session = this.#lastTouched;
    if (session?.name === name) return session;
    session = this.#sessions.get(name);
    if (!session || this.hasExpired(session)) return undefined;
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    return this.#lastTouched = session;
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
    };
    this.#nextId = Math.max(this.#nextId, session.id + 1);
    this.#sessions.set(session.name, session);
    return this.#lastTouched = session;
  }

  /** Adds a run to a session, as its last one. */
  addRun(session: DedupSession, first: number, count: number, seq: number): SessionRun {
    const run: SessionRun = {
      session,
      first,
      seq,
      count,
      countBefore: 0,
      isChanged: false,
      older: undefined,
      newer: undefined,
    };
    // Most sessions have one run: an array that begins empty and grows has room for 17.
    if (session.runs.length === 0) session.runs = [run];
    else session.runs.push(run);
    this.#owners.addItem(session.owner, run);
    this.#runs++;
    return run;
  }

  /** Removes the first run of a session, or the last one. */
  removeRun(run: SessionRun): void {
    const { session } = run;
    this.#releaseRun(run);
    if (run === session.runs[session.runs.length - 1]) session.runs.pop();
    else session.head++;
    const { head, runs: { length } } = session;
    if (head === length) this.#removeSession(session);
    // A session with one run keeps no room for more: most have one.
    else if (length - head === 1 || (head > 32 && head > length / 2)) {
      session.runs = session.runs.slice(session.head);
      session.head = 0;
    }
  }

  /** Removes a session with all of its runs. */
  delete(session: DedupSession): void {
    for (let i = session.head; i < session.runs.length; i++) this.#releaseRun(session.runs[i]!);
    this.#removeSession(session);
    session.head = session.runs.length;
  }

  /** Nothing is left of a session. */
  #removeSession(session: DedupSession): void {
    this.#sessions.delete(session.name);
    if (this.#lastFound === session) this.#lastFound = undefined;
    if (this.#lastTouched === session) this.#lastTouched = undefined;
  }

  #releaseRun(run: SessionRun): void {
    this.#runs--;
    this.#owners.removeItem(run.session.owner, run);
  }
}
