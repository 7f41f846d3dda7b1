/**
 * The sessions of those who put: by name, by when they were used, and by owner.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { Owners } from "./put_owners.ts";
import type { Run, Session } from "./put_session.ts";

/** Keeps sessions with their runs. One whose last run is taken out goes, too. */
export class PutSessions {
  /** The least recently used first. */
  readonly #sessions = new NameMap<Session>();
  readonly #owners = new Owners<Run>();
  #runs = 0;
  #nextId = 1;
  /** The one that was looked up last, and the one that was used last. */
  #found: Session | undefined;
  #newest: Session | undefined;

  /** How many runs they have together. */
  get runs(): number {
    return this.#runs;
  }

  /** The oldest run of the owner who has the most; there must be one. */
  get oldestOfLargest(): Run {
    return this.#owners.largest.oldest;
  }

  /** All of them, the least recently used first. */
  values(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** A session that is known. */
  find(name: string): Session | undefined {
    const found = this.#found;
    if (found?.name === name) return found;
    const session = this.#sessions.get(name);
    if (session) this.#found = session;
    return session;
  }

  /** A session that is known, as the one that is used most recently. */
  turnTo(name: string): Session | undefined {
    let session = this.#newest;
    if (session?.name === name) return session;
    session = this.#sessions.get(name);
    if (!session) return undefined;
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    return this.#newest = session;
  }

  /** A session that is not known, of which what was stored up to a sequence number may be lost. */
  meet(name: string, owner: string, lost: number): Session {
    return this.add({ id: this.#nextId, name, owner, forgotten: 0, lost });
  }

  /** Adds a session, which has no run yet. */
  add(
    { id, name, owner, forgotten, lost }: Pick<Session, "id" | "name" | "forgotten" | "lost"> & {
      readonly owner: string;
    },
  ): Session {
    const session: Session = {
      id,
      name,
      owner: this.#owners.of(owner),
      runs: [],
      head: 0,
      forgotten,
      lost,
      used: 0,
      stored: false,
    };
    this.#nextId = Math.max(this.#nextId, session.id + 1);
    this.#sessions.set(session.name, session);
    return this.#newest = session;
  }

  /** Adds a run to a session, as its last. */
  begin(session: Session, first: number, count: number, seq: number): Run {
    const run: Run = {
      session,
      first,
      seq,
      count,
      before: 0,
      touched: false,
      older: undefined,
      newer: undefined,
    };
    // Most sessions have one run: an array that begins empty and grows has room for 17.
    if (session.runs.length === 0) session.runs = [run];
    else session.runs.push(run);
    this.#owners.give(session.owner, run);
    this.#runs++;
    return run;
  }

  /** Takes out the first run of a session, or the last. */
  remove(run: Run): void {
    const { session } = run;
    this.#countOut(run);
    if (run === session.runs[session.runs.length - 1]) session.runs.pop();
    else session.head++;
    const { head, runs: { length } } = session;
    if (head === length) this.#leave(session);
    // One that has but one run left keeps no room for more, as most have one.
    else if (length - head === 1 || (head > 32 && head > length / 2)) {
      session.runs = session.runs.slice(session.head);
      session.head = 0;
    }
  }

  /** Takes out a session with all of its runs. */
  delete(session: Session): void {
    for (let i = session.head; i < session.runs.length; i++) this.#countOut(session.runs[i]!);
    this.#leave(session);
    session.head = session.runs.length;
  }

  /** Nothing is left of a session. */
  #leave(session: Session): void {
    this.#sessions.delete(session.name);
    if (this.#found === session) this.#found = undefined;
    if (this.#newest === session) this.#newest = undefined;
  }

  #countOut(run: Run): void {
    this.#runs--;
    this.#owners.take(run.session.owner, run);
  }
}
