/**
 * The log of a file is emptied, removed or replaced at any moment of what a server does with it: what it says then is right,
 * and nothing is lost.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../stores/store.ts";
import { append, apply, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { hasMark } from "../support/left_mark.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

const IN_USE =
  "Cannot erase what was purged: another program reads the file, or writes to it: end it, or stop what copies " +
  "the file all the time (such as Litestream), and purge again";

/** Another program that has the file open at a path. */
type Action = (path: string, other: DatabaseSync) => void;

/** What may happen to a log that another program can write to the file before. */
const CUTS: Readonly<Record<string, Action>> = {
  "emptied": (_, other) => other.exec("PRAGMA wal_checkpoint(TRUNCATE)"),
  "removed": (path) => Deno.removeSync(`${path}-wal`),
  "emptied, and begun again": (_, other) =>
    other.exec("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO beside VALUES (1)"),
};

/** A statement that leaves something in the log, or takes it away. */
function isStep(sql: string): boolean {
  return sql.startsWith("PRAGMA user_version = ") || sql.startsWith("PRAGMA wal_checkpoint") ||
    sql === "PRAGMA data_version" || sql === "PRAGMA schema_version" || sql.startsWith("BEGIN") ||
    sql === "ROLLBACK";
}

/** A file with messages, in which another program has a table, and of which some text is to be erased. */
async function purgedFile(): Promise<FailingFile> {
  const file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  file.edit("CREATE TABLE beside (n)");
  await file.restart();
  await append(file.store, puts("secret", "a secret".repeat(1000)));
  await apply(file.store, [{ type: "purge", topic: "secret", max: 1000 }]);
  return file;
}

/** How many such steps an action takes. */
async function countSteps(run: (file: FailingFile) => Promise<unknown>): Promise<number> {
  await using file = await purgedFile();
  let steps = 0;
  file.after = (sql) => {
    if (isStep(sql)) steps++;
    return false;
  };
  await run(file);
  file.repair();
  return steps;
}

/** Nothing is lost, puts go on, and the text can be erased, also if the process is killed now. */
async function assertGoesOn(file: FailingFile): Promise<void> {
  using folder = new TempFolder();
  copyKilledFile(file.path, folder);
  const isMissed = hasMark(folder.file) && !names(folder).includes("queue.db-wal");
  if (isMissed) assertThrows(() => openFile(folder.file), Error, "is missing");
  else {
    await using copy = openFile(folder.file);
    assertEquals(await texts(copy), ["before"], "if the process is killed");
  }
  assertEquals(typeof (await outcomes(file.store, [put("t", "after")]))[0], "number");
  await file.store.erase();
  assertEquals(await texts(file.store), ["before", "after"]);
  for (const end of ["", "-wal"]) {
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(`${file.path}${end}`));
    assert(!text.includes("a secret"), `in the file ${end}`);
  }
  await file.restart();
  assertEquals(await texts(file.store), ["before", "after"]);
}

function names({ path }: TempFolder): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name);
}

const erase = (file: FailingFile) => file.store.erase();

/** Why an erasure fails; `undefined` if it succeeds. */
function erasureError(file: FailingFile): Promise<string | undefined> {
  return erase(file).then(() => undefined, (error: Error) => error.message);
}

const eraseSteps = await countSteps(erase);

for (const [what, cut] of Object.entries(CUTS)) {
  for (let moment = 0; moment < eraseSteps; moment++) {
    Deno.test(`a log is ${what} after step ${moment} of an erasure, which succeeds or says who is in the way`, async () => {
      await using file = await purgedFile();
      using other = new DatabaseSync(file.path);
      other.exec("SELECT * FROM state");
      let steps = 0;
      let failure: unknown;
      file.after = (sql) => {
        if (!isStep(sql) || steps++ !== moment) return false;
        try {
          cut(file.path, other);
        } catch (error) {
          failure = error;
        }
        return false;
      };
      const message = await erasureError(file);
      file.repair();
      assert(steps > moment);
      if (failure) assert(String(failure).includes("database is locked"), String(failure));
      assert(message === undefined || message === IN_USE, message);
      await assertGoesOn(file);
    });
  }

  Deno.test(`a log is ${what} again and again during an erasure, which says who is in the way`, async () => {
    await using file = await purgedFile();
    using other = new DatabaseSync(file.path);
    other.exec("SELECT * FROM state");
    file.after = (sql) => {
      try {
        if (sql.startsWith("PRAGMA user_version = ")) cut(file.path, other);
      } catch {
        // It is removed already.
      }
      return false;
    };
    if (what === "emptied, and begun again") await file.store.erase();
    else {
      const error = await assertRejects(() => file.store.erase(), StoreError);
      assertEquals([error.code, error.message], ["unavailable", IN_USE]);
    }
    file.repair();
    await assertGoesOn(file);
  });

  for (let moment = 0; moment < 5; moment++) {
    Deno.test(`a log is ${what} after step ${moment} of a checkpoint that comes with a put`, async () => {
      await using file = await purgedFile();
      using other = new DatabaseSync(file.path);
      other.exec("PRAGMA wal_checkpoint(PASSIVE)");
      Deno.utimeSync(file.path, new Date(), new Date(Date.now() + 60_000));
      let steps = 0;
      let isCommitted = false;
      file.after = (sql) => {
        isCommitted ||= sql === "COMMIT";
        if (isCommitted && isStep(sql) && steps++ === moment) cut(file.path, other);
        return false;
      };
      assertEquals(await outcomes(file.store, [put("u")]), [3]);
      file.repair();
      assert(steps > moment);
      await assertGoesOn(file);
    });
  }

  for (let moment = 0; moment < 5; moment++) {
    Deno.test(`a log is ${what} after step ${moment} of the checkpoint of a start`, async () => {
      await using file = await purgedFile();
      using other = new DatabaseSync(file.path);
      other.exec("SELECT * FROM state");
      let steps = 0;
      let isCommitted = false;
      await file.restart(undefined, (sql) => {
        isCommitted ||= sql === "COMMIT";
        if (isCommitted && isStep(sql) && steps++ === moment) cut(file.path, other);
        return false;
      });
      file.repair();
      assert(steps > moment);
      await assertGoesOn(file);
    });
  }
}

Deno.test("a log is replaced by that of another file at any moment of an erasure: nothing is stored any more, and neither that log nor the file is taken for what it is not", async () => {
  using foreign = new TempFolder();
  await using another = openFile(foreign.file);
  await append(another, puts("t", "of another file"));
  let marked = 0;
  for (let moment = 0; moment < eraseSteps; moment++) {
    await using file = await purgedFile();
    using folder = new TempFolder();
    let steps = 0;
    file.after = (sql) => {
      if (!isStep(sql) || steps++ !== moment) return false;
      Deno.removeSync(`${file.path}-wal`);
      Deno.copyFileSync(`${foreign.file}-wal`, `${file.path}-wal`);
      return false;
    };
    const message = await erasureError(file);
    file.repair();
    const expected = [undefined, IN_USE];
    assert(
      expected.includes(message) || message!.endsWith("-wal is not the same file as before"),
      message,
    );
    assertEquals(await outcomes(file.store, [put("t", "lost")]), ["unavailable"]);
    copyKilledFile(file.path, folder);
    // A file without a mark says nothing of its log.
    if (!hasMark(folder.file)) continue;
    marked++;
    assertThrows(() => openFile(folder.file), Error, "is that of another file");
  }
  assert(marked > 0);
});
