/**
 * What a batch leaves whose commit fails: nothing, so it can be repeated.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Command } from "../../stores/store.ts";
import { numbered, put, RETENTION, texts } from "../../testing/store/support.ts";
import { applied, FORGET } from "../support/applied.ts";
import { FailingFile, type Failure } from "../support/failing_file.ts";

/** A file with two messages of a session, and a batch that finds one of them and forgets the session. */
async function openFile(): Promise<{ file: FailingFile; batch: Command[] }> {
  const file = new FailingFile(undefined, { durability: "process" });
  assertEquals(await applied(file, [numbered("s", 1), numbered("s", 2)]), [1, 2]);
  return { file, batch: [numbered("s", 2), FORGET] };
}

for (const failure of ["disk I/O error", "database or disk is full"] as Failure[]) {
  Deno.test(`a session that a failed batch would have forgotten is known when the batch is repeated (${failure})`, async () => {
    const { file, batch } = await openFile();
    await using _ = file;
    file.failure = failure;
    let failures = 0;
    file.before = (sql) => sql === "COMMIT" && failures++ === 0;
    assertEquals(
      (await applied(file, batch))[1],
      failure.includes("full") ? "full" : "unavailable",
    );
    file.repair();
    assertEquals(await applied(file, batch), ["dup 2", undefined]);
    assertEquals(await texts(file.store), ["s 1", "s 2"]);
  });
}

Deno.test("a batch whose commit fails after it is done has its results, also if it stores nothing", async () => {
  const { file, batch } = await openFile();
  await using _ = file;
  let failures = 0;
  file.after = (sql) => sql === "COMMIT" && failures++ === 0;
  assertEquals(await applied(file, batch), ["dup 2", undefined]);
  assert(failures > 0);
  file.repair();
  assertEquals(await applied(file, [numbered("s", 1)]), [3], "the session is forgotten");
});

Deno.test("a commit that fails after it is done is recognised by what it made the store forget", async () => {
  const limits = { dedupRuns: 3 };
  await using file = new FailingFile(undefined, { durability: "process", limits });
  const numbers = [2, 4, 6].map((n) => numbered("s", n));
  assertEquals(await applied(file, numbers), [1, 2, 3]);
  file.after = (sql) => sql === "COMMIT";
  const open: Command = { type: "open_session", session: "other" };
  const first = await applied(file, [numbers[2]!, open]);
  file.repair();
  assertEquals([first[0], await applied(file, numbers)], ["dup 3", [
    "unknown_outcome",
    "dup 2",
    "dup 3",
  ]]);
});

Deno.test("what was forgotten before a batch that fails stays forgotten", async () => {
  const { file } = await openFile();
  await using _ = file;
  assertEquals(await applied(file, [FORGET]), [undefined]);
  file.failure = "database or disk is full";
  file.before = (sql) => sql === "COMMIT";
  assertEquals(await applied(file, [put("t")]), ["full"]);
  file.repair();
  assertEquals(await applied(file, [numbered("s", 1)]), [3]);
});

Deno.test("topics whose messages would have expired in a failed batch still count", async () => {
  const limits = { topics: 2 };
  await using file = new FailingFile(undefined, { durability: "process", limits });
  const time = file.store.now();
  assertEquals(await applied(file, [put("a"), put("b")], time), [1, 2]);
  file.failure = "database or disk is full";
  file.before = (sql) => sql === "COMMIT";
  assertEquals(await applied(file, [put("c"), put("d")], time + RETENTION), ["full", "full"]);
  file.repair();
  assertEquals(await applied(file, [put("c")], time + 1), ["limit_exceeded"]);
  assertEquals(await applied(file, [put("c"), put("d")], time + RETENTION), [3, 4]);
});

Deno.test("numbers that a failed batch would have displaced are recognised afterwards", async () => {
  await using file = new FailingFile(undefined, {
    durability: "process",
    limits: { dedupWindow: 2 },
  });
  assertEquals(await applied(file, [numbered("s", 2)]), [1]);
  file.before = (sql) => sql === "COMMIT";
  for (let n = 4; n < 8; n++) await applied(file, [put("t"), numbered("s", n)]);
  file.repair();
  const batch = [numbered("s", 2), numbered("s", 1), put("t"), numbered("s", 4)];
  assertEquals(await applied(file, batch), ["dup 1", "superseded", 2, 3]);
});
