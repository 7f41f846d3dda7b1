/**
 * A file whose mark could not be removed after a checkpoint, and what can happen to it then.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { isMarked } from "../../stores/wal_mark.ts";
import { nth, watchEngine } from "../contracts/failing_engine.ts";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FailingFile, type Step } from "../support/failing_file.ts";
import { fileWithMark, hasMark, markStays } from "../support/left_mark.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

async function textsOf(path: string): Promise<readonly string[]> {
  await using store = openFile(path);
  const found = await texts(store);
  assertEquals(await outcomes(store, [put("other")]), [found.length + 1]);
  return found;
}

/** A file holds the message, also if the process that opens it is killed at any moment of its start. */
async function assertStartsWhole(path: string): Promise<void> {
  using folders = new DisposableStack();
  const copies: TempFolder[] = [];
  const { failing, failOn, failAfter } = watchEngine();
  const copyNow = () => {
    const copy = folders.use(new TempFolder());
    copies.push(copy);
    copyKilledFile(path, copy);
  };
  failOn(copyNow);
  failAfter(copyNow);
  const store = openFile(path, failing);
  failOn(() => {});
  failAfter(() => {});
  assertEquals(await texts(store), ["before"]);
  await store[Symbol.asyncDispose]();
  assert(copies.length > 40);
  for (const { file } of copies) {
    await using copy = openFile(file);
    assertEquals(await texts(copy), ["before"]);
  }
}

/** A file that could not be written has these messages, also if the process is killed now, and goes on. */
async function assertGoesOn(file: FailingFile, expected = ["before"]): Promise<void> {
  using folder = new TempFolder();
  copyKilledFile(file.path, folder);
  assertEquals(await textsOf(folder.file), expected, "if the process is killed");
  assertEquals(await texts(file.store), expected);
  await append(file.store, puts("t", "after"));
  await file.restart();
  assertEquals(await texts(file.store), [...expected, "after"]);
}

/** Another program opens a file and closes it: then it writes the log to the file, and deletes it. */
function openElsewhere(path: string): void {
  using other = new DatabaseSync(path);
  other.exec("SELECT * FROM state");
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
    assertEquals(hasMark(file.path), false, "it is whole without a log");
    assertThrows(() => Deno.statSync(`${file.path}-lock`), Deno.errors.NotFound);
    await file.restart();
    assertEquals(await texts(file.store), ["before"]);
  });

  Deno.test(`a file whose mark is left in the ${place} is whole if the process is killed while it is closed, and the next one while it starts`, async () => {
    await using file = await fileWithMark(place);
    using killed = new TempFolder();
    file.before = (sql) => sql === "BEGIN";
    file.onClosed = () => copyKilledFile(file.path, killed);
    await file.store[Symbol.asyncDispose]();
    file.onClosed = () => {};
    assertEquals(hasMark(killed.file), true);
    await assertStartsWhole(killed.file);
  });

  Deno.test(`a file whose mark is left in the ${place} is whole if another program closes it after the process was killed`, async () => {
    await using file = await fileWithMark(place);
    using folder = new TempFolder();
    copyKilledFile(file.path, folder);
    openElsewhere(folder.file);
    assertEquals(hasMark(folder.file), true, "it has written the log to the file");
    assertEquals(await textsOf(folder.file), ["before"]);
  });
}

for (const place of ["file", "log"] as const) {
  Deno.test(`a mark that is left in the ${place} is still known when the next checkpoint cannot even begin`, async () => {
    await using file = await fileWithMark(place, "disk");
    file.before = (sql) =>
      sql === "PRAGMA data_version" || sql === "PRAGMA schema_version" ||
      sql.startsWith("PRAGMA user_version = ");
    assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
    file.repair();
    await assertGoesOn(file);
  });
}

Deno.test("a second mark that is left takes the place of the first", async () => {
  await using file = await fileWithMark("file", "disk");
  file.before = markStays("file");
  assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
  file.repair();
  await assertGoesOn(file);
});

for (let writes = 0; writes < 4; writes++) {
  Deno.test(`a mark that is left does no harm when the next checkpoint fails after ${writes} writes of its own`, async () => {
    await using file = await fileWithMark("file", "disk");
    let done = 0;
    file.before = (sql) => sql.startsWith("PRAGMA user_version = ") && done++ >= writes;
    await outcomes(file.store, [put("t", "before")]);
    file.repair();
    const found = await texts(file.store);
    assertEquals(new Set(found), new Set(["before"]));
    await assertGoesOn(file, found);
  });
}

Deno.test("a copy that SQLite has made of a file whose mark is left needs no log", async () => {
  await using file = await fileWithMark("file");
  using folder = new TempFolder();
  const other = new DatabaseSync(file.path, { readOnly: true });
  other.exec(`VACUUM INTO '${folder.file}'`);
  other.close();
  assertEquals(hasMark(folder.file), true);
  await assertStartsWhole(folder.file);
});

