/**
 * A file whose mark could not be removed after a checkpoint, and what can happen to it then.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { isMarked, readDatabaseHeader } from "../../stores/wal_mark.ts";
import { nth } from "../contracts/failing_engine.ts";
import { append, outcomes, put, puts, texts } from "../contracts/store_support.ts";
import { FailingFile, type Step } from "../support/failing_file.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

/** Whether the checkpoint brings the mark into the file, or leaves it in the log. */
type Place = "file" | "log";

/** The first checkpoint cannot remove its mark. */
function markStays(place: Place): Step {
  let isCheckpointed = false;
  let left = 1;
  return (sql) => {
    if (sql.startsWith("PRAGMA wal_checkpoint")) {
      isCheckpointed = true;
      return place === "log";
    }
    return isCheckpointed && sql.startsWith("PRAGMA user_version = ") && left-- > 0;
  };
}

/** A file with one message, whose first checkpoint has left its mark. */
async function fileWithMark(place: Place): Promise<FailingFile> {
  const file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  await file.restart(markStays(place));
  file.repair();
  assertEquals(hasMark(file.path), place === "file");
  return file;
}

/** What the file says without its log. */
function hasMark(path: string): boolean {
  using file = Deno.openSync(path);
  return isMarked(readDatabaseHeader(file));
}

async function textsOf(path: string): Promise<readonly string[]> {
  await using store = openFile(path);
  const found = await texts(store);
  assertEquals(await outcomes(store, [put("other")]), [found.length + 1]);
  return found;
}

const COMMITS: Readonly<Record<string, [(file: FailingFile, step: Step) => void, string[]]>> = {
  "before it is done": [(file, step) => file.before = step, ["before"]],
  "after it is done": [(file, step) => file.after = step, ["before", "in doubt"]],
};

for (const place of ["file", "log"] as const) {
  for (const [when, [fail, expected]] of Object.entries(COMMITS)) {
    Deno.test(`a file whose mark is left in the ${place} goes on when a commit fails ${when}`, async () => {
      await using file = await fileWithMark(place);
      fail(file, nth(1, "COMMIT"));
      await outcomes(file.store, puts("t", "in doubt"));
      file.repair();
      assertEquals(await texts(file.store), expected);
      using early = new TempFolder();
      copyKilledFile(file.path, early);
      assertEquals(await textsOf(early.file), expected, "if the process is killed before a put");
      await append(file.store, puts("t", "after"));
      assertEquals(await texts(file.store), [...expected, "after"]);
      using late = new TempFolder();
      copyKilledFile(file.path, late);
      assertEquals(await textsOf(late.file), [...expected, "after"], "or after it");
    });

    Deno.test(`a file whose mark is left in the ${place} is whole if the process is killed after a commit failed ${when}`, async () => {
      await using file = await fileWithMark(place);
      fail(file, nth(1, "COMMIT"));
      // It is closed, and cannot be opened.
      const commit = file.before;
      file.before = (sql) => commit(sql) || sql === "open";
      await outcomes(file.store, puts("t", "in doubt"));
      assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
      using folder = new TempFolder();
      copyKilledFile(file.path, folder);
      assertEquals(await textsOf(folder.file), expected);
    });
  }

  Deno.test(`a file whose mark is left in the ${place} is whole if the process is killed at once`, async () => {
    await using file = await fileWithMark(place);
    using folder = new TempFolder();
    copyKilledFile(file.path, folder);
    assertEquals(await textsOf(folder.file), ["before"]);
  });

  Deno.test(`a file whose mark is left in the ${place} is whole if it is closed while nothing can be written`, async () => {
    await using file = await fileWithMark(place);
    file.before = (sql) => sql === "BEGIN";
    await file.store[Symbol.asyncDispose]();
    using folder = new TempFolder();
    copyKilledFile(file.path, folder);
    assertEquals(await textsOf(folder.file), ["before"]);
    await file.restart();
    assertEquals(await texts(file.store), ["before"]);
  });
}

Deno.test("the next transaction removes a mark that is left, and the lock says so", async () => {
  await using file = await fileWithMark("file");
  const lock = () => Deno.readTextFileSync(`${file.path}-lock`);
  assert(lock().includes("writing"), lock());
  await append(file.store, puts("t", "after"));
  assert(!lock().includes("writing"), lock());
  using db = new DatabaseSync(file.path, { readOnly: true });
  const { user_version: version } = db.prepare("PRAGMA user_version").get()!;
  assertEquals(isMarked({ userVersion: Number(version), schemaCookie: 0, size: 0 }), false);
  using folder = new TempFolder();
  copyKilledFile(file.path, folder, ["", "-lock"]);
  assertThrows(() => openFile(folder.file), Error, "its log", "a copy without its log");
});
