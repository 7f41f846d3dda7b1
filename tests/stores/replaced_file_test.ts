/**
 * A file that is removed, moved, replaced, emptied or overwritten while it is in use: nothing is acknowledged that cannot
 * be found later, and no other file is touched.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { backup, DatabaseSync } from "node:sqlite";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FileFolder, watchedEngine } from "../support/file_folder.ts";
import { nextStart, otherPath } from "../support/file_folder.ts";

/** What happens to the file, and whether the server may continue afterwards. */
interface Scenario {
  readonly what: string;
  readonly work: (folder: FileFolder) => void;
  /** Reverses it. */
  readonly undo?: (folder: FileFolder) => void;
  /** The error of the next start. `undefined`: it continues with all that was acknowledged. */
  readonly next?: RegExp;
}

/** Another queue, closed. */
async function queueAt(folder: FileFolder, path: string): Promise<void> {
  await using store = folder.open(path);
  await append(store, puts("t", ...Array(300).fill("of another")));
}

const SCENARIOS: readonly Scenario[] = [
  {
    what: "the file is removed",
    work: ({ path }) => Deno.removeSync(path),
    next: /its log exists: restore it/,
  },
  {
    what: "all files are removed",
    work: ({ path }) =>
      ["", "-wal", "-shm", "-lock"].forEach((part) => Deno.removeSync(path + part)),
    next: /^a new queue$/,
  },
  {
    what: "the file is moved away",
    work: (folder) => Deno.renameSync(folder.path, otherPath(folder)),
    undo: (folder) => Deno.renameSync(otherPath(folder), folder.path),
    next: /its log exists: restore it/,
  },
  {
    what: "the folder is moved away",
    work: ({ root }) => Deno.renameSync(`${root}/present`, `${root}/away`),
    undo: ({ root }) => Deno.renameSync(`${root}/away`, `${root}/present`),
    next: /its folder does not exist/,
  },
  {
    what: "the folder is moved away, and another is created",
    work: ({ root }) => {
      Deno.renameSync(`${root}/present`, `${root}/away`);
      Deno.mkdirSync(`${root}/present`);
    },
    undo: ({ root }) => {
      Deno.removeSync(`${root}/present`);
      Deno.renameSync(`${root}/away`, `${root}/present`);
    },
    next: /^a new queue$/,
  },
  {
    what: "the file is replaced by a copy of itself",
    work: (folder) => {
      Deno.copyFileSync(folder.path, otherPath(folder));
      Deno.renameSync(otherPath(folder), folder.path);
    },
  },
  {
    what: "the file is replaced by another queue",
    work: (folder) => Deno.renameSync(`${folder.root}/queue`, folder.path),
    next:
      /the log beside it, .* is that of another file, or of this one at another time: copy .*, end other programs .* start again/,
  },
  {
    what: "another queue overwrites the file",
    work: ({ root, path }) => Deno.copyFileSync(`${root}/queue`, path),
    next:
      /the log beside it, .* is that of another file, or of this one at another time: copy .*, end other programs .* start again/,
  },
  {
    what: "the file is emptied",
    work: ({ path }) => Deno.truncateSync(path),
    next: /its log exists: restore it/,
  },
  {
    what: "the file is truncated",
    work: ({ path }) => Deno.truncateSync(path, 8192),
  },
  {
    what: "the log is emptied",
    work: ({ path }) => Deno.truncateSync(`${path}-wal`),
  },
  {
    what: "the log is replaced",
    work: (folder) => {
      Deno.writeTextFileSync(otherPath(folder), "precious".repeat(10_000));
      Deno.renameSync(otherPath(folder), `${folder.path}-wal`);
    },
  },
];

for (const { what, work, undo, next: expected } of SCENARIOS) {
  Deno.test(`${what}: from the next put on, puts are refused and reads continue`, async () => {
    using folder = new FileFolder();
    await queueAt(folder, `${folder.root}/queue`);
    const store = folder.open();
    await append(store, puts("t", "1", "2"));
    work(folder);
    for (let time = 0; time < 3; time++) {
      assertEquals(
        await outcomes(store, [put("t", "lost"), put("u")]),
        Array(2).fill("unavailable"),
      );
    }
    // An emptied log cannot be read.
    if (what !== "the log is emptied") assertEquals(await texts(store), ["1", "2"]);
    assertEquals(folder.warnings.length, 1, "one warning");
    assertMatch(folder.warnings[0]!, /^puts are refused: /);
    if (!undo) return await store[Symbol.asyncDispose]();
    undo(folder);
    assertEquals(await outcomes(store, [put("t", "3")]), [3]);
    assertEquals(folder.warnings.length, 2);
    await store[Symbol.asyncDispose]();
    assertEquals(folder.names(), ["queue.db"]);
    assertEquals(await nextStart(folder), ["1", "2", "3"]);
  });

  Deno.test(`${what}: the next start continues with all that was acknowledged, or says what is wrong`, async () => {
    using folder = new FileFolder();
    await queueAt(folder, `${folder.root}/queue`);
    const store = folder.open();
    await append(store, puts("t", "1", "2"));
    work(folder);
    const before = what === "the log is replaced" && Deno.readFileSync(`${folder.path}-wal`);
    await store[Symbol.asyncDispose]();
    if (before) {
      assertEquals(Deno.readFileSync(`${folder.path}-wal`), before, "it is not touched");
      assertMatch(folder.warnings.at(-1)!, /all that was in it is in the file itself now$/);
      Deno.removeSync(`${folder.path}-wal`);
    }
    if (what.includes("emptied") || what.includes("shortened")) {
      assertMatch(folder.warnings.at(-1)!, /was (emptied or shortened|overwritten)/);
    }
    const found = await nextStart(folder);
    if (what === "the file is truncated" || what === "the log is emptied") {
      assertMatch(String(found), /damaged|its log, .* is missing/);
    } else if (expected) assertMatch(String(found), expected);
    else assertEquals(found, ["1", "2"]);
    if (!undo || expected?.test("a new queue")) return;
    undo(folder);
    assertEquals(await nextStart(folder), ["1", "2"], "once it is as it was");
  });
}

