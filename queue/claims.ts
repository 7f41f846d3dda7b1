/**
 * Who goes on with which session: the newest connection that claims it.
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
  readonly #holders = new Map<string, Holder>();

  /** Gives a session to a holder; one who had it before is told so first. */
  claim(session: string, holder: Holder): void {
    const before = this.#holders.get(session);
    this.#holders.set(session, holder);
    if (before !== undefined && before !== holder) before.replaced();
  }

  /** Takes a session back, if this is who holds it. */
  release(session: string, holder: Holder): void {
    if (this.#holders.get(session) === holder) this.#holders.delete(session);
  }

  /** How many sessions are in use. */
  get size(): number {
    return this.#holders.size;
  }
}
