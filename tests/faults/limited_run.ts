/**
 * A run that ends whatever hangs: once its limit has passed it is called off, and says what it was waiting for.
 *
 * @module
 */

import { type Finding, isBad } from "./report.ts";

/**
 * How long each thing may take to end after the limit or a failure, in milliseconds: longer than a client waits for its
 * last replies.
 */
const GRACE = 10_000;

/** A timer of more milliseconds than 31 bits hold would fire at once. */
export const MAX_SECONDS: number = Math.floor((2 ** 31 - 1) / 1000);

/** What a limit must be. */
export const SECONDS: string = `a number of seconds above 0, at most ${MAX_SECONDS}`;

/** Whether a limit is {@linkcode SECONDS}. */
export function isSeconds(limit: number): boolean {
  return limit > 0 && limit <= MAX_SECONDS;
}

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
 * Once the limit has passed, or it has failed (by an error or by what it found), the disposal of each thing may take ten
 * seconds; then it is left alone.
 *
 * @param limit after how many seconds it is called off, if it and its disposal are not over
 * @param use does it; what it waits for must end with the signal, or with the disposal of what the run owns
 * @returns what was found; and that the limit has passed, if it has; and which disposals hung after it had failed
 * @throws {RangeError} if a timer cannot wait until the limit
 * @throws what it, or a disposal, throws before the limit has passed; the message says which disposals hung then
 */
export async function withinLimit(
  limit: number,
  use: (run: LimitedRun) => Promise<Finding[]>,
): Promise<Finding[]> {
  if (!isSeconds(limit)) throw new RangeError(`limit must be ${SECONDS}, got ${limit}`);
  using run = new Run(limit);
  const used = use(run);
  const findings: Finding[] = [];
  const errors: unknown[] = [];
  const onError = (error: unknown) => {
    // What fails because the run was called off is no finding.
    if (run.waitedFor !== undefined) return;
    errors.push(error);
    run.hurry();
  };
  const found = used.then((own) => {
    // The findings of a run that was called off are not its own.
    if (run.waitedFor !== undefined) return;
    findings.push(...own);
    if (own.some(isBad)) run.hurry();
  });
  await Promise.race([found, run.hurries]).catch(onError);
  const hung = await run.dispose(used, onError);
  if (errors.length > 0) {
    if (hung.length === 0) throw errors[0];
    throw new Error(`${errors[0]}; then hung: ${hung.join("; ")}`, { cause: errors[0] });
  }
  const { waitedFor } = run;
  if (waitedFor === undefined) {
    return [...findings, ...hung.map((seen) => ({ what: "hung", seen, good: false }))];
  }
  const late = { what: `limit of ${limit} s passed`, seen: `waited for ${waitedFor}`, good: false };
  return [...findings, late];
}

class Run implements LimitedRun, Disposable {
  /** What was waited for when the limit passed. */
  waitedFor: string | undefined;
  readonly #stop = new AbortController();
  readonly #hurries = Promise.withResolvers<void>();
  readonly #owned: { what: string; thing: Disposable | AsyncDisposable }[] = [];
  #waitsFor: string | (() => string) = "the run";
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(limit: number) {
    this.#timer = setTimeout(() => this.#onLimit(), limit * 1000);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Resolves when the limit has passed, or {@linkcode hurry} was called. */
  get hurries(): Promise<void> {
    return this.#hurries.promise;
  }

  /** From now on the disposal of each thing has its {@linkcode GRACE}, and no more. */
  hurry(): void {
    this.#hurries.resolve();
  }

  waitsFor(what: string | (() => string)): void {
    this.#waitsFor = what;
  }

  owns<T extends Disposable | AsyncDisposable>(what: string, thing: T): T {
    this.#owned.push({ what, thing });
    return thing;
  }

  /** Disposes of all that the run owns, and waits until its work has ended; returns what hung. */
  async dispose(work: Promise<unknown>, onError: (error: unknown) => void): Promise<string[]> {
    const hung: string[] = [];
    const ended = async (what: string, end: () => unknown) => {
      this.#waitsFor = what;
      const ending = (async () => await end())();
      using grace = this.#grace();
      const late = grace.over.then(() => void hung.push(what));
      await Promise.race([ending, late]).catch(onError);
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
    return hung;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  /** How long something that begins now is waited for: until the run hurries, and a while more. */
  #grace(): Disposable & { readonly over: Promise<void> } {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    let [timer, isDisposed] = [undefined as ReturnType<typeof setTimeout> | undefined, false];
    void this.hurries.then(() => {
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
    this.hurry();
    this.#stop.abort();
  }
}
