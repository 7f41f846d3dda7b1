/**
 * Guards the log of a server, which belongs to the program.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";
import { RateLimitedLog } from "./rate_limited_log.ts";
import { stderr } from "./stderr.ts";

/** A log that never fails. */
export interface GuardedLog extends Log {
  /** Writes what is pending, and waits a moment until standard error has it. */
  stop(): Promise<void>;
}

/**
 * Ignores the failures of a log: lines are written in the middle of work that has to continue. Lines with a value, such as an
 * error, may come as often as somebody causes them: of each such sentence there are few lines, and the others are counted.
 *
 * @param log the log of the program; may throw, or reject
 * @param clock tells when there may be another line
 * @returns a log that does neither
 */
export function guardLog(log: Log, clock: Clock): GuardedLog {
  const write = (level: keyof Log) => async (...data: unknown[]) => {
    try {
      await log[level](...data);
    } catch {
      // There is nowhere left to report it.
    }
  };
  const plain = { info: write("info"), warn: write("warn"), error: write("error") };
  // The sentences are those of this code, and few.
  const repeated = new Map<string, RateLimitedLog>();
  const rateLimited = (level: "warn" | "error") => (...data: unknown[]) => {
    const [sentence, reason] = data;
    if (typeof sentence !== "string" || data.length !== 2) return plain[level](...data);
    const what = sentence.replace(/^dsmq: /, "").replace(/:$/, "");
    const limited = repeated.get(sentence) ?? new RateLimitedLog(clock, plain, what, level);
    repeated.set(sentence, limited);
    limited.record(reason);
  };
  const stop = async () => {
    for (const limited of repeated.values()) limited.stop();
    await stderr.flush();
  };
  return { info: plain.info, warn: rateLimited("warn"), error: rateLimited("error"), stop };
}
