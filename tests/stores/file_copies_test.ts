/**
 * Copies of a file, and the files of a killed process: they are opened with all that is in them, or refused with a
 * reason. A queue that has lost something is never taken for a complete one, or for a new one.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FileFolder, watchedEngine } from "../support/file_folder.ts";

const WITHOUT_LOG = /: its log, .*-wal, is missing, and it holds messages: restore it, or, /;
const OTHER_LOG =
  /: the log beside it, .*-wal, is that of another file, or of this one at another time: copy the file and all beside it, end other programs .*, and start again; only .* of another file may be moved away$/;

function refused(folder: FileFolder, path: string, reason: RegExp): void {
  const error = assertThrows(() => folder.open(path), Error);
  assertMatch(error.message, reason);
}

async function messages(folder: FileFolder, path: string): Promise<string[]> {
  await using store = folder.open(path);
  return await texts(store);
}

/** Runs SQL in a file, as a person does at a prompt. */
function run(path: string, sql: string): void {
  using db = new DatabaseSync(path);
  db.exec(sql);
}

Deno.test("a copy without its log is refused, whenever it was made, and opened if the operator allows it", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  for (let n = 0; n < 4; n++) {
    if (n > 0) await append(store, puts("t", ...Array(400).fill(`${n} `.padEnd(9000, "x"))));
    const copy = `${folder.root}/copy${n}`;
    Deno.copyFileSync(folder.path, copy);
    const before = Deno.readFileSync(copy);
    refused(folder, copy, WITHOUT_LOG);
    assertEquals(Deno.readFileSync(copy), before);
    run(copy, "PRAGMA user_version = 3");
    const found = await messages(folder, copy);
    assert(found.length <= 400 * n, "it is as old as the copy");
  }
});

Deno.test("a copy of all files of a running process is opened with all that was acknowledged", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  const expected: string[] = [];
  for (let n = 0; n < 4; n++) {
    for (const part of [[], ["-lock"], ["-shm"], ["-lock", "-shm"]]) {
      const copy = folder.killed(`${n}${part}`);
      for (const name of part) Deno.removeSync(copy + name);
      assertEquals(await messages(folder, copy), expected);
    }
    const texts = Array(200).fill(`${n} `.padEnd(9000, "x"));
    await append(store, puts("t", ...texts));
    expected.push(...texts);
  }
});

Deno.test("a copy of the file and a later copy of its log are not accepted together", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  for (let later = 1; later < 4; later++) {
    const copy = `${folder.root}/copy${later}`;
    Deno.copyFileSync(folder.path, copy);
    for (let n = 0; n < later; n++) {
      // So much that the log is written to the file, and starts again.
      await append(store, puts("t", "x".repeat(9_000_000)));
      await append(store, puts("t", "2"));
    }
    Deno.copyFileSync(`${folder.path}-wal`, `${copy}-wal`);
    refused(folder, copy, OTHER_LOG);
  }
});

Deno.test("copies that SQLite makes are opened, even of a file in use", async () => {
  using folder = new FileFolder();
  const copies: string[] = [];
  const copy = () => {
    const path = `${folder.root}/copy${copies.length}`;
    run(folder.path, `VACUUM INTO '${path}'`);
    copies.push(path);
  };
  // Also during a checkpoint, when the mark can be seen.
  let damagedCopies = 0;
  await using store = folder.open(
    folder.path,
    watchedEngine((sql) => {
      if ((Number(/^PRAGMA user_version = (\d+)$/.exec(sql)?.[1]) & 0x100) === 0) return;
      copy();
      damagedCopies++;
    }),
  );
  await append(store, puts("t", "1", "2"));
  copy();
  assert(damagedCopies > 0);
  for (const path of copies.slice(0, -1)) assertEquals(await messages(folder, path), []);
  assertEquals(await messages(folder, copies.at(-1)!), ["1", "2"]);
});

Deno.test("a file that lost its log, and whose process was killed during a checkpoint, is refused", async () => {
  using folder = new FileFolder();
  const killed: string[] = [];
  await using store = folder.open(
    folder.path,
    watchedEngine((sql) => {
      if (sql.includes("wal_checkpoint")) killed.push(folder.killed(`killed ${killed.length}`));
    }),
  );
  await append(store, puts("t", "1"));
  assert(killed.length > 0);
  for (const path of killed) {
    Deno.removeSync(`${path}-wal`);
    refused(folder, path, WITHOUT_LOG);
  }
});

