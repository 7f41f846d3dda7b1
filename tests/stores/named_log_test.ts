/**
 * Another program begins the log again while a server writes it to the file, so that the mark in the file does not tell any
 * more which log is its own: the lock does. Wherever the server is killed, the next start has everything.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { watchEngine } from "../contracts/failing_engine.ts";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FailingFile } from "../support/failing_file.ts";
import { hasMark, markStays } from "../support/left_mark.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

const CHECKPOINT = "PRAGMA wal_checkpoint";
const REMOVED = "PRAGMA user_version = ";

/** What another program does with the file, so that the log begins again each time. */
const WRITES: Readonly<Record<string, string>> = {
  "writes rows": "INSERT INTO beside VALUES (1); PRAGMA wal_checkpoint(PASSIVE)",
  "writes rows, and again":
    "INSERT INTO beside VALUES (1); PRAGMA wal_checkpoint(PASSIVE); ".repeat(2) +
    "INSERT INTO beside VALUES (2)",
  "runs VACUUM": "VACUUM; PRAGMA wal_checkpoint(PASSIVE)",
  "makes tables": "CREATE TABLE more (n); DROP TABLE more; PRAGMA wal_checkpoint(PASSIVE)",
};

/** Copies of the files of a process at all moments of what it does. */
class Copies implements Disposable {
  readonly #folders = new DisposableStack();
  readonly all: { folder: TempFolder; step: string; min: number; max: number }[] = [];
  /** How many messages were acknowledged, and are perhaps stored. */
  acknowledged = 1;
  begun = 1;

  take(path: string, step: string): false {
    const [min, max] = [this.acknowledged, this.begun];
    const last = this.all.at(-1);
    if (last && isSame(path, last.folder.file)) {
      last.min = min;
      return false;
    }
    const folder = this.#folders.use(new TempFolder());
    copyKilledFile(path, folder);
    this.all.push({ folder, step, min, max });
    return false;
  }

  /** Each is opened with all that was acknowledged. With `closed`, another program has opened and closed it before. */
  async assertWhole(closed = false): Promise<void> {
    for (const { folder, step, min, max } of this.all) {
      if (closed) openElsewhere(folder.file);
      await using store = openFile(folder.file);
      const { length } = await texts(store);
      assert(min <= length && length <= max, `${step}: ${min} ${length} ${max}`);
    }
  }

  [Symbol.dispose](): void {
    this.#folders.dispose();
  }
}

/** Whether the files are as they were when they were copied. */
function isSame(path: string, copy: string): boolean {
  return ["", "-wal", "-lock"].every((end) => textOf(path + end) === textOf(copy + end));
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? new TextDecoder("latin1").decode(Deno.readFileSync(path)) : undefined;
}

/** The last program that closes a file writes the log to it, and deletes it. */
function openElsewhere(path: string): void {
  using other = new DatabaseSync(path);
  other.exec("SELECT * FROM state");
}

/** A file with a message, in which another program has a table, and whose next put comes with a checkpoint. */
async function usedFile(
  engine = nodeSqlite,
): Promise<{ file: FailingFile; other: DatabaseSync }> {
  const file = new FailingFile(engine, { durability: "process" });
  await append(file.store, puts("t", "before"));
  file.edit("CREATE TABLE beside (n)");
  await file.restart();
  const other = new DatabaseSync(file.path);
  other.exec("PRAGMA wal_checkpoint(PASSIVE)");
  touch(file.path);
  return { file, other };
}

/** The next put is checked as one that comes later, and is due for a checkpoint. */
const touch = (path: string) => Deno.utimeSync(path, new Date(), new Date(Date.now() + 60_000));

/**
 * A file whose mark does not tell its log, with as many messages as a test asks for: another program has begun the log again
 * during a checkpoint, and one that reads was in the way of the next.
 */
