/**
 * The contract of a log, as tests: a log proves itself by calling one function.
 *
 * @module
 */

import type { RecordLog } from "../../stores/replicated/record_log.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { recordLogRecords } from "./record_log_records.ts";
import { recordLogSnapshots } from "./record_log_snapshots.ts";
import { recordLogTails } from "./record_log_tails.ts";

/** Opens the log of this name (letters and digits); it is made at the first time, and may be open several times. */
export type OpenLog = (name: string) => Promise<RecordLog>;

/** Proves a promise. */
export type ProveLog = (open: OpenLog, name: string) => Promise<void>;

const PROMISES: Readonly<Record<string, ProveLog>> = {
  ...recordLogRecords,
  ...recordLogTails,
  ...recordLogSnapshots,
};

let count = 0;

/**
 * Registers one test for each promise of a log.
 *
 * @param name the name of the log
 * @param open opens one
 * @param ignore why the tests cannot run here, if they cannot
 */
export function testRecordLog(name: string, open: OpenLog, ignore: string | false = false): void {
  for (const [promise, prove] of Object.entries(PROMISES)) {
    Deno.test({
      ...ignoredIf(ignore, `${name}: ${promise}`),
      fn: () => prove(open, `log${++count}`),
    });
  }
}
