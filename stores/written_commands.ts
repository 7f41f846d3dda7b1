/**
 * Which commands a file writes at once, and what is said of one that may not be written.
 *
 * @module
 */

import type { Command, CommandBatch } from "./commands.ts";
import { StoreError } from "./store.ts";

/** These change little that is not worth a commit of its own: it is written with the next one. */
function isUnwritten({ type }: Command): boolean {
  return type === "open_session" || type === "forget_session" || type === "extend" ||
    type === "close_holder";
}

/**
 * Whether a file commits commands before it answers them.
 *
 * @param batch the commands
 */
export function isWritten({ commands }: CommandBatch): boolean {
  return !commands.every(isUnwritten);
}

/**
 * The error of a command whose commit has failed. Of what may be repeated it need not be said that nobody knows whether it is written: what
 * becomes of jobs counts once, and who asks for jobs again learns of those that it has.
 *
 * @param command the command
 * @param failure why the commit failed
 */
export function failureOf({ type }: Command, failure: StoreError): StoreError {
  if (failure.code !== "unknown_outcome" || type === "put" || type === "purge") return failure;
  return new StoreError(failure.message, { cause: failure });
}