async function fileWithNamedLog(
  sql = WRITES["writes rows"]!,
  engine = nodeSqlite,
): Promise<FailingFile> {
  const { file, other } = await usedFile(engine);
  const reader = new DatabaseSync(file.path);
  reader.exec("SELECT * FROM state");
  let [checkpoints, removals] = [0, 0];
  file.after = (step) => {
    if (step.startsWith(CHECKPOINT) && checkpoints++ === 0) other.exec(sql);
    if (step.startsWith(REMOVED) && checkpoints === 1 && removals++ === 0) {
      reader.exec("BEGIN; SELECT * FROM state");
    }
    return false;
  };
  await append(file.store, puts("t", "1"));
  file.repair();
  reader.close();
  other.close();
  assert(hasMark(file.path));
  assertMatch(textOf(`${file.path}-lock`)!, / log \d+ \d+\n\0*$/);
  return file;
}

for (const [what, sql] of Object.entries(WRITES)) {
  for (const times of [1, Infinity]) {
    for (let moment = 0; moment < 6; moment++) {
      Deno.test(`another program ${what} after step ${moment} of ${times === 1 ? "a checkpoint" : "each checkpoint"}: wherever the process is killed, the next start has everything`, async () => {
        const { file, other } = await usedFile();
        using _other = other;
        await using _file = file;
        using copies = new Copies();
        let [steps, turns] = [0, 0];
        file.before = (step) => copies.take(file.path, `before ${step}`);
        file.after = (step) => {
          const isStep = step.startsWith(REMOVED) || step.startsWith(CHECKPOINT) ||
            step === "PRAGMA data_version" || step === "PRAGMA schema_version";
          if (isStep && steps++ % 6 === moment && turns < times) {
            turns++;
            other.exec(sql);
          }
          return copies.take(file.path, `after ${step}`);
        };
        for (let n = 1; n < 3; n++) {
          copies.begun++;
          assertEquals(await outcomes(file.store, [put("t", `${n}`)]), [n + 1]);
          copies.acknowledged++;
          copies.take(file.path, "between the puts");
        }
        file.repair();
        assert(turns > 0);
        await copies.assertWhole();
        if (times === 1) await copies.assertWhole(true);
      });
    }
  }
}

Deno.test("another program begins the log during a checkpoint, and one that reads is in the way of the next: each kill after that leaves everything", async () => {
  await using file = await fileWithNamedLog();
  using copies = new Copies();
  copies.acknowledged = copies.begun = 2;
  copies.take(file.path, "before the puts");
  for (let n = 2; n < 8; n++) {
    copies.begun++;
    await append(file.store, puts("t", "x".repeat(n * 1000)));
    copies.acknowledged++;
    copies.take(file.path, `after put ${n}`);
  }
  await copies.assertWhole();
  touch(file.path);
  await append(file.store, puts("t", "last"));
  assertEquals(
    textOf(`${file.path}-lock`)!.includes("log"),
    false,
    "a mark that fits is in the file",
  );
  await file.restart();
  assertEquals((await texts(file.store)).length, 9);
});

Deno.test("a file whose lock names its log is closed: killed at any moment of that, it has everything", async () => {
  for (const isOpenElsewhere of [false, true]) {
    using copies = new Copies();
    copies.acknowledged = copies.begun = 2;
    let closing = () => {};
    const engine: Engine = {
      name: nodeSqlite.name,
      open(path) {
        const db = nodeSqlite.open(path);
        return {
          exec: (sql) => db.exec(sql),
          prepare: (sql) => db.prepare(sql),
          close() {
            closing();
            db.close();
          },
        };
      },
    };
    await using file = await fileWithNamedLog(undefined, engine);
    const other = new DatabaseSync(file.path);
    if (isOpenElsewhere) other.exec("SELECT * FROM state");
    else other.close();
    closing = () => copies.take(file.path, "before it is closed");
    file.before = (step) => copies.take(file.path, `before ${step}`);
    file.after = (step) => copies.take(file.path, `after ${step}`);
    file.onClosed = () => copies.take(file.path, "closed");
    await file.store[Symbol.asyncDispose]();
    closing = file.onClosed = () => {};
    copies.take(file.path, "after all");
    if (isOpenElsewhere) {
      other.exec("PRAGMA wal_checkpoint(PASSIVE)");
      copies.take(file.path, "checkpointed elsewhere");
      other.exec(WRITES["writes rows"]!);
      copies.take(file.path, "begun elsewhere");
      other.close();
    } else assertThrows(() => Deno.statSync(`${file.path}-lock`), Deno.errors.NotFound);
    await copies.assertWhole();
    await file.restart();
    assertEquals(await texts(file.store), ["before", "1"]);
  }
});

