/**
 * A process is killed while it writes the log to the file, and another log is beside the file then: the next start goes on
 * only with one that follows the one of the process.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { readWalPages } from "../../stores/wal_file.ts";
import { countWalFrames, FRAME_HEADER_BYTES, WAL_HEADER_BYTES } from "../../stores/wal_mark.ts";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { hasMark } from "../support/left_mark.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

const PAGE_BYTES = 4096;
const EXPECTED = ["before", "1", "2"];

/** What a process leaves behind that is killed when its checkpoint has written the first page, or all of them. */
async function killedInCheckpoint(folder: TempFolder, written: "first" | "all"): Promise<void> {
  await using file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  file.edit("CREATE TABLE beside (n)");
  await file.restart();
  await append(file.store, puts("t", "1"));
  using other = new DatabaseSync(file.path);
  other.exec("PRAGMA wal_checkpoint(PASSIVE)");
  Deno.utimeSync(file.path, new Date(), new Date(Date.now() + 60_000));
  let copies = 0;
  const copy = (sql: string) => {
    if (sql.startsWith("PRAGMA wal_checkpoint") && copies++ === 0) {
      copyKilledFile(file.path, folder);
    }
    return false;
  };
  if (written === "first") file.before = copy;
  else file.after = copy;
  await append(file.store, puts("t", "2"));
  file.repair();
  if (written === "first") {
    const log = Deno.readFileSync(`${folder.file}-wal`);
    const at = readWalPages(`${folder.file}-wal`).pages.get(1)!;
    using copied = Deno.openSync(folder.file, { write: true });
    copied.writeSync(log.subarray(at, at + PAGE_BYTES));
  }
  assert(hasMark(folder.file));
}

/** The log of a file of another program, with its first page or without. */
function foreignLog(hasFirstPage: boolean): Uint8Array<ArrayBuffer> {
  using folder = new TempFolder();
  using db = new DatabaseSync(folder.file);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE x (a); INSERT INTO x VALUES (1)");
  if (!hasFirstPage) db.exec("PRAGMA wal_checkpoint(RESTART); UPDATE x SET a = 2");
  assertEquals(readWalPages(`${folder.file}-wal`).pages.has(1), hasFirstPage);
  return Deno.readFileSync(`${folder.file}-wal`);
}

/** Gives a log the salt of another one, or one after it. */
function withSalt(log: Uint8Array<ArrayBuffer>, salt: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(log.buffer);
  const isLittleEndian = (view.getUint32(0) & 1) === 0;
  view.setUint32(16, salt);
  let [first, second] = [0, 0];
  for (let at = 0; at < 24; at += 8) {
    first = (first + view.getUint32(at, isLittleEndian) + second) >>> 0;
    second = (second + view.getUint32(at + 4, isLittleEndian) + first) >>> 0;
  }
  view.setUint32(24, first);
  view.setUint32(28, second);
  for (let at = WAL_HEADER_BYTES; at < log.length; at += FRAME_HEADER_BYTES + PAGE_BYTES) {
    view.setUint32(at + 8, salt);
  }
  return log;
}

function saltOf(log: Uint8Array<ArrayBuffer>): number {
  return new DataView(log.buffer).getUint32(16);
}