Deno.test("a file that lost its log, and whose process was killed, is refused, whatever replaces the log", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  await using another = folder.open(`${folder.root}/another`);
  await append(another, puts("t", "2"));
  for (const lock of [true, false]) {
    const lost = folder.killed(`lost ${lock}`);
    if (!lock) Deno.removeSync(`${lost}-lock`);
    Deno.removeSync(`${lost}-wal`);
    refused(folder, lost, WITHOUT_LOG);
    Deno.writeTextFileSync(`${lost}-wal`, "");
    refused(folder, lost, WITHOUT_LOG);
    Deno.writeTextFileSync(`${lost}-wal`, "not a log of SQLite, but long enough to be one");
    refused(folder, lost, OTHER_LOG);
    Deno.copyFileSync(`${folder.root}/another-wal`, `${lost}-wal`);
    const before = Deno.readFileSync(`${lost}-wal`);
    refused(folder, lost, OTHER_LOG);
    assertEquals(Deno.readFileSync(`${lost}-wal`), before);
  }
});

Deno.test("a file that replaces one whose process was killed does not get its log", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  const backup = `${folder.root}/backup`;
  run(folder.path, `VACUUM INTO '${backup}'`);
  const closed = `${folder.root}/closed`;
  {
    await using before = folder.open(closed);
    await append(before, puts("t", "before"));
  }
  for (const instead of [closed, backup]) {
    const path = folder.killed(`killed ${instead.slice(-6)}`);
    Deno.copyFileSync(instead, path);
    const before = Deno.readFileSync(path);
    const log = Deno.readFileSync(`${path}-wal`);
    if (instead === closed) {
      refused(folder, path, OTHER_LOG);
      assertEquals(Deno.readFileSync(path), before);
      assertEquals(Deno.readFileSync(`${path}-wal`), log);
    }
    Deno.removeSync(`${path}-wal`);
    assertEquals(await messages(folder, path), instead === closed ? ["before"] : ["1"]);
  }
});

Deno.test("an empty or missing file where one was in use is refused; a new one is accepted once the operator allows it", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  for (const gone of ["emptied", "removed"]) {
    const path = folder.killed(gone);
    if (gone === "emptied") Deno.truncateSync(path);
    else Deno.removeSync(path);
    refused(
      folder,
      path,
      /: it is empty or missing, but its log exists: restore it, or move /,
    );
    assert(Deno.statSync(`${path}-wal`).size > 0, "the log is not deleted");
    Deno.removeSync(`${path}-wal`);
    refused(folder, path, /though it was in use: restore it, or delete .*-lock to begin/);
    Deno.removeSync(`${path}-lock`);
    assertEquals(await messages(folder, path), []);
  }
});

Deno.test("a file without tables is refused, unless its process was killed while it created them", async () => {
  using folder = new FileFolder();
  const path = `${folder.root}/bare`;
  run(path, "PRAGMA journal_mode = WAL; VACUUM");
  refused(folder, path, /: there is nothing in it, not even tables: a copy without its log\?$/);
  Deno.writeTextFileSync(`${path}-lock`, "");
  assertEquals(await messages(folder, path), []);
});

Deno.test("a file whose process was killed, and that another program has opened since, is opened", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1", "2"));
  const path = folder.killed("killed");
  run(path, "SELECT * FROM state");
  assertEquals(folder.names("killed").filter((name) => name.endsWith("-wal")), []);
  assertEquals(await messages(folder, path), ["1", "2"]);
});

Deno.test("wherever a process is killed, the next start has all that was acknowledged, even if another program has opened the file", async () => {
  using folder = new FileFolder();
  let [acknowledged, begun, copies] = [0, 0, 0];
  const expected: { path: string; min: number; max: number; sql: string; checked: boolean }[] = [];
  const engine = watchedEngine((sql) => {
    // Copied as the process would leave it, with its pending writes.
    for (const checked of sql.startsWith("PRAGMA") ? [false, true] : [false]) {
      const path = folder.killed(`killed ${++copies}`);
      expected.push({ path, min: acknowledged, max: begun, sql, checked });
    }
  });
  for (let opening = 0; opening < 2; opening++) {
    const store = folder.open(folder.path, engine);
    for (let n = 0; n < 3; n++) {
      // So large that the log is written to the file meanwhile.
      const large = "x".repeat(opening === 1 && n === 2 ? 9_000_000 : 10);
      begun++;
      assertEquals(await outcomes(store, [put("t", large)]), [begun]);
      acknowledged++;
    }
    await store[Symbol.asyncDispose]();
  }
  assert(copies > 100, `${copies}`);
  assert(expected.some(({ sql }) => sql.includes("checkpoint(PASSIVE)")));
  for (const { path, min, max, sql, checked } of expected) {
    // This writes the log to the file and deletes it, as the last program that closes a file does.
    if (checked) run(path, "SELECT * FROM sqlite_schema");
    await using store = folder.open(path);
    const { last } = await store.bounds();
    assert(min <= last && last <= max, `${sql}: ${min} ${last} ${max}`);
  }
});
