/**
 * The claims whose leases have ended.
 *
 * @module
 */

/** At most this many are remembered; it is said of all earlier ones that their leases have ended. */
const MAX_LOST = 100_000;

/** So many times at which a file was opened are known; of claims before them it is said that their leases have ended. */
const MAX_GAPS = 100;

/** Claims that the store has not given, after one and up to another. */
export interface ClaimGap {
  readonly after: number;
  readonly through: number;
}

/** Told of changes, if they are to be stored. */
export interface LostClaimsRecorder {
  /** The lease of a claim has ended; or that is forgotten. */
  claim(claim: number, isLost: boolean): void;
  /** Claims were passed over; or that is forgotten. */
  claimGap(gap: ClaimGap, isThere: boolean): void;
}

/** A claim that nobody holds, and that is not lost, was finished. */
export class LostClaims {
  readonly #claims = new Set<number>();
  /** Goes on where it was: to begin anew at the first claim would pass over the places of all that were forgotten. */
  readonly #oldest = this.#claims.values();
  /** In ascending order. */
  readonly #gaps: ClaimGap[] = [];
  /** All claims up to here count as lost, unless they are held. */
  #forgottenTo: number;
  readonly #recorder: LostClaimsRecorder | undefined;

  /**
   * Remembers none.
   *
   * @param forgottenTo all claims up to here count as lost
   * @param recorder is told of changes
   */
  constructor(forgottenTo: number, recorder?: LostClaimsRecorder) {
    this.#forgottenTo = forgottenTo;
    this.#recorder = recorder;
  }

  /** See the constructor. */
  get forgottenTo(): number {
    return this.#forgottenTo;
  }

  /** Those that are remembered, in the order in which they were lost. */
  get remembered(): Iterable<number> {
    return this.#claims;
  }

  /** Claims that were passed over, in ascending order. */
  get gaps(): readonly ClaimGap[] {
    return this.#gaps;
  }

  /** Whether a claim that nobody holds is lost. */
  has(claim: number): boolean {
    return claim <= this.#forgottenTo || this.#claims.has(claim) ||
      this.#gaps.some(({ after, through }) => claim > after && claim <= through);
  }

  /** The lease of a claim has ended. */
  add(claim: number): void {
    this.#claims.add(claim);
    this.#recorder?.claim(claim, true);
    if (this.#claims.size <= MAX_LOST) return;
    const oldest = this.#oldest.next().value!;
    this.#claims.delete(oldest);
    this.#forgottenTo = Math.max(this.#forgottenTo, oldest);
    this.#recorder?.claim(oldest, false);
  }

  /**
   * Claims are passed over. Who has one of them got it from a copy of the store that went on from here, so that this store gives the job
   * again.
   *
   * @param after the last claim that this store has given
   * @param through the last one that it does not give
   */
  skip(after: number, through: number): void {
    const gap = { after, through };
    this.#gaps.push(gap);
    this.#recorder?.claimGap(gap, true);
    if (this.#gaps.length <= MAX_GAPS) return;
    const oldest = this.#gaps.shift()!;
    this.#forgottenTo = Math.max(this.#forgottenTo, oldest.through);
    this.#recorder?.claimGap(oldest, false);
  }

  /** Claims were passed over before the store was closed, or dumped; in ascending order. */
  restoreGap({ after, through }: ClaimGap): void {
    this.#gaps.push({ after, through });
  }

  /** A claim was lost when the store was closed, or dumped; those that were lost first come first. */
  restore(claim: number): void {
    this.#claims.add(claim);
  }
}