for (const what of ["removed", "moved away", "removed with its index"]) {
  Deno.test(`the log is ${what}: all that was in it is written to the file, and puts continue`, async () => {
    using folder = new FileFolder();
    await using store = folder.open();
    await append(store, puts("t", "1", "2"));
    const log = `${folder.path}-wal`;
    if (what === "moved away") Deno.renameSync(log, otherPath(folder));
    else Deno.removeSync(log);
    if (what.endsWith("index")) Deno.removeSync(`${folder.path}-shm`);
    assertEquals(await outcomes(store, [put("t", "3")]), [3]);
    assertEquals(folder.warnings, []);
    await using killed = folder.open(folder.killed("killed"));
    assertEquals(await texts(killed), ["1", "2", "3"]);
    if (what === "moved away") {
      // The old log belongs to another state of the file.
      Deno.renameSync(otherPath(folder), log);
      assertEquals(await outcomes(store, [put("t", "lost")]), ["unavailable"]);
      Deno.removeSync(log);
    }
    assertEquals(await outcomes(store, [put("t", "4")]), [4]);
    assertEquals(await texts(store), ["1", "2", "3", "4"]);
  });

  Deno.test(`the log is ${what}, and the server ends: nothing is lost`, async () => {
    using folder = new FileFolder();
    const store = folder.open();
    await append(store, puts("t", "1", "2"));
    Deno.removeSync(`${folder.path}-wal`);
    await store[Symbol.asyncDispose]();
    assertEquals(await nextStart(folder), ["1", "2"]);
  });
}

for (const how of ["VACUUM INTO", ".backup"]) {
  Deno.test(`a copy of the file that overwrites it is noticed (${how})`, async () => {
    using folder = new FileFolder();
    const store = folder.open();
    await append(store, puts("t", "1"));
    const db = new DatabaseSync(folder.path);
    if (how === ".backup") await backup(db, otherPath(folder));
    else db.exec(`VACUUM INTO '${otherPath(folder)}'`);
    db.close();
    // The log starts again: it belongs to a file that has its earlier contents.
    await append(store, puts("t", "x".repeat(9_000_000)));
    await append(store, puts("t", "2"));
    const copy = Deno.readFileSync(otherPath(folder));
    Deno.writeFileSync(folder.path, copy, { create: false });
    Deno.truncateSync(folder.path, copy.length);
    Deno.utimeSync(folder.path, new Date(), new Date(Date.now() + 60_000));
    assertEquals(await outcomes(store, [put("t", "lost")]), ["unavailable"]);
    await store[Symbol.asyncDispose]();
    assertEquals(Deno.readFileSync(folder.path), copy, "it is not touched");
    assertMatch(String(await nextStart(folder)), /the log beside it, .* is that of another file/);
    Deno.removeSync(`${folder.path}-wal`);
    assertEquals(await nextStart(folder), ["1"]);
  });
}

Deno.test("a file that replaces ours gets nothing from us, and keeps its own log", async () => {
  using folder = new FileFolder();
  const store = folder.open();
  await append(store, puts("t", "1"));
  Deno.renameSync(folder.path, `${folder.root}/moved`);
  const other = new DatabaseSync(`${folder.root}/replacement`);
  other.exec(
    "PRAGMA journal_mode = WAL; CREATE TABLE theirs (n); INSERT INTO theirs VALUES (1)",
  );
  for (const part of ["", "-wal"]) {
    Deno.copyFileSync(`${folder.root}/replacement${part}`, folder.path + part);
  }
  other.close();
  const before = ["", "-wal"].map((part) => Deno.readFileSync(folder.path + part));
  assertEquals(await outcomes(store, [put("t", "lost")]), ["unavailable"]);
  await store[Symbol.asyncDispose]();
  assertEquals(["", "-wal"].map((part) => Deno.readFileSync(folder.path + part)), before);
});

Deno.test("closing a database whose file or log was replaced touches neither", async () => {
  for (const part of ["", "-wal"]) {
    using folder = new FileFolder();
    await queueAt(folder, `${folder.root}/queue`);
    const executed: string[] = [];
    const store = folder.open(folder.path, watchedEngine((sql) => void executed.push(sql)));
    await append(store, puts("t", "1"));
    if (part === "") Deno.copyFileSync(`${folder.root}/queue`, folder.path);
    else {
      Deno.writeTextFileSync(otherPath(folder), "precious".repeat(10_000));
      Deno.renameSync(otherPath(folder), `${folder.path}-wal`);
    }
    const before = Deno.readFileSync(folder.path + part);
    await store[Symbol.asyncDispose]();
    // A database that stays open is closed as the program ends, with all that SQLite does then.
    assertEquals(executed.at(-1), "close");
    assertEquals(Deno.readFileSync(folder.path + part), before);
    assertEquals(folder.names(), ["queue.db", "queue.db-lock", "queue.db-shm", "queue.db-wal"]);
  }
});
