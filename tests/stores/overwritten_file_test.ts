/**
 * A file that is overwritten with a copy of itself while it is in use, before the server ends: the copy is not opened with
 * the log of the file.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { append, outcomes, put, puts } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { hasMark, markStays } from "../support/left_mark.ts";
import { openFile, TempFolder } from "../support/queue_files.ts";

/** What else happens: before the copy comes, and with it. */
const CASES: Readonly<Record<string, (file: FailingFile, overwrite: () => void) => Promise<void>>> =
  {
    "and nothing else happens": (file, overwrite) => {
      overwrite();
      return assertRefused(file);
    },
    "and a mark was left before": async (file, overwrite) => {
      file.before = markStays("file");
      // So much that the log is due for a checkpoint.
      const big = "x".repeat(1_000_000);
      await append(file.store, puts("big", big, big, big, big, big));
      file.repair();
      overwrite();
      await assertRefused(file);
    },
    "and a commit fails just then, so that it is closed": async (file, overwrite) => {
      file.before = (sql) => {
        if (sql === "COMMIT") overwrite();
        return sql === "COMMIT" || sql === "ROLLBACK" || sql === "open";
      };
      assertEquals(await outcomes(file.store, [put("t", "lost")]), ["unknown_outcome"]);
    },
  };

async function assertRefused(file: FailingFile): Promise<void> {
  // What SQLite has in its cache it may lose, with many stores in a process: then it reads the file again.
  file.db.prepare("PRAGMA shrink_memory").all();
  assertEquals(await outcomes(file.store, [put("t", "lost")]), ["unavailable"]);
}

for (const [what, happens] of Object.entries(CASES)) {
  Deno.test(`a copy overwrites a file, ${what}: when the server has ended, its log is not taken for that of the copy`, async () => {
    await using file = new FailingFile(undefined, { durability: "process" });
    await append(file.store, puts("t", "before"));
    await file.restart();
    using folder = new TempFolder();
    const db = new DatabaseSync(file.path);
    db.exec(`VACUUM INTO '${folder.file}'`);
    db.close();
    await append(file.store, puts("t", "in the log"));
    await happens(file, () => overwrite(file.path, Deno.readFileSync(folder.file)));
    await file.store[Symbol.asyncDispose]();
    assertThrows(() => openFile(file.path), Error, "that of another file");
  });
}

/** What another program may do right before. */
const WRITES: Readonly<Record<string, string>> = {
  "changed a table": "INSERT INTO beside VALUES (1)",
  "made a table": "CREATE TABLE another (n)",
  "began the log again":
    "INSERT INTO beside VALUES (1); PRAGMA wal_checkpoint(RESTART); INSERT INTO beside VALUES (1)",
};

for (const [what, sql] of Object.entries(WRITES)) {
  for (const when of ["before", "after"]) {
    Deno.test(`a copy that was made ${when} the last put overwrites a file right after another program ${what}: puts are refused`, async () => {
      await using file = new FailingFile(undefined, { durability: "process" });
      await append(file.store, puts("t", "before"));
      file.edit("CREATE TABLE beside (n)");
      await file.restart();
      using folder = new TempFolder();
      using other = new DatabaseSync(file.path);
      const copyIt = () => other.exec(`VACUUM INTO '${folder.file}'`);
      if (when === "before") copyIt();
      await append(file.store, puts("t", "in the log"));
      if (when === "after") copyIt();
      other.exec(sql);
      overwrite(file.path, Deno.readFileSync(folder.file));
      await assertRefused(file);
    });
  }
}

/** Overwrites a file in place, as `cp` does. */
function overwrite(path: string, copy: Uint8Array<ArrayBuffer>): void {
  Deno.writeFileSync(path, copy, { create: false });
  Deno.truncateSync(path, copy.length);
  Deno.utimeSync(path, new Date(), new Date(Date.now() + 60_000));
}

/** So much that the log is due for a checkpoint. */
const BIG = Array<string>(6).fill("x".repeat(1_000_000));

Deno.test("a plain copy that was made after the checkpoint before the last one overwrites a file: puts are refused", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  await file.restart();
  assert(hasMark(file.path));
  const copy = Deno.readFileSync(file.path);
  // Because of it the log does not begin again after the checkpoint.
  using reader = new DatabaseSync(file.path, { readOnly: true });
  file.before = (sql) => {
    if (sql.startsWith("PRAGMA wal_checkpoint")) reader.exec("BEGIN; SELECT * FROM state");
    return false;
  };
  await append(file.store, puts("big", ...BIG));
  file.repair();
  assert(hasMark(file.path));
  reader.exec("COMMIT");
  overwrite(file.path, copy);
  await assertRefused(file);
  await file.store[Symbol.asyncDispose]();
  assertThrows(() => openFile(file.path), Error);
});
