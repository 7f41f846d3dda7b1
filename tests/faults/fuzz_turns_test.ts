/**
 * Simultaneous calls, compared with a model.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { turns } from "./fuzz_turns.ts";
import { allGood } from "./report.ts";
import { programs } from "../support/model_program.ts";
import { runProgram, STORE_KINDS, type StoreKind } from "../support/model_run.ts";

/** The tests always run the same programs; `deno task fuzz turns` takes others. */
const SEED = 12;

const WHERE: Readonly<Record<StoreKind, string>> = {
  memory: "memory",
  late: "a slow store",
  file: "a file",
};

/** More runs, if the environment asks for them and may be read. */
function numRuns(): number {
  const variable = "DSMQ_TURNS_RUNS";
  const readable = Deno.permissions.querySync({ name: "env", variable }).state === "granted";
  return Number(readable && Deno.env.get(variable)) || 300;
}

for (const storeKind of STORE_KINDS) {
  Deno.test(`any calls of one turn have the results of a simple model, over ${WHERE[storeKind]}`, async () => {
    allGood(await turns({ runs: numRuns(), seed: SEED, storeKinds: [storeKind] }));
  });
}

Deno.test("a program of the model runs the same way again, frame by frame", async () => {
  for (const program of fc.sample(programs, { numRuns: 5, seed: SEED })) {
    for (const storeKind of STORE_KINDS) {
      const [once, again]: [string[], string[]] = [[], []];
      await runProgram(program, storeKind, once);
      await runProgram(program, storeKind, again);
      assertEquals(again, once);
    }
  }
});
