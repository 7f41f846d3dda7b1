/**
 * A run that ends whatever hangs: once its limit has passed it is called off, and says what it was waiting for.
 *
 * @module
 */

import type { Finding } from "./report.ts";

/** How long each thing may take to end after the limit, in milliseconds: longer than a client waits for its last replies. */
const GRACE = 10_000;

/** A longer timer, in milliseconds, would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** What a run sees of its limit. */
export interface LimitedRun {
  /** Aborts when the limit has passed: then waiting ends, and processes are killed. */
  readonly signal: AbortSignal;
  /** Tells what is waited for from now on. */
  waitsFor(what: string | (() => string)): void;
  /** Disposes of something at the end of the run, last first; if that hangs, then of the others all the same. */
  owns<T extends Disposable | AsyncDisposable>(what: string, thing: T): T;
}

/**
 * Does something that may hang.
 *
 * @param limit how long it may take with its disposal, in seconds
 * @param use does it; what it waits for must end with the signal, or with the disposal of what the run owns
 * @returns what was found; and that the limit has passed, if it has
 * @throws what it, or a disposal, throws before the limit has passed
 */
export async function withinLimit(
  limit: number,
  use: (run: LimitedRun) => Promise<Finding[]>,
): Promise<Finding[]> {
  if (!(limit > 0)) {
    throw new RangeError(`limit must be a number of seconds above 0, got ${limit}`);
  }
  using run = new Run(limit);
  const used = use(run);
  const findings: Finding[] = [];
  const errors: unknown[] = [];
  const onError = (error: unknown) => {
    // What fails because the run was called off is no finding.
    if (run.waitedFor === undefined) errors.push(error);
  };
  const found = used.then((own) => {
    // The findings of a run that was called off are not its own.
    if (run.waitedFor === undefined) findings.push(...own);
  });
  await Promise.race([found, run.passed]).catch(onError);
  await run.dispose(used, onError);
  if (errors.length > 0) throw errors[0];
  const { waitedFor } = run;
  if (waitedFor === undefined) return findings;
  const late = { what: `limit of ${limit} s passed`, seen: `waited for ${waitedFor}`, good: false };
  return [...findings, late];
}

class Run implements LimitedRun, Disposable {
  /** What was waited for when the limit passed. */
  waitedFor: string | undefined;
  readonly #stop = new AbortController();
  readonly #passed = Promise.withResolvers<void>();
  readonly #owned: { what: string; thing: Disposable | AsyncDisposable }[] = [];
  #waitsFor: string | (() => string) = "the run";
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(limit: number) {
    this.#timer = setTimeout(() => this.#onLimit(), Math.min(limit * 1000, MAX_TIMER));
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Resolves when the limit has passed. */
  get passed(): Promise<void> {
    return this.#passed.promise;
  }

  waitsFor(what: string | (() => string)): void {
    this.#waitsFor = what;
  }

  owns<T extends Disposable | AsyncDisposable>(what: string, thing: T): T {
    this.#owned.push({ what, thing });
    return thing;
  }

  /** Disposes of all that the run owns, and waits until its work has ended. */
  async dispose(work: Promise<unknown>, onError: (error: unknown) => void): Promise<void> {
    const ended = async (what: string, end: () => unknown) => {
      this.#waitsFor = what;
      const ending = (async () => await end())();
      using grace = this.#grace();
      await Promise.race([ending, grace.over]).catch(onError);
    };
    const disposeOwned = async () => {
      for (let last; (last = this.#owned.pop()) !== undefined;) {
        const { what, thing } = last;
        await ended(
          `the disposal of ${what}`,
          () =>
            Symbol.asyncDispose in thing ? thing[Symbol.asyncDispose]() : thing[Symbol.dispose](),
        );
      }
    };
    await disposeOwned();
    await ended("the end of what was called off", () => work.catch(() => {}));
    // It may have begun something before it saw that it was called off.
    await disposeOwned();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  /** How long something that begins now is waited for: until the limit has passed, and a while more. */
  #grace(): Disposable & { readonly over: Promise<void> } {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    let [timer, isDisposed] = [undefined as ReturnType<typeof setTimeout> | undefined, false];
    void this.passed.then(() => {
      if (!isDisposed) timer = setTimeout(resolve, GRACE);
    });
    return {
      over,
      [Symbol.dispose]() {
        isDisposed = true;
        clearTimeout(timer);
      },
    };
  }

  #onLimit(): void {
    const what = this.#waitsFor;
    this.waitedFor = typeof what === "string" ? what : what();
    this.#passed.resolve();
    this.#stop.abort();
  }
}
