/**
 * Checks how somebody wants to work.
 *
 * @module
 */

import {
  DEFAULT_ATTEMPTS,
  DEFAULT_GROUP,
  DEFAULT_JOB_TIMEOUT,
  DEFAULT_LEASE,
  MAX_GROUP_BYTES,
  MAX_RETRY_DELAY,
  MIN_LEASE,
} from "../../protocol/group_limits.ts";
import { groupProblem } from "../../protocol/text.ts";
import {
  requireFunction,
  requireNoProblem,
  requireOptions,
  requireSignal,
  requireTimeout,
  wrongNumber,
} from "../require_options.ts";
import type { ClaimOptions, WorkOptions } from "./working.ts";

const HOLD_OPTIONS = ["group", "lease", "timeout", "attempts", "since", "signal"] as const;

const WORK_OPTIONS = [
  ...HOLD_OPTIONS,
  "concurrency",
  "backoff",
  "onError",
] as const satisfies (keyof WorkOptions)[];

const CLAIM_OPTIONS = [...HOLD_OPTIONS, "wait"] as const satisfies (keyof ClaimOptions)[];

/** What a worker has of its options, checked, with defaults. Times are in milliseconds. */
export interface Working extends Required<Pick<WorkOptions, WorkingName>> {
  readonly minDelay: number;
  readonly maxDelay: number;
}

type WorkingName = "group" | "concurrency" | "lease" | "timeout" | "attempts";

/**
 * Checks a whole number.
 *
 * @throws {TypeError | RangeError} if it is none, or out of range
 */
export function requireWhole(
  action: string,
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw wrongNumber(action, name, `a whole number from ${min} to ${max}`, value);
}

/**
 * Checks the name of a group.
 *
 * @returns the name, or the default
 * @throws {TypeError | RangeError} if it is invalid
 */
export function groupName(action: string, group: unknown = DEFAULT_GROUP): string {
  requireNoProblem(action, groupProblem(group, MAX_GROUP_BYTES), group);
  return group as string;
}

/**
 * Checks the options of a worker, or of a claim.
 *
 * @param action "work" or "claim"
 * @param options what the caller gave
 * @returns the options, with their defaults
 * @throws {TypeError | RangeError} if one is invalid; what the signal has aborted with
 */
export function requireWorking(
  action: "work" | "claim",
  options: WorkOptions & ClaimOptions,
): Working {
  requireOptions(action, options, action === "work" ? WORK_OPTIONS : CLAIM_OPTIONS);
  const { concurrency = 1, backoff = {}, onError, signal, wait = 0 } = options;
  const { lease = DEFAULT_LEASE, timeout = DEFAULT_JOB_TIMEOUT, attempts = DEFAULT_ATTEMPTS } =
    options;
  requireOptions(action, backoff, ["minDelay", "maxDelay"], "backoff.");
  const { minDelay = 1000, maxDelay = 300_000 } = backoff;
  requireWhole(action, "concurrency", concurrency, 1);
  requireWhole(action, "lease", lease, MIN_LEASE);
  requireWhole(action, "timeout", timeout, 1);
  requireWhole(action, "attempts", attempts, 1);
  requireWhole(action, "backoff.minDelay", minDelay, 0, MAX_RETRY_DELAY);
  requireWhole(action, "backoff.maxDelay", maxDelay, 0, MAX_RETRY_DELAY);
  if (onError !== undefined) requireFunction(action, "onError", onError);
  requireTimeout(action, wait, "wait");
  requireSignal(action, signal);
  signal?.throwIfAborted();
  const group = groupName(action, options.group);
  return { group, concurrency, lease, timeout, attempts, minDelay, maxDelay };
}
