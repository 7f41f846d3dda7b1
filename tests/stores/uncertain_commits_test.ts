/**
 * Commits that fail after they are done, or of which nobody knows: what the file has in the end counts, in memory too.
 *
 * @module
 */

import { assertEquals, assertInstanceOf } from "@std/assert";
import { type PutAck, StoreError } from "../../stores/store.ts";
import { identified } from "../../testing/store/message_ids.ts";
import { numbered, put, RETENTION } from "../../testing/store/support.ts";
import { applied, FORGET } from "../support/applied.ts";
import { FailingFile } from "../support/failing_file.ts";

/** The next commit fails after it is done. */
function failNextCommit(file: FailingFile): void {
  let failures = 0;
  file.after = (sql) => sql === "COMMIT" && failures++ === 0;
}

Deno.test("a commit that fails after it is done has the time of its last batch, whether or not that stores anything", async () => {
  for (const first of [numbered("s", 1), put("t")]) {
    await using file = new FailingFile(undefined, { durability: "process" });
    const time = file.store.now();
    await applied(file, [numbered("s", 1)], time);
    failNextCommit(file);
    const batches = [[time, first], [time + 1000, FORGET]] as const;
    await Promise.all(batches.map(([time, command]) => applied(file, [command], time)));
    file.repair();
    const [stored] = await file.store.apply({ time: time + 500, commands: [put("t")] });
    assertEquals((stored as PutAck).time, time + 1000);
  }
});

Deno.test("a put whose outcome is unknown is not refused when it is repeated while the file cannot be opened", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await applied(file, [numbered("s", 1)]);
  let isBroken = false;
  file.after = (sql) => sql === "COMMIT" && (isBroken = true);
  file.before = (sql) => isBroken && sql === "open";
  for (let i = 0; i < 2; i++) {
    assertEquals(await applied(file, [numbered("s", 2)]), ["unknown_outcome"]);
  }
  file.repair();
  assertEquals(await applied(file, [numbered("s", 2)]), ["dup 2"]);
});

Deno.test("a commit that fails after it is done prolongs no session", async () => {
  for (const fails of [false, true]) {
    await using file = new FailingFile(undefined, { durability: "process" });
    const time = file.store.now();
    await applied(file, [numbered("s", 1)], time);
    if (fails) failNextCommit(file);
    assertEquals(await applied(file, [put("t")], time + RETENTION - 1), [2]);
    file.repair();
    assertEquals(await applied(file, [numbered("s", 1)], time + RETENTION + 1), [3], `${fails}`);
  }
});

Deno.test("a batch without puts that fails leaves the results of those before it", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  const time = file.store.now();
  await applied(file, [numbered("s", 1)], time);
  // Enough for a commit of their own: the batches after them have no puts, and are applied together.
  const many = applied(file, Array.from({ length: 1024 }, () => put("u")), time);
  const forgotten = applied(file, [FORGET], time);
  const open = { type: "open_session", session: "z" } as const;
  const late = file.store.apply({ time: time + RETENTION, commands: [open] });
  await many;
  file.before = (sql) => sql.startsWith("SELECT");
  assertEquals(await forgotten, [undefined]);
  assertInstanceOf((await late)[0], StoreError);
  file.repair();
  assertEquals(await applied(file, [numbered("s", 1)], time), [1026]);
});

Deno.test("what a failed batch would have dropped does not count once it was repeated and the file is opened again", async () => {
  for (const fails of [false, true]) {
    const limits = { dedupRuns: 3 };
    await using file = new FailingFile(undefined, { durability: "process", limits });
    await applied(file, [numbered("s", 2), numbered("s", 4), numbered("q", 1)]);
    if (fails) {
      file.failure = "database or disk is full";
      file.before = (sql) => sql === "COMMIT";
      assertEquals(await applied(file, [numbered("s", 6)]), ["full"]);
      file.repair();
    }
    assertEquals(await applied(file, [numbered("s", 6)]), [4]);
    await applied(file, [{ type: "forget_session", session: "q" }]);
    // Its log has lost its name: it is opened again.
    Deno.removeSync(`${/sqlite:(\S+) on/.exec(file.store.description)![1]}-wal`);
    assertEquals(await applied(file, [numbered("q", 1)]), [5], `${fails}`);
  }
});

Deno.test("the answer to a repeated id is kept by its session if a commit fails after it is done, and undone if it was not", async () => {
  const purge = { type: "purge", topic: "t", max: 9 } as const;
  for (const isDone of [true, false]) {
    await using file = new FailingFile(undefined, { durability: "process" });
    await applied(file, [identified("m")]);
    const again = (n: number) => identified("m", { session: "s", n });
    if (isDone) failNextCommit(file);
    else {
      let failures = 0;
      file.before = (sql) => sql === "COMMIT" && failures++ === 0;
    }
    assertEquals(await applied(file, [again(1)]), ["dup 1"], "found in the file all the same");
    file.repair();
    assertEquals(await applied(file, [again(3)]), ["dup 1"]);
    await file.store.apply({ time: file.store.now(), commands: [purge] });
    assertEquals(await applied(file, [again(3), again(1)]), [
      ...["dup 1", isDone ? "dup 1" : "superseded"],
    ]);
  }
});
