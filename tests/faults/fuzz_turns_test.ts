/**
 * Simultaneous calls, compared with a model.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { turns } from "./fuzz_turns.ts";
import { allGood } from "./report.ts";
import { type Program, programs, type Step } from "../support/model_program.ts";
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

const ALONE: Omit<Program, "turns"> = {
  seed: 0,
  clients: 1,
  since: "start",
  servers: 1,
  retention: 600_000,
  stored: undefined,
  heartbeat: 100,
};

const READ = { do: "read", who: 0, topic: "a", plain: false, timeout: 0, signal: false } as const;
const GET: Step = { ...READ, mode: "oldest" };
const PUT: Step = { do: "put", who: 0, topic: "a", count: 1, list: false };

Deno.test("a lost history that a stream was told of, because the read it answers was cancelled, need not be told to reads", async () => {
  const program: Program = {
    ...ALONE,
    servers: 2,
    turns: [
      { steps: [GET], pass: 20, move: true },
      {
        steps: [
          { ...READ, mode: "wait", signal: true, timeout: 100 },
          { do: "subscribe", who: 0, topic: "a", since: "cursor" },
        ],
        pass: 0,
        move: false,
      },
      { steps: [{ do: "abort", which: 0, late: false }], pass: 20, move: false },
      { steps: [{ do: "arrive", topic: "a", count: 1 }, GET], pass: 20, move: false },
    ],
  };
  assertEquals(await runProgram(program, "memory"), []);
});

Deno.test("no time passes while a file commits what one frame asks for in several turns", async () => {
  const program: Program = {
    ...ALONE,
    retention: 500,
    heartbeat: 10_000,
    turns: [{ steps: [PUT, GET, PUT, { do: "topics", who: 0 }, PUT], pass: 0, move: false }],
  };
  assertEquals(await runProgram(program, "file"), []);
});
