/**
 * The cost of many puts into a file: commits in parts, and a log that stays small.
 *
 * @module
 */

import { apply, trim } from "../../testing/store/support.ts";
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { countWalFrames } from "../../stores/wal_mark.ts";
import { seeded } from "../../testing/seeded.ts";
import { opened, put, putsIn, RETENTION } from "../support/counted_store.ts";

Deno.test("a file commits many simultaneous puts in parts, with a turn of the event loop between them, even while topics are listed", async () => {
  const rounds: (() => void)[] = [];
  const { store, end } = opened("file", {}, (callback) => rounds.push(callback));
  await apply(store, [put("first")]);
  let answered = 0;
  for (let i = 0; i < 4; i++) {
    void apply(store, putsIn(1024, () => "t")).then(() => answered++);
  }
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals(answered, 1);
  for (let i = 2; i <= 4; i++) {
    assertEquals(rounds.length, 1);
    rounds.pop()!();
    for (let j = 0; j < 20; j++) await undefined;
    assertEquals(answered, i);
  }
  await store[Symbol.asyncDispose]();
  end();
});

Deno.test("the log of a file is written to it in parts of about 4 MB, however much is put", async () => {
  const { store, logBytes, end } = opened("file");
  const body = JSON.stringify("x".repeat(50_000));
  for (let i = 0; i < 40; i++) {
    await apply(store, Array.from({ length: 10 }, () => put("t", body)));
    assert(logBytes() < 6_000_000, `${logBytes()} bytes`);
  }
  await store[Symbol.asyncDispose]();
  end();
});

Deno.test("the same holds when very many topics come and go", async () => {
  const { store, clock, logBytes, end } = opened("file");
  const random = seeded(7);
  const names = Array.from({ length: 10_000 }, (_, i) => `${random(1e9)} ${i}`);
  for (let i = 0; i < 25_000; i += 1000) {
    await apply(store, putsIn(1000, (k) => names[i < 10_000 ? i + k : random(10_000)]!));
    assert(logBytes() < 6_000_000, `${logBytes()} bytes after ${i} puts`);
  }
  clock.advance(RETENTION);
  for (let more = true; more;) {
    more = await trim(store, 1);
    assert(logBytes() < 6_000_000, `${logBytes()} bytes as they go`);
  }
  assertEquals(await store.topics({ prefix: "", after: "", count: 1 }), []);
  await store[Symbol.asyncDispose]();
  end();
});

Deno.test("the number of frames in a log is known, even after it has started again", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/queue.db`;
  const db = nodeSqlite.open(path);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (n, text)");
  const insert = db.prepare("INSERT INTO t VALUES (?, ?)");
  const checkpoint = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  const found: number[] = [];
  const sizes = [80, 3, 40, 0, 1, 200].map((rows) => {
    for (let i = 0; i < rows; i++) insert.run(i, "x".repeat(3000));
    found.push(countWalFrames(`${path}-wal`));
    return (checkpoint.all() as [{ log: number }])[0].log;
  });
  assertEquals(found, sizes);
  assertEquals(new Set(sizes).size, 5);
  db.close();
  Deno.removeSync(folder, { recursive: true });
});
