/**
 * What a handler throws to decide what becomes of its job.
 *
 * @module
 */

import { MAX_RETRY_DELAY, shortReason } from "../../protocol/group_limits.ts";
import { thrownText } from "../../protocol/text.ts";
import { wrongOption } from "../require_options.ts";
import { requireWhole } from "./work_options.ts";

/** What becomes of a job that is not done. */
export interface Outcome {
  readonly outcome: "retry" | "dead" | "release";
  /** Of a retry: after how many milliseconds. */
  readonly delay?: number | undefined;
  readonly reason?: string | undefined;
}

/** It is given back, as if it had not been taken. */
export const RELEASE: Outcome = { outcome: "release" };

/** Marks the errors of each copy of this package: a handler may use another one than its worker. */
const MARK = Symbol.for("@dsmq/server outcome");

/**
 * Makes an error for the handler of a job to throw: the job is to be tried again, if it was not tried as often as it may be.
 *
 * @param delay after how many milliseconds, up to 2,592,000,000 (30 days). Default: as the worker's `backoff` says
 * @param reason why, for people; at most 1,000 characters of it are kept. Default: `"retry"`
 * @returns the error
 * @throws {TypeError | RangeError} if the delay is invalid, or the reason is no text
 *
 * @example Try again in a minute
 * ```ts
 * import { type Job, retry } from "@dsmq/server";
 *
 * export async function handler({ body }: Job) {
 *   const response = await fetch("https://example.org/", { method: "POST", body });
 *   if (response.status === 429) throw retry(60_000, "too many requests");
 * }
 * ```
 */
export function retry(delay?: number, reason = "retry"): Error {
  if (delay !== undefined) requireWhole("retry", "delay", delay, 0, MAX_RETRY_DELAY);
  return outcomeError({ outcome: "retry", delay, reason: checkedReason("retry", reason) });
}

/**
 * Makes an error for the handler of a job to throw: the job is dead, and not tried again.
 *
 * @param reason why, for people; at most 1,000 characters of it are kept. Default: `"dead"`
 * @returns the error
 * @throws {TypeError} if the reason is no text
 *
 * @example Give up what cannot succeed
 * ```ts
 * import { dead, type Job } from "@dsmq/server";
 *
 * export function handler({ body }: Job) {
 *   if (body === "") throw dead("it is empty");
 * }
 * ```
 */
export function dead(reason = "dead"): Error {
  return outcomeError({ outcome: "dead", reason: checkedReason("give up", reason) });
}

/** A reason, cut where it is too long. */
function checkedReason(action: string, reason: unknown): string {
  if (typeof reason === "string") return shortReason(reason);
  throw wrongOption(action, "reason", "a string", reason);
}

/** An error that says what becomes of a job. */
export function outcomeError(outcome: Outcome): Error {
  return Object.assign(new Error(outcome.reason), { [MARK]: outcome });
}

/**
 * What becomes of a job whose handler has thrown.
 *
 * @param thrown what it threw, which may be anything
 * @returns the outcome; its reason is cut where it is too long
 */
export function outcomeOf(thrown: unknown): Outcome {
  return decisionOf(thrown) ?? { outcome: "retry", reason: shortReason(thrownText(thrown)) };
}

/** Whether the handler has decided it. */
export function isDecided(thrown: unknown): boolean {
  return decisionOf(thrown) !== undefined;
}

function decisionOf(thrown: unknown): Outcome | undefined {
  try {
    return Object(thrown)[MARK];
  } catch {
    // It is a proxy that answers nothing.
    return undefined;
  }
}
