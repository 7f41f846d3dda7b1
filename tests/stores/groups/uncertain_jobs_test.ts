/**
 * Commands of groups whose commit is in doubt: they are repeated, and count once.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { GroupCommand } from "../../../stores/groups/group_commands.ts";
import { StoreError } from "../../../stores/store.ts";
import {
  ATTEMPTS,
  claim,
  finish,
  LEASE,
  open,
  pass,
  stateOf,
  T,
  TIMEOUT,
  tries,
} from "../../../testing/store/group_support.ts";
import { append, apply, put, puts } from "../../../testing/store/support.ts";
import { FailingFile } from "../../support/failing_file.ts";

/** Has commands committed together, and tells their codes; the commit fails after it is done, or before. */
async function doubted(
  file: FailingFile,
  isDone: boolean,
  commands: readonly (GroupCommand | ReturnType<typeof put>)[],
): Promise<string[]> {
  let failures = 0;
  const fail = (sql: string) => sql === "COMMIT" && failures++ === 0;
  if (isDone) file.after = fail;
  else file.before = fail;
  const results = await Promise.all(commands.map((one) => apply(file.store, [one])));
  file.repair();
  return results.map(([result]) => result instanceof StoreError ? result.code : "done");
}

for (const durability of ["disk", "process"] as const) {
  for (const isDone of [true, false]) {
    const how = `${durability}, ${isDone ? "after" : "before"} it is done`;

    Deno.test(`outcomes whose commit fails may be repeated, with puts beside them too, and count once (${how})`, async () => {
      await using file = new FailingFile(undefined, { durability });
      const { store } = file;
      await append(store, puts("t", "1", "2", "3"));
      await open(store, "a");
      const [one, two, three] = await claim(store, "a");
      const command: GroupCommand = {
        ...{ type: "finish", name: T, done: [one!.claim] },
        outcomes: [
          { claim: two!.claim, outcome: "retry" },
          { claim: three!.claim, outcome: "dead" },
        ],
      };
      for (const others of [[], [put("u")]]) {
        const codes = await doubted(file, isDone, [command, ...others]);
        const [code] = codes;
        // If what was put beside it is found, it is known to be done.
        assertEquals(code === "unavailable" || code === "done", true, `${codes}`);
        const { lost } = await finish(store, command.done, command.outcomes);
        assertEquals(lost, []);
      }
      const { done, retried, died } = await stateOf(store);
      assertEquals([done, retried, died], [1, 1, 1]);
      assertEquals(tries(await claim(store, "a")), ["2 2"]);
    });

    Deno.test(`jobs whose claim fails are told to the worker that comes again, or go to others after its lease (${how})`, async () => {
      await using file = new FailingFile(undefined, { durability });
      const { store, clock } = file;
      await append(store, puts("t", "1", "2"));
      const terms = { lease: LEASE, timeout: TIMEOUT, attempts: ATTEMPTS, holding: [] };
      const opening: GroupCommand = { type: "open_holder", name: T, holder: "a", ...terms };
      await open(store, "a");
      await open(store, "b");
      const claiming = (holder: string): GroupCommand => ({
        ...{ type: "claim", name: T, bytes: 1000, holders: [{ holder, count: 1 }] },
      });
      const [code] = await doubted(file, isDone, [claiming("a")]);
      assertEquals(code, "unavailable");
      const [opened] = await doubted(file, isDone, [opening]);
      assertEquals(opened, "unavailable");
      const { jobs } = await open(store, "a");
      assertEquals(tries(jobs), isDone ? ["1"] : []);
      // Nobody asks for this one again.
      await finish(store, jobs);
      await doubted(file, isDone, [claiming("b")]);
      // The file is opened again, which gives a whole lease.
      await pass(store, clock, LEASE + 500);
      await open(store, "c");
      assertEquals(tries(await claim(store, "c")), isDone ? ["2 2"] : ["1", "2"]);
    });
  }
}

Deno.test("what is put beside an outcome in a commit in doubt is told to be unknown, and the outcome is not", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "1"));
  await open(file.store, "a");
  const [job] = await claim(file.store, "a");
  const command: GroupCommand = { type: "finish", name: T, done: [job!.claim], outcomes: [] };
  assertEquals(await doubted(file, true, [put("t", "2"), command]), [
    "unknown_outcome",
    "unavailable",
  ]);
  assertEquals(await finish(file.store, [job!]), { lost: [], dead: [] });
  assertEquals((await stateOf(file.store)).done, 1);
});
