/**
 * The memory that jobs take in a store, beyond their messages.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Scenario } from "../bench.ts";
import type { MemoryOfJobs } from "../jobs/memory_of_jobs.ts";
import { configArgs, ROOT } from "../processes.ts";

const PROGRAM = fileURLToPath(new URL("../jobs/memory_of_jobs.ts", import.meta.url));

/** How long it may take, in milliseconds. */
const TIMEOUT = 120_000;

/** Jobs that wait, that are set aside, and that are held. */
export const jobMemory: Scenario = {
  name: "job-memory",
  steps: 1,
  needsPeers: false,
  async run({ processes, progress, scale }) {
    progress.step("memory of jobs");
    const args = ["--v8-flags=--expose-gc", ...configArgs(ROOT), PROGRAM];
    const count = Math.ceil(100_000 * scale);
    const output = await processes.runDeno([...args, `${count}`], TIMEOUT);
    const { waiting, blocked, delayed, held }: MemoryOfJobs = JSON.parse(output);
    const row = (work: string, ours: number, atMost: number) => ({
      work: `memory of a job ${work}`,
      against: "(growth of the heap and of arrays)",
      unit: "bytes",
      ours: Math.max(0, ours),
      goal: { atMost },
    });
    return [
      // Nothing: what is measured is never exactly that.
      row("that waits beyond the frontier", waiting, 0.5),
      row("behind another one with its key", blocked, 24),
      row("that is delayed", delayed, 24),
      row("that is held", held, 300),
    ];
  },
};
