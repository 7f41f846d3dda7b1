/**
 * Waits for a number of jobs.
 *
 * @module
 */

/** Counts acknowledged jobs, for one who waits for a number of them. */
export class JobCount {
  #left = 0;
  #waiting: PromiseWithResolvers<void> | undefined;
  #failure: Error | undefined;

  /** Settles after this many more jobs; rejects once a worker has failed. */
  next(count: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#left = count;
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Counts jobs that are acknowledged. One that nobody waits for was worked twice: a failure. */
  add(count: number): void {
    this.#left -= count;
    if (this.#left < 0) return this.fail(new Error("a job was worked that nobody waits for"));
    if (this.#left === 0) this.#waiting?.resolve();
  }

  /** Tells that a worker has failed. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
  }
}
