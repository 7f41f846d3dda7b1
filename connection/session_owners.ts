/**
 * Who goes on with which session: the newest try that claims it.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { LastAttempts } from "./last_attempts.ts";

/** One who may hold a session. */
export interface SessionOwner {
  /** Whose it is: the same for all who bring the same token, and `""` for those without one. */
  readonly identity: string;
  /** Whose is what it leaves behind: that of its token, or of its address where it has none. */
  readonly holder: string;
  /** A newer connection goes on with the session. */
  takenOver(): void;
}

/**
 * One who came when all places were taken. It may say hello, and nothing else: if it goes on with the session of
 * one who has a place, that place is its own from then on; if nobody holds its session, one that is free by then.
 */
export interface SlotTakeover {
  /** Takes the place of whom it replaces; `false` if that has none to give. */
  takeSlotFrom(previous: SessionOwner): boolean;
  /** Takes a place that has become free since it came; `false` if there is none. */
  takeFreeSlot(): boolean;
  /** It has to go, for it replaces nobody. Returns why there is no place. */
  reject(): string;
}

/** The sessions of a server. Their names are secrets, and nobody is told them. */
export class SessionOwners {
  readonly #owners = new NameMap<{ readonly owner: SessionOwner; readonly attempt: number }>();
  readonly #lastAttempts = new LastAttempts();

  /**
   * Gives a session to a holder; one who had it before is told so first.
   *
   * @param session its name
   * @param owner who claims it
   * @param attempt the number of the try that brought the holder here
   * @returns `false` if a newer try has it or had it: then nothing has changed
   */
  acquire(session: string, owner: SessionOwner, attempt: number): boolean {
    const previous = this.#owners.get(session);
    const lastAttempt = previous
      ? previous.owner === owner ? 0 : previous.attempt
      : this.#lastAttempts.get(session);
    if (lastAttempt !== undefined && lastAttempt > attempt) return false;
    this.#lastAttempts.delete(session);
    this.#owners.set(session, { owner, attempt });
    if (previous && previous.owner !== owner) previous.owner.takenOver();
    return true;
  }

  /** Who holds a session. */
  ownerOf(session: string): SessionOwner | undefined {
    return this.#owners.get(session)?.owner;
  }

  /** Takes a session back, if this is who holds it. */
  release(session: string, owner: SessionOwner): void {
    const current = this.#owners.get(session);
    if (current?.owner !== owner) return;
    this.#owners.delete(session);
    // An older try may be on its way still.
    if (current.attempt > 0) this.#lastAttempts.set(session, owner.holder, current.attempt);
  }

  /** How many sessions are in use. */
  get size(): number {
    return this.#owners.size;
  }
}
