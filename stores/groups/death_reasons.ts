/**
 * Why jobs have died, as far as there is room for that.
 *
 * @module
 */

/** The reasons of all groups have together at most so many characters, which take 32 to 64 MiB of memory. */
const MAX_CHARACTERS = 32 * 1024 * 1024;

/** A dead job. */
export class DeadState {
  readonly seq: number;
  readonly attempt: number;
  /** When it died, in the store's time. */
  readonly at: number;
  /** Why; `""` if nobody has said it, or that is forgotten. */
  reason: string;

  /** It has died. */
  constructor(seq: number, attempt: number, at: number, reason: string) {
    this.seq = seq;
    this.attempt = attempt;
    this.at = at;
    this.reason = reason;
  }
}

/** Dead jobs with reasons, of all groups. Beyond the limit the reasons of those that died first are forgotten: the jobs stay dead. */
export class DeathReasons {
  readonly #max: number;
  /** In the order of their deaths, with who is told that the reason is forgotten. */
  readonly #jobs = new Map<DeadState, (job: DeadState) => void>();
  #characters = 0;

  /**
   * Keeps none yet.
   *
   * @param max how many characters are kept. Default: 32 Mi
   */
  constructor(max: number = MAX_CHARACTERS) {
    this.#max = max;
  }

  /** Those jobs, in the order of their deaths. */
  get jobs(): Iterable<DeadState> {
    return this.#jobs.keys();
  }

  /**
   * A job has died, after all others.
   *
   * @param job the job
   * @param onForgotten is told when its reason is forgotten, which is `""` then
   */
  add(job: DeadState, onForgotten: (job: DeadState) => void): void {
    if (job.reason === "") return;
    this.#jobs.set(job, onForgotten);
    this.#characters += job.reason.length;
    if (this.#characters > this.#max) this.#forgetSome();
  }

  /** A job is not dead any more, or is forgotten. */
  remove(job: DeadState): void {
    if (this.#jobs.delete(job)) this.#characters -= job.reason.length;
  }

  /** Some at a time: to find the first one passes over the places of those that are gone. */
  #forgetSome(): void {
    for (const [job, onForgotten] of this.#jobs) {
      if (this.#characters <= this.#max - this.#max / 64) return;
      this.remove(job);
      job.reason = "";
      onForgotten(job);
    }
  }
}