/** What may be in the place of the log, made from the right one. */
const LOGS: Readonly<
  Record<string, (own: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>>
> = {
  "zeros": (own) => new Uint8Array(own.length),
  "text": () => new TextEncoder().encode("hello world ".repeat(500)),
  "noise": (own) => crypto.getRandomValues(new Uint8Array(Math.min(own.length, 60_000))),
  "a log whose header is torn": (own) => own.fill(0, 20, WAL_HEADER_BYTES),
  "the log of another program's file": () => foreignLog(true),
  "the log of another program's file, without its first page": () => foreignLog(false),
  "the log of another program's file, with the number of the right one": (own) =>
    withSalt(foreignLog(true), saltOf(own) + 2),
  "the log of a file of another size, with the number of the right one": (own) =>
    withSalt(foreignLog(false), saltOf(own) + 2),
};

for (const [what, make] of Object.entries(LOGS)) {
  Deno.test(`a process is killed during a checkpoint, and its log is replaced by ${what}: the next start refuses it, and changes nothing`, async () => {
    using folder = new TempFolder();
    await killedInCheckpoint(folder, "first");
    const log = make(Deno.readFileSync(`${folder.file}-wal`));
    const own = Deno.readFileSync(`${folder.file}-wal`);
    const before = Deno.readFileSync(folder.file);
    Deno.writeFileSync(`${folder.file}-wal`, log);
    assertThrows(() => openFile(folder.file), Error, "is that of another file");
    assertEquals(Deno.readFileSync(folder.file), before);
    assertEquals(Deno.readFileSync(`${folder.file}-wal`), log);
    Deno.writeFileSync(`${folder.file}-wal`, own);
    await using store = openFile(folder.file);
    assertEquals(await texts(store), EXPECTED);
  });
}

for (
  const [what, sql] of [
    ["writes rows", "INSERT INTO beside VALUES (1); PRAGMA wal_checkpoint(RESTART)"],
    ["runs VACUUM", "VACUUM; PRAGMA wal_checkpoint(PASSIVE)"],
  ]
) {
  Deno.test(`a process is killed during a checkpoint, and another program ${what} many times: the next start has everything, or waits until that program ends`, async () => {
    using folder = new TempFolder();
    await killedInCheckpoint(folder, "all");
    const other = new DatabaseSync(folder.file);
    for (let times = 1; times < 20; times++) {
      other.exec(sql!);
      using killed = new TempFolder();
      copyKilledFile(folder.file, killed);
      // The first time, the log of the killed process goes on.
      if (what === "writes rows" && times > 1 + 16) {
        assertThrows(() => openFile(killed.file), Error, "end other programs");
        continue;
      }
      await using store = openFile(killed.file);
      assertEquals(await texts(store), EXPECTED);
    }
    other.close();
    await using store = openFile(folder.file);
    assertEquals(await texts(store), EXPECTED);
  });
}

Deno.test("a process is killed during a checkpoint, and its log is lost: the next start does not go on without it", async () => {
  for (const written of ["first", "all"] as const) {
    using folder = new TempFolder();
    await killedInCheckpoint(folder, written);
    Deno.removeSync(`${folder.file}-wal`);
    assertThrows(() => openFile(folder.file), Error, "is missing, and it holds messages");
  }
});

Deno.test("a process is killed during a checkpoint, and its log is replaced by that of another queue: the next start refuses it", async () => {
  for (const written of ["first", "all"] as const) {
    using folder = new TempFolder();
    using another = new TempFolder();
    await killedInCheckpoint(folder, written);
    await killedInCheckpoint(another, "all");
    Deno.copyFileSync(`${another.file}-wal`, `${folder.file}-wal`);
    assertThrows(() => openFile(folder.file), Error, "is that of another file");
  }
});

Deno.test("a process is killed during a checkpoint, and another program while it writes: the next start has everything", async () => {
  using folder = new TempFolder();
  await killedInCheckpoint(folder, "all");
  {
    using killed = new TempFolder();
    const other = new DatabaseSync(folder.file);
    other.exec("VACUUM; PRAGMA wal_checkpoint(PASSIVE); ".repeat(3) + "VACUUM");
    copyKilledFile(folder.file, killed);
    other.close();
    copyKilledFile(killed.file, folder);
  }
  addUncommittedPage(`${folder.file}-wal`);
  await using store = openFile(folder.file);
  assertEquals(await texts(store), EXPECTED);
});

/** Writes the first frame of a transaction to a log, with the first page. */
function addUncommittedPage(path: string): void {
  const frames = countWalFrames(path);
  using log = Deno.openSync(path, { read: true, write: true });
  const header = new Uint8Array(WAL_HEADER_BYTES);
  log.readSync(header);
  const frame = new Uint8Array(FRAME_HEADER_BYTES + PAGE_BYTES);
  frame[3] = 1;
  frame.set(header.subarray(16, 24), 8);
  log.seekSync(WAL_HEADER_BYTES + frames * frame.length, Deno.SeekMode.Start);
  log.writeSync(frame);
  assertEquals(countWalFrames(path), frames + 1);
}

Deno.test("a process is killed during a checkpoint, and its log is lost: the next start does not go on while another program has the file open", async () => {
  using folder = new TempFolder();
  await killedInCheckpoint(folder, "first");
  Deno.removeSync(`${folder.file}-wal`);
  using other = new DatabaseSync(folder.file);
  other.exec("SELECT count(*) FROM sqlite_schema");
  assertThrows(() => openFile(folder.file), Error, "is missing, and it holds messages");
});

Deno.test("another program empties the log, and begins it again while the server looks at it: the put is stored", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await append(file.store, puts("t", "before"));
  file.edit("CREATE TABLE beside (n)");
  await file.restart();
  await append(file.store, puts("t", "x".repeat(20_000)));
  using other = new DatabaseSync(file.path);
  other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  Deno.utimeSync(file.path, new Date(), new Date(Date.now() + 60_000));
  let writes = 0;
  file.before = (sql) => {
    if (sql.startsWith("PRAGMA wal_checkpoint(PASSIVE)") && writes++ === 0) {
      other.exec("INSERT INTO beside VALUES (1)");
    }
    return false;
  };
  assertEquals(await outcomes(file.store, [put("t", "1")]), [3]);
  file.repair();
  assert(writes > 0);
  assertEquals(file.store.findFault(), undefined);
  await file.restart();
  assertEquals((await texts(file.store)).length, 3);
});
