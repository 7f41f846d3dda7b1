/**
 * Which commands a file writes at once.
 *
 * @module
 */

import type { Command, CommandBatch } from "./commands.ts";

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
