/**
 * Other programs that read a file in use, hold read transactions for long, and checkpoint the log, as replication tools
 * do (Litestream): nobody is blocked, nothing is lost, and no complete file is refused.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FileFolder } from "../support/file_folder.ts";

/** A copy of the file alone, without its log. */
function alone(folder: FileFolder): string {
  const path = `${Deno.makeTempDirSync({ dir: folder.root })}/queue.db`;
  Deno.copyFileSync(folder.path, path);
  return path;
}

/** Another program checkpoints the log, at another time than the store does. */
function checkpoint(db: DatabaseSync, path: string, how: string): void {
  assertEquals(db.prepare(`PRAGMA wal_checkpoint(${how})`).get()!.busy, 0);
  Deno.utimeSync(path, new Date(), new Date(Date.now() + 60_000));
}

for (const how of ["PASSIVE", "FULL", "RESTART", "TRUNCATE"]) {
  Deno.test(`another program checkpoints the log (${how}): puts continue, and copies are checked as before`, async () => {
    using folder = new FileFolder();
    const store = folder.open();
    using other = new DatabaseSync(folder.path);
    for (let n = 1; n < 9; n += 4) {
      await append(store, puts("t", `${n}`));
      checkpoint(other, folder.path, how);
      await append(store, puts("t", `${n + 1}`));
      await append(store, puts("t", `${n + 2}`));
      const error = assertThrows(() => folder.open(alone(folder)), Error);
      assertMatch(error.message, /its log, .* is missing, and it holds messages/);
      checkpoint(other, folder.path, how);
      await using killed = folder.open(folder.killed(`killed ${n}`));
      assertEquals((await texts(killed)).length, n + 2);
      await append(store, puts("t", `${n + 3}`));
    }
    await store[Symbol.asyncDispose]();
    assertEquals(folder.warnings, []);
    await using next = folder.open();
    assertEquals(await texts(next), ["1", "2", "3", "4", "5", "6", "7", "8"]);
  });
}

Deno.test("another program may truncate the log during a burst of puts", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  using other = new DatabaseSync(folder.path);
  for (let n = 1; n <= 300; n++) {
    assertEquals(await outcomes(store, [put("t")]), [n]);
    if (n % 50 === 0) checkpoint(other, folder.path, "TRUNCATE");
  }
  assertEquals(folder.warnings, []);
});

Deno.test("a log that grew while another program was reading is truncated later, and puts continue", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  using reader = new DatabaseSync(folder.path);
  reader.exec("BEGIN; SELECT * FROM state");
  const large = "x".repeat(9_000_000);
  for (let n = 2; n < 11; n++) assertEquals(await outcomes(store, [put("t", large)]), [n]);
  const { size } = Deno.statSync(`${folder.path}-wal`);
  reader.exec("COMMIT");
  for (let n = 11; n < 14; n++) assertEquals(await outcomes(store, [put("t", large)]), [n]);
  assert(Deno.statSync(`${folder.path}-wal`).size < size);
  assertEquals(folder.warnings, []);
});

const ENDS = [
  "a store was closed while another program reads",
  "a store was killed while another program reads",
  "another program began to read a closed file",
];

for (const end of ENDS) {
  Deno.test(`puts are accepted after ${end}, and a process that is killed then loses nothing`, async () => {
    using folder = new FileFolder();
    Deno.writeTextFileSync(folder.path, "", { mode: 0o600 });
    using reader = new DatabaseSync(folder.path);
    {
      await using store = folder.open();
      await append(store, puts("t", "1"));
      if (end !== ENDS[2]) reader.exec("BEGIN; SELECT * FROM state");
      await append(store, puts("t", "2"));
    }
    if (end === ENDS[2]) reader.exec("BEGIN; SELECT * FROM state");
    // A killed process leaves the log and the lock.
    if (end === ENDS[1]) Deno.writeTextFileSync(`${folder.path}-lock`, "dsmq 12345\n");
    using other = new DatabaseSync(folder.path);
    await using next = folder.open();
    assertEquals(await outcomes(next, [put("t", "3")]), [3]);
    // As far as the reader allows.
    other.exec("PRAGMA wal_checkpoint(PASSIVE)");
    Deno.utimeSync(folder.path, new Date(), new Date(Date.now() + 60_000));
    assertEquals(await outcomes(next, [put("t", "4")]), [4]);
    const remaining = [folder.killed("held")];
    reader.exec("COMMIT");
    checkpoint(other, folder.path, "FULL");
    remaining.push(folder.killed("released"));
    assertEquals(await outcomes(next, [put("t", "5")]), [5]);
    remaining.push(folder.killed("later"));
    for (const [n, path] of remaining.entries()) {
      await using killed = folder.open(path);
      assertEquals((await texts(killed)).length, n === 2 ? 5 : 4);
    }
    assertEquals(folder.warnings, []);
  });
}
