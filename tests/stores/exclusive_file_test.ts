/**
 * One store at a time has a file. Only its owner may read it, and other programs can read it meanwhile.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import {
  append,
  outcomes,
  put,
  puts,
  RETENTION,
  texts,
  trimAll,
} from "../../testing/store/support.ts";
import { FileFolder } from "../support/file_folder.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { Program } from "../support/program.ts";

const POSIX = Deno.build.os !== "windows";

/** The error of a queue that does not open, without its prefix. */
function refused(folder: FileFolder, path = folder.path): string {
  const error = assertThrows(() => folder.open(path), Error);
  const begin = `Cannot open sqlite:${path}: `;
  assertEquals(error.message.slice(0, begin.length), begin);
  return error.message.slice(begin.length);
}

const IN_USE = "it is in use already, by this process or another one";

/** What other programs do with an open file. */
const ACTIONS: Readonly<Record<string, (path: string) => unknown>> = {
  "copies it": (path) => Deno.copyFileSync(path, `${path}.copy`),
  "reads it": (path) => Deno.readFileSync(path),
  "opens and closes it": (path) => Deno.openSync(path).close(),
  "reads the files beside it": (path) =>
    ["-wal", "-shm", "-lock"].map((part) => Deno.readFileSync(path + part)),
  "streams it": async (path) => {
    for await (const _ of (await Deno.open(path)).readable);
  },
  "opens it with SQLite": (path) => {
    const db = new DatabaseSync(path);
    assertEquals(db.prepare("SELECT last FROM state").get()!.last, 2);
    db.close();
  },
  "tries to serve it": (path) => {
    using folder = new FileFolder();
    assertEquals(refused(folder, path), IN_USE);
  },
};

Deno.test("a second process is refused, whatever another program has done with the file", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1", "2"));
  for (const [what, work] of Object.entries(ACTIONS)) {
    await work(folder.path);
    assertEquals(refused(folder), IN_USE, `after this one ${what}`);
  }
  await using program = new Program(["-A", "tests/programs/appender.ts", folder.path, "s", "disk"]);
  const { code, stdout, stderr } = await program.end();
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, new RegExp(IN_USE));
  assertEquals((await append(store, [put("t")]))[0]!.seq, 3);
});

Deno.test("a file is the same under each of its paths, and refused if it has several names", async () => {
  using folder = new FileFolder();
  const store = folder.open();
  const before = Deno.cwd();
  Deno.chdir(folder.root);
  try {
    assertEquals(refused(folder, "present/queue.db"), IN_USE);
    assertEquals(refused(folder, "./present/../present/queue.db"), IN_USE);
    if (POSIX) {
      Deno.symlinkSync(folder.path, `${folder.root}/link`);
      Deno.symlinkSync(`${folder.root}/present`, `${folder.root}/folder`);
      assertEquals(refused(folder, "link"), IN_USE);
      assertEquals(refused(folder, "folder/queue.db"), IN_USE);
      Deno.linkSync(folder.path, `${folder.root}/second`);
      assertMatch(refused(folder, "second"), /^it has 2 names \(hard links\)/);
    }
  } finally {
    Deno.chdir(before);
  }
  await store[Symbol.asyncDispose]();
});

Deno.test("a relative path keeps naming the same file when the working folder changes", async () => {
  using folder = new FileFolder();
  const before = Deno.cwd();
  Deno.chdir(`${folder.root}/present`);
  try {
    await using store = folder.open("queue.db");
    Deno.chdir(folder.root);
    assertEquals(await outcomes(store, [put("t")]), [1]);
    assert(store.description.startsWith(`sqlite:${folder.path} on `), store.description);
  } finally {
    Deno.chdir(before);
  }
  assertEquals(folder.names(), ["queue.db"]);
  assertEquals(folder.names("."), ["present"]);
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a changed symbolic link is noticed; a dangling one creates its file",
  ),
  async fn() {
    using folder = new FileFolder();
    const link = `${folder.root}/link`;
    Deno.symlinkSync(folder.path, link);
    await using store = folder.open(link);
    assertEquals(await outcomes(store, [put("t")]), [1]);
    assert(Deno.lstatSync(folder.path).isFile);
    Deno.removeSync(link);
    Deno.writeTextFileSync(`${folder.root}/other`, "");
    Deno.symlinkSync(`${folder.root}/other`, link);
    assertEquals(await outcomes(store, [put("t")]), ["unavailable"]);
    Deno.removeSync(link);
    Deno.symlinkSync(folder.path, link);
    assertEquals(await outcomes(store, [put("t")]), [2]);
  },
});

Deno.test("the lock of a killed process blocks nobody", async () => {
  using folder = new FileFolder();
  const args = ["-A", "tests/programs/appender.ts", folder.path, "s", "process"];
  await using program = new Program(args);
  await program.line();
  program.child.kill("SIGKILL");
  await program.end();
  assert(folder.names().includes("queue.db-lock"));
  const store = folder.open();
  await append(store, [put("t")]);
  await store[Symbol.asyncDispose]();
  assertEquals(folder.names(), ["queue.db"]);
});

Deno.test("a store that opens a file whose lock was deleted owns it; the earlier store writes nothing more", async () => {
  using folder = new FileFolder();
  await using first = folder.open();
  await append(first, puts("t", "1"));
  Deno.removeSync(`${folder.path}-lock`);
  await using second = folder.open();
  for (let time = 0; time < 2; time++) {
    assertEquals(await outcomes(first, [put("t", "lost")]), ["unavailable"]);
  }
  assertEquals(await outcomes(second, [put("t", "2"), put("t", "3")]), [2, 3]);
  assertEquals(await texts(second), ["1", "2", "3"]);
  await first[Symbol.asyncDispose]();
  assertEquals(refused(folder), IN_USE);
});

