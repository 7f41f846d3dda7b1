/**
 * Why connecting failed at each address, and what the caller learns.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { redactUrl } from "./addresses.ts";
import type { ConnectError } from "./connect_error.ts";
import { deferred } from "./deferred.ts";
import { isFinalCode } from "./handshake.ts";
import type { ConnectTarget } from "./options.ts";

/** The message mentions an attempt that was cut off if it went unanswered for at least this long, in milliseconds. */
const NOTABLE_SILENCE = 1000;

/** What is known of one address. */
interface AddressFailure {
  /** The last attempt. */
  readonly last: ConnectError;
  /** The last attempt that says why; or, as long as all were cut off, the first. */
  readonly known: ConnectError;
  /** What the last attempt adds to that. */
  readonly addition: string;
}

/** Why the attempts at each address failed. */
export class ConnectFailures {
  readonly #failures = new Map<string, AddressFailure>();

  /**
   * Remembers why an attempt failed. One that was cut off says only that there was no answer yet, so it does not replace
   * what is known already.
   *
   * @param url the address
   * @param error why
   * @param cutOffAfter the time that it had (ms), if there was no answer and that was less than the usual time
   */
  add(url: string, error: ConnectError, cutOffAfter: number | undefined): void {
    const known = this.#failures.get(url)?.known;
    if (!known || cutOffAfter === undefined) {
      this.#failures.set(url, { last: error, known: error, addition: "" });
      return;
    }
    const isNews = cutOffAfter >= NOTABLE_SILENCE && error.message !== known.message;
    const addition = isNews
      ? `; the last try was cut off after ${formatSeconds(cutOffAfter)}: ${error.message}`
      : "";
    this.#failures.set(url, { last: error, known, addition });
  }

  /** Forgets all. */
  clear(): void {
    this.#failures.clear();
  }

  /** Whether another attempt at this address would not help. */
  isFinalAt(url: string): boolean {
    return this.#failures.get(url)?.last.final ?? false;
  }

  /**
   * Another attempt anywhere would not help. A token that one address rejects may be accepted at another, but nothing
   * else can change.
   */
  get isFinal(): boolean {
    const codes = [...this.#failures.values()].map(({ last }) => last.code);
    return codes.every(isFinalCode) ||
      codes.some((code) => isFinalCode(code) && code !== "unauthorized");
  }

  /** Each address has refused the token. */
  get isRefused(): boolean {
    return [...this.#failures.values()].every(({ last }) => last.code === "unauthorized");
  }

  /** The delay that the servers asked for, up to a longest one, in milliseconds. */
  retryDelay(maxDelay: number): number {
    const transient = [...this.#failures.values()].filter(({ last }) => !last.final);
    return transient.length > 0
      ? Math.min(maxDelay, ...transient.map(({ last }) => last.retryAfter))
      : 0;
  }

  /** The error of the last attempt at each of some addresses; by default at all. */
  lastErrors(urls: Iterable<string> = this.#failures.keys()): DsmqError[] {
    return [...urls].map((url) => {
      const { last } = this.#failures.get(url)!;
      return toDsmqError([[url, { last, known: last, addition: "" }]], [url]);
    });
  }

  /**
   * The error that the caller gets.
   *
   * @param whenGivenUp when the client gave up
   * @param urls the addresses, if none may have failed
   */
  toError(
    whenGivenUp?: string,
    urls: readonly string[] = [...this.#failures.keys()],
  ): DsmqError {
    return toDsmqError([...this.#failures], urls, whenGivenUp);
  }
}

/**
 * Tells the caller of failed attempts. A promise that its function returns is not waited for, so that it cannot hold up connecting,
 * but what it rejects with ends connecting as what the function throws does.
 */
export class RetryReports {
  readonly #onRetry: ConnectTarget["onRetry"];
  readonly #rejected = deferred<never>();

  /** Tells nothing yet. */
  constructor(onRetry: ConnectTarget["onRetry"]) {
    this.#onRetry = onRetry;
    // It may reject while nobody waits.
    this.rejected.catch(() => {});
  }

  /** Rejects with what a promise of the function rejects with. */
  get rejected(): Promise<never> {
    return this.#rejected.promise;
  }

  /** Tells of failed attempts. Throws what the function throws. */
  tell(errors: readonly DsmqError[]): void {
    for (const error of errors) {
      Promise.resolve(this.#onRetry?.(error)).catch(this.#rejected.reject);
    }
  }
}

function toDsmqError(
  failures: readonly (readonly [url: string, failure: AddressFailure])[],
  urls: readonly string[],
  whenGivenUp?: string,
): DsmqError {
  const errors = failures.map(([, { known }]) => known);
  const { code, reason, status } = errors.find(({ code }) => code !== "unreachable") ??
    errors[0] ?? { code: "unreachable" as const, reason: "timed_out" as const };
  const texts = failures.map(([, { known, addition }]) => known.message + addition);
  const areAlike = new Set(texts).size <= 1;
  const what = areAlike
    ? [urls.map(redactUrl).join(" or "), ...texts.slice(0, 1)].join(": ")
    : failures.map(([url], i) => `${redactUrl(url)}: ${texts[i]}`).join("; ");
  const when = whenGivenUp === undefined
    ? ""
    : errors.length > 0
    ? ` (${whenGivenUp})`
    : `: ${whenGivenUp}`;
  const cause = errors.length > 1 ? new AggregateError(errors) : errors[0]?.cause ?? errors[0];
  return new DsmqError(code, `Cannot connect to ${what}${when}`, {
    reason,
    status,
    cause,
  });
}

/** Formats a time (ms) for an error. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
