/**
 * What is special about a store in a file: its lock, its errors if the file cannot be used, and that it is
 * complete after the process was killed.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { serve } from "../../server.ts";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { StoreError } from "../../stores/store.ts";
import {
  append,
  apply,
  numbered,
  put,
  puts,
  read,
  RETENTION,
  trimAll,
} from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { Program } from "../support/program.ts";
import { openFile, TempFolder } from "../support/queue_files.ts";

/** Asserts that a file is refused at the start, in one sentence. */
function assertRefused(path: string, reason: string | RegExp, engine?: Engine): void {
  const error = assertThrows(() => openFile(path, engine), Error);
  const begin = `Cannot open sqlite:${path}: `;
  assertEquals(error.message.slice(0, begin.length), begin);
  const detail = error.message.slice(begin.length);
  if (typeof reason === "string") assertEquals(detail, reason);
  else assertMatch(detail, reason);
}

Deno.test("a file that another store has open is refused, and accepted once that one is closed", async () => {
  using folder = new TempFolder();
  const store = openFile(folder.file);
  const all = await append(store, puts("t", "1", "2"));
  assertRefused(folder.file, "it is in use already, by this process or another one");
  all.push(...await append(store, [put("t")]));
  await store[Symbol.asyncDispose]();
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["queue.db"]);
  await using again = openFile(folder.file);
  assertEquals((await read(again, { topic: "t" })).messages, all);
});

Deno.test("a file that another process has open is refused", async () => {
  using folder = new TempFolder();
  await using program = new Program(["-A", "tests/programs/appender.ts", folder.file, "s", "disk"]);
  await program.line();
  assertRefused(folder.file, "it is in use already, by this process or another one");
});

