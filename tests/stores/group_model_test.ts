/**
 * Groups, compared with a model: random commands, clocks, trims and restarts.
 *
 * @module
 */

import fc from "fast-check";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type GroupProgram, groupPrograms } from "../support/group_programs.ts";
import { GroupRun } from "../support/group_run.ts";
import { modelRuns } from "../support/model_runs.ts";

async function inMemory(program: GroupProgram): Promise<void> {
  const clock = new ManualClock();
  const open = () => new MemoryStore({ engine: nodeSqlite, clock, ...program.setting });
  await new GroupRun(program, clock, open, false).run();
}

async function inFile(program: GroupProgram): Promise<void> {
  const clock = new ManualClock();
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/queue.db`;
  const open = () =>
    new FileStore({ engine: nodeSqlite, clock, path, durability: "process", ...program.setting });
  try {
    await new GroupRun(program, clock, open, true).run();
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

for (
  const [where, run, runs] of [["in memory", inMemory, 300], ["in a file", inFile, 40]] as const
) {
  Deno.test(`groups ${where} answer as their model does`, async () => {
    await fc.assert(fc.asyncProperty(groupPrograms, run), modelRuns("GROUPS", runs));
  });
}
