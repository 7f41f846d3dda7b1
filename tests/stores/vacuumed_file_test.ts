/**
 * Another program that writes to a file in use at any moment of a checkpoint (`VACUUM` writes all of it, and keeps the mark):
 * the file is known as what it is, by the server and by the next start.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { watchEngine } from "../contracts/failing_engine.ts";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { hasMark, markStays } from "../support/left_mark.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

const CHECKPOINT = "PRAGMA wal_checkpoint";
const SET_VERSION = "PRAGMA user_version = ";

/** What another program does with the file, so that the log begins again each time. */
const WRITES: Readonly<Record<string, string>> = {
  "runs VACUUM": "VACUUM; PRAGMA wal_checkpoint(PASSIVE)",
  "writes rows": "INSERT INTO beside VALUES (1); PRAGMA wal_checkpoint(RESTART)",
  "makes tables": "CREATE TABLE more (n); DROP TABLE more; PRAGMA wal_checkpoint(PASSIVE)",
};

/** A file with a message, in which another program has a table. */
async function usedFile(): Promise<FailingFile> {
  const file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  file.edit("CREATE TABLE beside (n)");
  await file.restart();
  return file;
}

/** The next put is checked as one that comes later, and is due for a checkpoint. */
function touch(path: string): void {
  Deno.utimeSync(path, new Date(), new Date(Date.now() + 60_000));
}

/** What would be left if the process was killed now has these messages, and goes on. */
async function assertWhole(path: string, expected: readonly string[]): Promise<void> {
  using folder = new TempFolder();
  copyKilledFile(path, folder);
  await using store = openFile(folder.file);
  assertEquals(await texts(store), expected);
  assertEquals(await outcomes(store, [put("u")]), [expected.length + 1]);
}

/** A copy of the file without its log is refused. */
function assertNeedsLog(path: string): void {
  using folder = new TempFolder();
  copyKilledFile(path, folder, [""]);
  assertThrows(() => openFile(folder.file), Error, "is missing, and it holds messages");
}

for (const [what, sql] of Object.entries(WRITES)) {
  for (let times = 1; times < 5; times++) {
    for (let moment = 0; moment < 6; moment++) {
      Deno.test(`another program ${what} ${times} times after step ${moment} of a checkpoint: puts go on, and nothing is lost`, async () => {
        await using file = await usedFile();
        using other = new DatabaseSync(file.path);
        // The statements of a checkpoint, each of which may be the last one before the other program's turn.
        let steps = 0;
        let turns = 0;
        other.exec("PRAGMA wal_checkpoint(PASSIVE)");
        touch(file.path);
        file.after = (done) => {
          const isStep = done.startsWith(SET_VERSION) || done.startsWith(CHECKPOINT) ||
            done === "PRAGMA data_version" || done === "PRAGMA schema_version";
          if (!isStep || steps++ !== moment) return false;
          for (let time = 0; time < times; time++, turns++) other.exec(sql);
          return false;
        };
        await append(file.store, puts("t", "1"));
        file.repair();
        assertEquals(turns, times);
        await assertWhole(file.path, ["before", "1"]);
        // After the last step, the next put has to find out that the mark is gone.
        if (moment < 5) assertNeedsLog(file.path);
        touch(file.path);
        assertEquals(file.store.findFault(), undefined);
        assertEquals(await outcomes(file.store, [put("t", "2")]), [3]);
        assertNeedsLog(file.path);
        await assertWhole(file.path, ["before", "1", "2"]);
        touch(file.path);
        assertEquals(await outcomes(file.store, [put("t", "3")]), [4]);
        await file.restart();
        assertEquals(await texts(file.store), ["before", "1", "2", "3"]);
      });
    }
  }

  Deno.test(`another program ${what} after each checkpoint: puts go on, and the next start has everything`, async () => {
    await using file = await usedFile();
    using other = new DatabaseSync(file.path);
    other.exec("PRAGMA wal_checkpoint(PASSIVE)");
    file.after = (step) => {
      if (step.startsWith(CHECKPOINT)) other.exec(sql);
      return false;
    };
    const expected = ["before"];
    for (let n = 1; n < 4; n++) {
      touch(file.path);
      assertEquals(await outcomes(file.store, [put("t", `${n}`)]), [n + 1]);
      expected.push(`${n}`);
      await assertWhole(file.path, expected);
    }
    await file.restart();
    assertEquals(await texts(file.store), expected);
  });

  for (const place of ["file", "log"] as const) {
    Deno.test(`another program ${what} again and again while the mark stays in the ${place} because it cannot be removed: puts go on`, async () => {
      await using file = await usedFile();
      using other = new DatabaseSync(file.path);
      other.exec("PRAGMA wal_checkpoint(PASSIVE)");
      touch(file.path);
      file.before = markStays(place);
      await append(file.store, puts("t", "1"));
      for (let i = 0; i < 4; i++) other.exec(sql);
      assert(hasMark(file.path));
      await assertWhole(file.path, ["before", "1"]);
      touch(file.path);
      assertEquals(file.store.findFault(), undefined);
      file.repair();
      assertEquals(await outcomes(file.store, [put("t", "2")]), [3]);
      assertNeedsLog(file.path);
      await assertWhole(file.path, ["before", "1", "2"]);
    });
  }

  for (const reopens of [false, true]) {
    Deno.test(`a process is killed during a checkpoint, and another program ${what}, ${reopens ? "having closed the file and opened it again" : "in a file that it has open all the time"}: the next start has everything`, async () => {
      await using file = await usedFile();
      using folder = new TempFolder();
      let copies = 0;
      touch(file.path);
      file.after = (step) => {
        if (step.startsWith(CHECKPOINT) && copies++ === 0) copyKilledFile(file.path, folder);
        return false;
      };
      await append(file.store, puts("t", "1"));
      file.repair();
      assert(hasMark(folder.file));
      for (let times = 0; times < 4; times++) {
        using killed = new TempFolder();
        copyKilledFile(folder.file, killed);
        let other = new DatabaseSync(killed.file);
        try {
          other.exec("SELECT * FROM state");
          if (reopens) {
            other.close();
            other = new DatabaseSync(killed.file);
            other.exec("SELECT * FROM state");
          }
          for (let time = 0; time < times; time++) other.exec(sql);
          assert(hasMark(killed.file));
          // As long as the log tells nothing of the one that was deleted: that might be lost as well.
          if (reopens && (times === 0 || what === "writes rows")) {
            assertThrows(
              () => openFile(killed.file),
              Error,
              times > 0 ? "end other" : "is missing",
            );
            other.close();
            await assertWhole(killed.file, ["before", "1"]);
            continue;
          }
          {
            let checkpoints = 0;
            const { failing, failOn } = watchEngine();
            failOn((step) => {
              // The first one of this process.
              if (step.startsWith(CHECKPOINT) && checkpoints++ === 0) {
                throw new Error("the disk fails");
              }
            });
            await using store = openFile(killed.file, failing);
            touch(killed.file);
            assertEquals(store.findFault(), undefined);
            assertEquals(await texts(store), ["before", "1"]);
            assertEquals(await outcomes(store, [put("t", "2")]), [3]);
            other.exec(sql);
            touch(killed.file);
            assertEquals(await outcomes(store, [put("t", "3")]), [4]);
          }
        } finally {
          if (other.isOpen) other.close();
        }
        await using store = openFile(killed.file);
        assertEquals(await texts(store), ["before", "1", "2", "3"]);
        assertEquals(store.findFault(), undefined);
      }
    });
  }
}