Deno.test("if the process is killed during a checkpoint, another program may finish it", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  using folder = new TempFolder();
  await file.restart((sql) => {
    if (sql.startsWith("PRAGMA wal_checkpoint")) copyKilledFile(file.path, folder);
    return false;
  });
  openElsewhere(folder.file);
  assertEquals(hasMark(folder.file), true);
  assertEquals(await textsOf(folder.file), ["before"]);
});

/** What else is known of a checkpoint that has left its mark, and what a copy without its log holds then. */
const CHECKPOINTS: Readonly<Record<string, [fail: (file: FailingFile) => void, isWhole: boolean]>> =
  {
    "has written everything": [(file) => file.before = markStays("file"), true],
    "has written nothing": [(file) => file.before = markStays("log"), false],
    "may have written only a part": [(file) => {
      file.before = markStays("file");
      file.after = (sql) => sql.startsWith("PRAGMA wal_checkpoint");
    }, false],
  };

for (const [what, [fail, isWhole]] of Object.entries(CHECKPOINTS)) {
  Deno.test(`where a checkpoint that has left its mark ${what}, a lost log is ${isWhole ? "not needed" : "noticed"}`, async () => {
    await using file = new FailingFile(undefined, { durability: "process" });
    await append(file.store, puts("t", "before"));
    await file.restart();
    fail(file);
    // So much that the log is due for a checkpoint.
    const big = "x".repeat(1_000_000);
    await append(file.store, puts("big", big, big, big, big, big));
    file.repair();
    using folder = new TempFolder();
    copyKilledFile(file.path, folder, ["", "-lock"]);
    if (!isWhole) return void assertThrows(() => openFile(folder.file), Error, "its log");
    await using store = openFile(folder.file);
    assertEquals((await store.bounds()).last, 6);
  });
}

Deno.test("a file whose log is lost while it cannot be opened does not start without it, whatever was tried meanwhile", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  await file.restart();
  // Because of it the log stays when the store closes the file.
  const reader = new DatabaseSync(file.path, { readOnly: true });
  reader.exec("BEGIN; SELECT * FROM state");
  await append(file.store, puts("t", "in the log"));
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  await outcomes(file.store, puts("t", "in doubt"));
  for (const ending of ["-wal", "-shm"]) Deno.removeSync(`${file.path}${ending}`);
  reader.close();
  file.repair();
  assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
  await file.store[Symbol.asyncDispose]();
  assertThrows(() => openFile(file.path), Error, "its log");
});

Deno.test("what a commit that failed after it was done has brought to the log is missed, although the mark was left before", async () => {
  await using file = await fileWithMark("file");
  const reader = new DatabaseSync(file.path, { readOnly: true });
  reader.exec("BEGIN; SELECT * FROM state");
  file.after = nth(1, "COMMIT");
  assertEquals(await outcomes(file.store, puts("t", "in the log")), [2]);
  using folder = new TempFolder();
  copyKilledFile(file.path, folder, ["", "-lock"]);
  reader.close();
  assertThrows(() => openFile(folder.file), Error, "its log");
});

Deno.test("a file whose first checkpoint fails gets its mark with the next commit", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  await file.restart(nth(1, "PRAGMA wal_checkpoint"));
  assertEquals(hasMark(file.path), false);
  await append(file.store, puts("t", "after"));
  assertEquals(hasMark(file.path), true);
});

Deno.test("a put is acknowledged although the lock cannot be written", async () => {
  await using file = await fileWithMark("file");
  const { writeSync } = Deno.FsFile.prototype;
  let failures = 0;
  Deno.FsFile.prototype.writeSync = () => {
    failures++;
    throw new Deno.errors.NotCapable("no space");
  };
  try {
    assertEquals(await outcomes(file.store, puts("t", "after")), [2]);
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
  }
  assert(failures > 0, "it was tried");
  assertEquals(await texts(file.store), ["before", "after"]);
});

Deno.test("the next transaction removes a mark that is left, and the lock says so", async () => {
  await using file = await fileWithMark("file");
  const lock = () => Deno.readTextFileSync(`${file.path}-lock`);
  assert(lock().includes("writing"), lock());
  await append(file.store, puts("t", "after"));
  assert(!lock().includes("writing"), lock());
  using db = new DatabaseSync(file.path, { readOnly: true });
  const { user_version: version } = db.prepare("PRAGMA user_version").get()!;
  assertEquals(isMarked({ userVersion: Number(version) }), false);
  using folder = new TempFolder();
  copyKilledFile(file.path, folder, ["", "-lock"]);
  assertThrows(() => openFile(folder.file), Error, "its log", "a copy without its log");
});
