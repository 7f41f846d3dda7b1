/**
 * Who goes on with which session: the newest try that claims it.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { LeftTries } from "./left_tries.ts";

/** One who may hold a session. */
export interface Holder {
  /** Whose it is: the same for all who bring the same token, and `""` for those without one. */
  readonly identity: string;
  /** Whose is what it leaves behind: that of its token, or of its address where it has none. */
  readonly owner: string;
  /** A newer connection goes on with the session. */
  replaced(): void;
}

/**
 * One who came when all places were taken. It may say hello, and nothing else: if it goes on with the session of
 * one who has a place, that place is its own from then on; if nobody holds its session, one that is free by then.
 */
export interface Guest {
  /** Takes the place of whom it replaces; `false` if that has none to give. */
  takesPlaceOf(before: Holder): boolean;
  /** Takes a place that has become free since it came; `false` if there is none. */
  takesFreePlace(): boolean;
  /** It has to go, for it replaces nobody. Returns why there is no place. */
  turnedAway(): string;
}

/** The sessions of a server. Their names are secrets, and nobody is told them. */
export class Claims {
  readonly #held = new NameMap<{ readonly holder: Holder; readonly tried: number }>();
  readonly #left = new LeftTries();

  /**
   * Gives a session to a holder; one who had it before is told so first.
   *
   * @param session its name
   * @param holder who claims it
   * @param tried the number of the try that brought the holder here
   * @returns `false` if a newer try has it or had it: then nothing has changed
   */
  claim(session: string, holder: Holder, tried: number): boolean {
    const before = this.#held.get(session);
    const last = before ? before.holder === holder ? 0 : before.tried : this.#left.get(session);
    if (last !== undefined && last > tried) return false;
    this.#left.delete(session);
    this.#held.set(session, { holder, tried });
    if (before && before.holder !== holder) before.holder.replaced();
    return true;
  }

  /** Who holds a session. */
  holder(session: string): Holder | undefined {
    return this.#held.get(session)?.holder;
  }

  /** Takes a session back, if this is who holds it. */
  release(session: string, holder: Holder): void {
    const held = this.#held.get(session);
    if (held?.holder !== holder) return;
    this.#held.delete(session);
    // An older try may be on its way still.
    if (held.tried > 0) this.#left.set(session, holder.owner, held.tried);
  }

  /** How many sessions are in use. */
  get size(): number {
    return this.#held.size;
  }
}