for (const how of ["after a checkpoint was killed", "whose lock names its log"]) {
  Deno.test(`a file ${how} is opened while another program has it open: killed at any moment of that, it has everything`, async () => {
    using killed = new TempFolder();
    using copies = new Copies();
    copies.acknowledged = copies.begun = 2;
    if (how === "whose lock names its log") {
      await using file = await fileWithNamedLog();
      copyKilledFile(file.path, killed);
    } else {
      const { file, other } = await usedFile();
      using _other = other;
      await using _file = file;
      let checkpoints = 0;
      file.after = (step) => {
        if (step.startsWith(CHECKPOINT) && checkpoints++ === 0) copyKilledFile(file.path, killed);
        return false;
      };
      await append(file.store, puts("t", "1"));
    }
    using other = new DatabaseSync(killed.file);
    for (let i = 0; i < 4; i++) other.exec(WRITES["writes rows"]!);
    const { failing, failOn, failAfter } = watchEngine();
    failOn((step) => void copies.take(killed.file, `before ${step}`));
    failAfter((step) => void copies.take(killed.file, `after ${step}`));
    await openFile(killed.file, failing)[Symbol.asyncDispose]();
    assert(copies.all.length > 8, `${copies.all.length}`);
    await copies.assertWhole();
  });
}

Deno.test("a mark cannot be removed, another program begins the log again and again, and the next put removes it: killed at any moment, the file has everything", async () => {
  for (const place of ["file", "log"] as const) {
    const { file, other } = await usedFile();
    using _other = other;
    await using _file = file;
    file.before = markStays(place);
    await append(file.store, puts("t", "1"));
    for (let i = 0; i < 4; i++) other.exec(WRITES["writes rows"]!);
    using copies = new Copies();
    copies.acknowledged = copies.begun = 2;
    file.before = (step) => copies.take(file.path, `before ${step}`);
    file.after = (step) => copies.take(file.path, `after ${step}`);
    copies.begun++;
    await append(file.store, puts("t", "2"));
    copies.acknowledged++;
    file.repair();
    copies.take(file.path, "after the put");
    await copies.assertWhole();
  }
});

for (const [what, sql] of Object.entries(WRITES)) {
  Deno.test(`a file whose lock names its log, because another program ${what}, is not opened without it, nor with another`, async () => {
    await using file = await fileWithNamedLog(sql);
    using lost = new TempFolder();
    using other = new TempFolder();
    using later = new TempFolder();
    for (const folder of [lost, other, later]) copyKilledFile(file.path, folder);
    Deno.removeSync(`${lost.file}-wal`);
    assertThrows(() => openFile(lost.file), Error, "is missing, and it holds messages");
    await using another = await fileWithNamedLog(sql);
    Deno.copyFileSync(`${another.path}-wal`, `${other.file}-wal`);
    assertThrows(() => openFile(other.file), Error, "is that of another file");
    // The log goes on to be that of the file, but of a later state.
    for (let n = 2; n < 5; n++) {
      touch(file.path);
      await append(file.store, puts("t", `${n}`));
      Deno.copyFileSync(`${file.path}-wal`, `${later.file}-wal`);
      assertThrows(() => openFile(later.file), Error, "is that of another file");
    }
  });
}