Deno.test("a path without a folder is refused, and nothing is created there", () => {
  using folder = new TempFolder();
  assertRefused(`${folder.path}/none/queue.db`, "its folder does not exist");
  assertRefused(folder.path, "it is a folder");
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("a file that is not a database is refused and not touched", () => {
  using folder = new TempFolder();
  for (const text of ["hello", "hello ".repeat(10_000)]) {
    Deno.writeTextFileSync(folder.file, text);
    assertRefused(folder.file, "it is not a database");
    assertEquals(Deno.readTextFileSync(folder.file), text);
  }
});

Deno.test("an empty file is taken as a new one", async () => {
  using folder = new TempFolder();
  Deno.writeTextFileSync(folder.file, "");
  await using store = openFile(folder.file);
  assertEquals((await append(store, [put("t")]))[0]!.seq, 1);
});

for (
  const [owner, sql] of [
    ["with tables", "CREATE TABLE things (a); INSERT INTO things VALUES (1)"],
    ["with a mark", "PRAGMA application_id = 7; CREATE TABLE a (b)"],
    ["with its own schema version", "PRAGMA user_version = 4"],
    ["with a write-ahead log", "PRAGMA journal_mode = WAL; CREATE TABLE things (a)"],
  ] as const
) {
  Deno.test(`the database of another program, ${owner}, is refused and not touched`, () => {
    using folder = new TempFolder();
    const db = new DatabaseSync(folder.file);
    db.exec(sql);
    db.close();
    const before = Deno.readFileSync(folder.file);
    assertRefused(folder.file, "it is the database of another program");
    assertEquals(Deno.readFileSync(folder.file), before);
  });
}

Deno.test("a file of a later version of dsmq is refused", async () => {
  using folder = new TempFolder();
  await openFile(folder.file)[Symbol.asyncDispose]();
  const db = new DatabaseSync(folder.file);
  db.exec("PRAGMA user_version = 99");
  db.close();
  assertRefused(
    folder.file,
    "it is of another version of dsmq: its schema version must be from 1 to 4, got 99",
  );
});

/** A file with many messages, closed. */
async function filled(path: string): Promise<void> {
  await using store = openFile(path);
  for (let i = 0; i < 50; i++) {
    await append(store, Array.from({ length: 100 }, (_, j) => put(`t${j % 3}`, `${i} ${j}`)));
  }
}

/** Leaves the file as a process does that is killed while it has the file open. */
function unclean(path: string): void {
  const db = new DatabaseSync(path);
  db.exec("UPDATE state SET clean = 0");
  db.close();
}

Deno.test("a truncated file is refused", async () => {
  using folder = new TempFolder();
  await filled(folder.file);
  unclean(folder.file);
  const { size } = Deno.statSync(folder.file);
  for (const rest of [size - 4096, Math.floor(size / 2), 5000]) {
    Deno.truncateSync(folder.file, rest);
    assertRefused(folder.file, /^it is damaged: /);
  }
});

/** Runs work for each page of a file but the first, with the header of that page damaged. */
async function eachDamaged(path: string, work: (page: number) => Promise<void>): Promise<void> {
  const whole = Deno.readFileSync(path);
  for (let page = 1; page < whole.length / 4096; page++) {
    const bytes = whole.slice();
    bytes.fill(0x5a, page * 4096, page * 4096 + 64);
    Deno.writeFileSync(path, bytes);
    await work(page);
  }
}

Deno.test("a file that was not closed cleanly is refused if any page is damaged", async () => {
  using folder = new TempFolder();
  await filled(folder.file);
  unclean(folder.file);
  await eachDamaged(folder.file, async (page) => {
    const error = await Promise.try(openFile, folder.file).catch((error: Error) => error);
    assert(error instanceof Error, `page ${page}`);
    assertMatch(error.message, /^Cannot open sqlite:.*: it is damaged: /);
  });
});

Deno.test("a page that is damaged later causes errors, and never a wrong message", async () => {
  using folder = new TempFolder();
  await filled(folder.file);
  let found = 0;
  await eachDamaged(folder.file, async () => {
    const store = await Promise.try(openFile, folder.file).catch((error: Error) => error);
    if (store instanceof Error) {
      assertMatch(store.message, /^Cannot open sqlite:.*: it is damaged: /);
      found++;
      return;
    }
    for (const topic of ["t0", "t1", "t2"]) {
      const page = await read(store, { topic }).catch((error) => error);
      if (page instanceof StoreError) found++;
      else assertEquals(page.messages.length > 1600, true);
    }
    await apply(store, [put("t0"), put("u")]);
    await store[Symbol.asyncDispose]();
  });
  assert(found > 10, `${found}`);
});

Deno.test("a file that lacks messages is refused", async () => {
  using folder = new TempFolder();
  await filled(folder.file);
  const db = new DatabaseSync(folder.file);
  db.exec("DELETE FROM runs WHERE last IN (SELECT last FROM runs ORDER BY last LIMIT 1 OFFSET 20)");
  db.close();
  assertRefused(folder.file, "it is damaged: messages are missing in it");
});

Deno.test("a read-only file is refused at start, not at the first put", async () => {
  using folder = new TempFolder();
  await filled(folder.file);
  const readOnly: Engine = {
    name: "node:sqlite",
    open: (path) => new DatabaseSync(path, { readOnly: true }),
  };
  assertRefused(folder.file, /^it is read-only, or /, readOnly);
});

for (const permission of ["read", "write"] as const) {
  Deno.test({
    name: `without permission to ${permission} a file is refused, and nobody is asked for it`,
    permissions: { read: permission !== "read", write: permission !== "write" },
    fn() {
      const companion =
        { read: ",queue.db-wal,queue.db-lock", write: ",queue.db-lock" }[permission];
      const expected =
        `there is no permission to ${permission} it (--allow-${permission}=queue.db${companion})`;
      assertRefused("queue.db", expected);
    },
  });
}

Deno.test("a name that means something else to SQLite is the name of a file", async () => {
  using folder = new TempFolder();
  const cwd = Deno.cwd();
  Deno.chdir(folder.path);
  try {
    for (const name of [":memory:", "file:queue.db?mode=memory"]) {
      await using store = openFile(name);
      await append(store, [put("t")]);
      assert(Deno.statSync(`./${name}`).isFile);
    }
  } finally {
    Deno.chdir(cwd);
  }
});

Deno.test("a server whose file cannot be opened does not start, and nothing keeps running", async () => {
  using folder = new TempFolder();
  await using server = await serve({ port: 0, store: `sqlite:${folder.file}` });
  assertMatch(
    server.storeDescription,
    /^sqlite:.* on (node:sqlite|@db\/sqlite) \(an acknowledged message survives a power failure/,
  );
  const error = await serve({ port: 0, store: `sqlite:${folder.file}` }).then(
    () => undefined,
    (error: Error) => error,
  );
  assertEquals(
    error?.message,
    `Cannot open sqlite:${folder.file}: it is in use already, by this process or another one`,
  );
});

Deno.test("purged messages and forgotten sessions leave nothing in the file", async () => {
  using folder = new TempFolder();
  const clock = new ManualClock();
  const options = { path: folder.file, engine: nodeSqlite, retention: RETENTION, clock };
  const store = new FileStore({ ...options, durability: "process" });
  for (let n = 1; n <= 20; n++) {
    await append(store, [numbered("s", n), put("t"), numbered(`once ${n}`, 1)]);
  }
  clock.advance(RETENTION);
  await trimAll(store);
  await store[Symbol.asyncDispose]();
  const db = new DatabaseSync(folder.file);
  for (const table of ["runs", "topics", "sessions", "numbers"]) {
    assertEquals(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n, 0, table);
  }
  db.close();
});

Deno.test("a store says what a message survives: a power failure with disk durability, the end of the process with process durability", async () => {
  using folder = new TempFolder();
  for (
    const [durability, safety, words] of [["disk", "disk", "a power failure"], [
      "process",
      "process",
      "the end of the process",
    ]] as const
  ) {
    const clock = new ManualClock();
    const options = { path: folder.file, engine: nodeSqlite, retention: RETENTION, clock };
    await using store = new FileStore({ ...options, durability });
    assertEquals(store.durability, safety);
    assert(store.description.endsWith(`(an acknowledged message survives ${words})`));
  }
});
