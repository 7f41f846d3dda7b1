/**
 * Who goes on with which session: the newest try that claims it.
 *
 * @module
 */

/** One who may hold a session. */
export interface Holder {
  /** A newer connection goes on with the session. */
  replaced(): void;
}

/** The sessions of a server that are in use. Their names are secrets, and nobody is told them. */
export class Claims {
  readonly #held = new Map<string, { readonly holder: Holder; readonly tried: number }>();

  /**
   * Gives a session to a holder; one who had it before is told so first.
   *
   * @param session its name
   * @param holder who claims it
   * @param tried the number of the try that brought the holder here
   * @returns `false` if a newer try has it already: then nothing has changed
   */
  claim(session: string, holder: Holder, tried: number): boolean {
    const before = this.#held.get(session);
    if (before && before.holder !== holder && before.tried > tried) return false;
    this.#held.set(session, { holder, tried });
    if (before && before.holder !== holder) before.holder.replaced();
    return true;
  }

  /** Takes a session back, if this is who holds it. */
  release(session: string, holder: Holder): void {
    if (this.#held.get(session)?.holder === holder) this.#held.delete(session);
  }

  /** How many sessions are in use. */
  get size(): number {
    return this.#held.size;
  }
}
