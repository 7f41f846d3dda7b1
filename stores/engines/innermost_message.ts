/**
 * The reason at the bottom of an error.
 *
 * @module
 */

/** A longer reason is cut. */
const MAX_REASON_LENGTH = 300;

/**
 * Why something failed.
 *
 * @param error what was thrown
 * @returns the message of its innermost cause, in one line
 */
export function innermostMessage(error: unknown): string {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.trim().split("\n", 1)[0]!.slice(0, MAX_REASON_LENGTH);
}