/** A checkpoint of another program has written the first page, which says how long the file will be, and not the last ones. */
function cutInCheckpoint(path: string): void {
  const { size } = Deno.statSync(path);
  Deno.truncateSync(path, size - 3 * 4096);
  touch(path);
}

/** A file whose log has all its pages, as `VACUUM` writes them; nothing can be written to it while the reader reads. */
async function withPagesInLog(): Promise<{ file: FailingFile; reader: DatabaseSync }> {
  const file = await usedFile();
  await append(file.store, puts("t", "x".repeat(100_000)));
  using other = new DatabaseSync(file.path);
  other.exec("PRAGMA wal_checkpoint(PASSIVE)");
  touch(file.path);
  // So the store knows how long the file is.
  await append(file.store, puts("t", "1"));
  const reader = new DatabaseSync(file.path);
  reader.exec("BEGIN; SELECT * FROM state");
  other.exec("PRAGMA wal_autocheckpoint = 0; VACUUM");
  return { file, reader };
}

Deno.test("while another program writes the log to a file that it has shortened before, puts go on", async () => {
  const { file, reader } = await withPagesInLog();
  await using _ = file;
  cutInCheckpoint(file.path);
  assertEquals(file.store.findFault(), undefined);
  assertEquals(await outcomes(file.store, [put("t", "2")]), [4]);
  reader.close();
  await file.restart();
  assertEquals((await texts(file.store)).length, 4);
});

Deno.test("a file that lacks pages which are not in its log was shortened: puts are refused", async () => {
  await using file = await usedFile();
  await append(file.store, puts("t", "x".repeat(100_000)));
  using other = new DatabaseSync(file.path);
  other.exec("PRAGMA wal_checkpoint(PASSIVE)");
  touch(file.path);
  await append(file.store, puts("t", "1"));
  const copy = Deno.readFileSync(file.path);
  cutInCheckpoint(file.path);
  assertMatch(file.store.findFault()!, /was emptied or shortened/);
  assertEquals(await outcomes(file.store, [put("t", "lost")]), ["unavailable"]);
  Deno.writeFileSync(file.path, copy, { create: false });
});
