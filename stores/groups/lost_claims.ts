/**
 * The claims whose leases have ended.
 *
 * @module
 */

/** At most this many are remembered; it is said of all earlier ones that their leases have ended. */
const MAX_LOST = 100_000;

/** A claim that nobody holds, and that is not lost, was finished. */
export class LostClaims {
  readonly #claims = new Set<number>();
  /** All claims up to here count as lost, unless they are held. */
  #forgottenTo: number;
  /** Told of changes, if they are to be stored. */
  readonly #changed: ((claim: number, isLost: boolean) => void) | undefined;

  /**
   * Remembers none.
   *
   * @param forgottenTo all claims up to here count as lost
   * @param changed called with each claim that is added, or forgotten
   */
  constructor(forgottenTo: number, changed?: (claim: number, isLost: boolean) => void) {
    this.#forgottenTo = forgottenTo;
    this.#changed = changed;
  }

  /** See the constructor. */
  get forgottenTo(): number {
    return this.#forgottenTo;
  }

  /** Whether a claim that nobody holds is lost. */
  has(claim: number): boolean {
    return claim <= this.#forgottenTo || this.#claims.has(claim);
  }

  /** The lease of a claim has ended. */
  add(claim: number): void {
    this.#claims.add(claim);
    this.#changed?.(claim, true);
    if (this.#claims.size <= MAX_LOST) return;
    const oldest = this.#claims.values().next().value!;
    this.#claims.delete(oldest);
    this.#forgottenTo = Math.max(this.#forgottenTo, oldest);
    this.#changed?.(oldest, false);
  }

  /** A claim was lost when the store was closed. */
  restore(claim: number): void {
    this.#claims.add(claim);
  }
}
