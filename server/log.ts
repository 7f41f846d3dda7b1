/**
 * The log of a server, which is someone else's.
 *
 * @module
 */

import type { Log } from "../queue/queue.ts";

/**
 * The same log, whose failures are nobody's: what is logged is said in the midst of work that has to go on.
 *
 * @param log takes what a person should know; may throw, or reject
 * @returns a log that does neither
 */
export function guarded(log: Log): Log {
  const say = (level: keyof Log) => async (...data: unknown[]) => {
    try {
      await log[level](...data);
    } catch {
      // There is nobody left to tell.
    }
  };
  return { info: say("info"), warn: say("warn"), error: say("error") };
}
