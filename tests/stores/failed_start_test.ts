/**
 * Starts that fail on what a killed process has left: the next one finds all of it.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { watchEngine } from "../contracts/failing_engine.ts";
import { append, puts, texts } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { fileWithMark } from "../support/left_mark.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { Program } from "../support/program.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

/** Opens copies of a file, each time failing at another step, and then once more. */
async function assertSurvivesFailedStarts(path: string): Promise<void> {
  for (const when of ["failOn", "failAfter"] as const) {
    for (let step = 0, failed = ""; step === 0 || failed !== ""; step++) {
      using copy = new TempFolder();
      copyKilledFile(path, copy);
      const { failing, [when]: fail } = watchEngine();
      let left = step;
      failed = "";
      fail((sql) => {
        if (failed !== "" || left-- > 0) return false;
        failed = `${when} ${step}: ${sql}`;
        return true;
      });
      try {
        await openFile(copy.file, failing)[Symbol.asyncDispose]();
      } catch {
        // The next start has to find everything.
      }
      try {
        await using store = openFile(copy.file);
        assertEquals(await texts(store), ["before"]);
      } catch (cause) {
        throw new Error(failed, { cause });
      }
      assert(step < 200, "it has no end");
    }
  }
}

/** Makes copies of files as processes leave them that are killed. */
const KILLED: Readonly<Record<string, (folder: TempFolder) => Promise<void>>> = {
  "during a checkpoint": async (folder) => {
    await using file = new FailingFile(undefined, { durability: "process" });
    await append(file.store, puts("t", "before"));
    await file.restart((sql) => {
      if (sql.startsWith("PRAGMA wal_checkpoint")) copyKilledFile(file.path, folder);
      return false;
    });
  },
  "when a mark was left in the file": async (folder) => {
    await using file = await fileWithMark("file");
    copyKilledFile(file.path, folder);
  },
  "when a mark was left in the log": async (folder) => {
    await using file = await fileWithMark("log");
    copyKilledFile(file.path, folder);
  },
};

for (const [when, kill] of Object.entries(KILLED)) {
  Deno.test(`a start that fails at any step harms no file whose process was killed ${when}`, async () => {
    using folder = new TempFolder();
    await kill(folder);
    await assertSurvivesFailedStarts(folder.file);
  });

  Deno.test(`a start beside a program that writes harms no file whose process was killed ${when}`, async () => {
    using folder = new TempFolder();
    await kill(folder);
    const other = new DatabaseSync(folder.file);
    other.exec("BEGIN IMMEDIATE");
    assertThrows(
      () => openFile(folder.file),
      Error,
      "it is in use already, by this process or another one",
    );
    other.exec("ROLLBACK");
    other.close();
    await using store = openFile(folder.file);
    assertEquals(await texts(store), ["before"]);
    const lock = Deno.readTextFileSync(`${folder.file}-lock`);
    assert(!lock.includes("writing"), `once it has started, its mark is gone: ${lock}`);
  });
}

Deno.test("the lock of an earlier version whose process was killed during a checkpoint is understood", async () => {
  using folder = new TempFolder();
  await KILLED["during a checkpoint"]!(folder);
  const lock = `${folder.file}-lock`;
  const [use] = /^dsmq \d+/.exec(Deno.readTextFileSync(lock))!;
  Deno.writeTextFileSync(lock, `${use} writing\n`);
  await using store = openFile(folder.file);
  assertEquals(await texts(store), ["before"]);
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a lock that is released is free at once, also while its process starts programs",
  ),
  async fn() {
    using folder = new TempFolder();
    const args = ["-A", "tests/programs/lock_beside_starts.ts", `${folder.file}-lock`];
    await using program = new Program(args);
    const { code, stdout, stderr } = await program.end();
    assertEquals([code, stdout.trim(), stderr], [0, "0", ""]);
  },
});
