/**
 * The defaults of groups of workers, and how much a request of them may hold.
 *
 * @module
 */

/** The name of a group, unless another is given. */
export const DEFAULT_GROUP = "default";

/** The longest name of a group, in bytes of UTF-8. */
export const MAX_GROUP_BYTES = 256;

/** The shortest lease, in milliseconds. */
export const MIN_LEASE = 1_000;

/** For how long a worker holds jobs unless it extends its lease, in milliseconds; unless it asks for another lease. */
export const DEFAULT_LEASE = 30_000;

/** For how long a worker may hold a job, in milliseconds, unless it asks for another timeout. */
export const DEFAULT_JOB_TIMEOUT = 600_000;

/** How often a job is tried before it is dead, unless its worker asks for another number. */
export const DEFAULT_ATTEMPTS = 5;

/** How many claims a request names at most. */
export const MAX_CLAIMS = 16_384;

/** How many outcomes other than `done` a request has at most. */
export const MAX_OUTCOMES = 1_024;

/** How many characters of a reason are kept. */
const MAX_REASON_LENGTH = 1_000;

/** The longest delay of a retry, in milliseconds: 30 days. */
export const MAX_RETRY_DELAY = 30 * 24 * 3600 * 1000;

/** How many groups one reply lists at most. */
export const GROUPS_PAGE = 250;

/** How many dead jobs one reply lists at most. */
export const DEAD_PAGE = 250;

/**
 * The part of a reason that is kept.
 *
 * @param reason why a job failed
 * @returns at most its first 1,000 characters, well-formed
 */
export function shortReason(reason: string): string {
  if (reason.length <= MAX_REASON_LENGTH) return reason.toWellFormed();
  // A copy: V8 keeps all of a text for as long as a part of it is there.
  return JSON.parse(JSON.stringify(reason.slice(0, MAX_REASON_LENGTH).toWellFormed()));
}
