/**
 * A purge of a file whose disk fails, or whose process is killed.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Purge, PurgeResult } from "../../stores/store.ts";
import { StoreError } from "../../stores/store.ts";
import { apply, put, puts, texts } from "../../testing/store/support.ts";
import { FailingFile, type Failure } from "../support/failing_file.ts";
import { Program } from "../support/program.ts";
import { openFile, TempFolder } from "../support/queue_files.ts";

const PURGE: Purge = { type: "purge", topic: "t", max: 1000 };

/** What became of a purge: how many messages, or the code of its error. */
async function purged({ store }: FailingFile): Promise<number | string> {
  const [result] = await apply(store, [PURGE]);
  return result instanceof StoreError ? result.code : (result as PurgeResult).purged;
}

for (const failure of ["disk I/O error", "database or disk is full"] as Failure[]) {
  for (const step of ["UPDATE runs SET topic = 0", "COMMIT", "INSERT INTO runs (last"]) {
    Deno.test(`a purge that fails at ${step} has changed nothing, and can be repeated (${failure})`, async () => {
      await using file = new FailingFile(undefined, { durability: "process" });
      file.failure = failure;
      await apply(file.store, [...puts("t", "1", "2", "3"), put("u", "4")]);
      const purge = { ...PURGE, before: { seq: 3 } };
      let failures = 0;
      file.before = (sql) => sql.startsWith(step) && failures++ === 0;
      const [result] = await apply(file.store, [purge]);
      assert(result instanceof StoreError);
      assertEquals(await texts(file.store), ["1", "2", "3"]);
      file.repair();
      assertEquals(await texts(file.store), ["1", "2", "3"]);
      assertEquals(await apply(file.store, [purge]), [{ purged: 2, end: 3, more: false }]);
      assertEquals([await texts(file.store), await texts(file.store, "u")], [["3"], ["4"]]);
      await file.restart();
      assertEquals(await texts(file.store), ["3"]);
      assertEquals(
        await apply(file.store, [put("t", "5")]).then(([put]) => (put as { seq: number }).seq),
        5,
      );
    });
  }
}

Deno.test("a purge whose commit fails after it is done has an unknown outcome, and what is in the file counts", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await apply(file.store, puts("t", "1", "2"));
  let failures = 0;
  file.after = (sql) => sql === "COMMIT" && failures++ === 0;
  assertEquals(await purged(file), "unknown_outcome");
  file.repair();
  assertEquals(await texts(file.store), []);
  assertEquals(await purged(file), 0);
});

Deno.test("text that could not be erased is reported, and erased by the next purge, which finds nothing to purge", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await apply(file.store, puts("t", "a secret".repeat(1000)));
  assertEquals(await purged(file), 1);
  file.before = (sql) => sql.includes("TRUNCATE");
  const error = await assertRejects(() => file.store.erase(), StoreError);
  assertEquals([error.code, error.message], [
    "unavailable",
    "Cannot erase what was purged: disk I/O error",
  ]);
  file.repair();
  assertEquals(await purged(file), 0);
  await file.store.erase();
  for (const end of ["", "-wal"]) {
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(`${file.path}${end}`));
    assert(!text.includes("a secret"), `${end} at ${text.indexOf("a secret")} of ${text.length}`);
  }
  await apply(file.store, puts("t", "2"));
  await file.restart();
  assertEquals(await texts(file.store), ["2"]);
});

Deno.test("a purge that has no room to erase on a full disk says so", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  file.failure = "database or disk is full";
  await apply(file.store, puts("t", "1"));
  assertEquals(await purged(file), 1);
  file.before = (sql) => sql.startsWith("PRAGMA user_version =");
  const error = await assertRejects(() => file.store.erase(), StoreError);
  assertEquals([error.code, error.message], [
    "full",
    "Cannot erase what was purged: database or disk is full",
  ]);
  file.repair();
  await file.store.erase();
});

/** What to do. */
const IN_USE =
  "Cannot erase what was purged: another program reads the file, or writes to it: end it, or stop what copies " +
  "the file all the time (such as Litestream), and purge again";

Deno.test("another program that reads the file keeps its log from being erased, which is said", async () => {
  using folder = new TempFolder();
  await using store = openFile(folder.file);
  await apply(store, puts("t", "1"));
  const { DatabaseSync } = await import("node:sqlite");
  const reader = new DatabaseSync(folder.file);
  reader.exec("BEGIN");
  reader.prepare("SELECT * FROM runs").all();
  await apply(store, [PURGE]);
  const error = await assertRejects(() => store.erase(), StoreError);
  assertEquals([error.code, error.message], ["unavailable", IN_USE]);
  reader.exec("COMMIT");
  reader.close();
  await store.erase();
  assertEquals(await apply(store, puts("t", "2")).then(([put]) => (put as { seq: number }).seq), 2);
  assertEquals(await texts(store), ["2"]);
});

Deno.test("what was purged stays purged when the process is killed while it purges, and nothing else is lost", async () => {
  using folder = new TempFolder();
  for (let round = 0; round < 3; round++) {
    await using program = new Program(["-A", "tests/programs/purger.ts", folder.file]);
    let last = "";
    for (let i = 0; i < 20 + 7 * round; i++) last = await program.line() ?? last;
    program.child.kill("SIGKILL");
    const { stdout } = await program.end();
    const lines = [last, ...stdout.split("\n")].filter((line) => /^\d+ \d+$/.test(line));
    // Each line says what was acknowledged last: the round of the purge, and of the put that has to stay.
    const [purgedUpTo, kept] = lines.at(-1)!.split(" ").map(Number) as [number, number];
    await using store = openFile(folder.file);
    const found = await texts(store);
    assert(
      found.every((text) => Number(text) > purgedUpTo),
      `purged up to ${purgedUpTo}: ${found}`,
    );
    assert((await texts(store, "kept")).includes(`${kept}`), `${kept} was acknowledged`);
  }
});