Deno.test("a lock file that dsmq did not make is not touched", () => {
  using folder = new FileFolder();
  const lock = `${folder.path}-lock`;
  Deno.writeTextFileSync(lock, "precious\n");
  assertEquals(refused(folder), `${lock} is not a lock of dsmq`);
  assertEquals(Deno.readTextFileSync(lock), "precious\n");
  if (!POSIX) return;
  Deno.renameSync(lock, `${folder.root}/precious`);
  Deno.symlinkSync(`${folder.root}/precious`, lock);
  assertEquals(refused(folder), `${lock} is not a plain file`);
  assertEquals(Deno.readTextFileSync(`${folder.root}/precious`), "precious\n");
});

Deno.test({
  ...ignoredIf(noPosix, "only the owner may access the files of a store, whatever the umask"),
  async fn() {
    for (const umask of [0, 0o022, 0o077]) {
      using folder = new FileFolder();
      const before = Deno.umask(umask);
      try {
        await using store = folder.open();
        await append(store, [put("t")]);
        const names = ["queue.db", "queue.db-lock", "queue.db-shm", "queue.db-wal"];
        assertEquals(folder.names(), names);
        for (const name of names) {
          const { mode } = Deno.statSync(`${folder.root}/present/${name}`);
          assertEquals(mode! & 0o777, 0o600, name);
        }
        assertEquals(folder.warnings, []);
      } finally {
        Deno.umask(before);
      }
    }
  },
});

Deno.test({
  ...ignoredIf(noPosix, "a file that others can read keeps its mode, and a warning says so"),
  async fn() {
    using folder = new FileFolder();
    await folder.open()[Symbol.asyncDispose]();
    Deno.chmodSync(folder.path, 0o644);
    await folder.open()[Symbol.asyncDispose]();
    const expected = `others can read or write ${folder.path} (its mode is 644): ` +
      "chmod 600 makes it private";
    assertEquals(folder.warnings, [expected]);
    assertEquals(Deno.statSync(folder.path).mode! & 0o777, 0o644);
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "something that is not a file is refused at once, and so is a name that SQLite reserves",
  ),
  async fn() {
    using folder = new FileFolder();
    assertEquals(refused(folder, "/dev/null"), "it is not a file");
    const pipe = `${folder.root}/pipe`;
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    assertEquals(refused(folder, pipe), "it is not a file");
    for (const part of ["-wal", "-shm", "-journal", "-lock"]) {
      assertMatch(refused(folder, folder.path + part), /^a name that ends with /);
    }
    assertEquals(folder.names(), []);
    assertEquals(refused(folder, `${folder.root}/none/queue.db`), "its folder does not exist");
    Deno.writeTextFileSync(`${folder.root}/file`, "");
    assertEquals(refused(folder, `${folder.root}/file/queue.db`), "its folder does not exist");
  },
});

Deno.test("other programs can read acknowledged messages while the file is open, and block nobody", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  using reader = new DatabaseSync(folder.path);
  reader.exec("BEGIN");
  assertEquals(reader.prepare("SELECT last FROM state").get()!.last, 1);
  assertEquals(await outcomes(store, puts("t", "2", "3")), [2, 3]);
  assertEquals(reader.prepare("SELECT last FROM state").get()!.last, 1);
  reader.exec("COMMIT");
  assertEquals(reader.prepare("SELECT last FROM state").get()!.last, 3);
});

Deno.test("another program that writes to the database, as replication tools do, disturbs nothing", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  using other = new DatabaseSync(folder.path);
  other.exec("CREATE TABLE beside (n)");
  for (let n = 2; n < 5; n++) {
    other.exec("INSERT INTO beside VALUES (1)");
    if (n === 3) other.exec("PRAGMA wal_checkpoint(PASSIVE)");
    if (n === 4) other.exec("PRAGMA wal_checkpoint(RESTART)");
    assertEquals(await outcomes(store, [put("t", `${n}`)]), [n]);
  }
  assertEquals(await texts(store), ["1", "2", "3", "4"]);
});

Deno.test("a store continues with a file that another program has shortened by VACUUM", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", ...Array(300).fill("x".repeat(9000))));
  folder.clock.advance(RETENTION);
  await trimAll(store);
  using other = new DatabaseSync(folder.path);
  other.exec("PRAGMA wal_checkpoint(PASSIVE)");
  const { size } = Deno.statSync(folder.path);
  assertEquals(await outcomes(store, [put("t", "301")]), [301]);
  for (let n = 302; n < 304; n++) {
    other.exec("VACUUM; PRAGMA wal_checkpoint(PASSIVE)");
    assertEquals(await outcomes(store, [put("t", `${n}`)]), [n]);
  }
  assert(Deno.statSync(folder.path).size < size / 10);
  assertEquals(await texts(store), ["301", "302", "303"]);
});

Deno.test("while another program is writing, puts are refused; afterwards they are accepted again", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1"));
  using other = new DatabaseSync(folder.path);
  other.exec("BEGIN IMMEDIATE");
  assertEquals(await outcomes(store, [put("t", "2")]), ["unavailable"]);
  other.exec("COMMIT");
  assertEquals(await outcomes(store, [put("t", "3")]), [2]);
  assertEquals(await texts(store), ["1", "3"]);
});

Deno.test("a change that another program makes to the queue's state is not overwritten", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "1", "2"));
  using other = new DatabaseSync(folder.path);
  other.exec("UPDATE epochs SET epoch = 'of another' WHERE last IS NULL");
  assertEquals(await outcomes(store, [put("t", "3")]), ["unavailable"]);
  assertEquals(other.prepare("SELECT last FROM state").get()!.last, 2);
});
