/**
 * Why a file cannot be opened, in words.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { toOpenError } from "../../stores/file_faults.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { openFile, TempFolder } from "../support/queue_files.ts";

Deno.test("if SQLite cannot create a file, the error names both causes: the folder, or too many open files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const error = Object.assign(new Error("unable to open database file"), { errcode: 14 });
    const { message } = toOpenError(`${folder}/queue.db`, error);
    const reason = "its folder cannot be written to, or too many files are open";
    assertEquals(message, `Cannot open sqlite:${folder}/queue.db: ${reason}`);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("what the system says against the path of a store is said in words", async () => {
  const folder = await Deno.makeTempDir();
  const reasonAt = (name: string, code: string | undefined, errcode?: number) => {
    const path = `${folder}/${name}`;
    const error = Object.assign(new Error("of the system"), { code, errcode });
    const { message } = toOpenError(path, error);
    return message.replace(`Cannot open sqlite:${path}: `, "");
  };
  try {
    await Deno.writeTextFile(`${folder}/file`, "");
    const tooLong =
      "its path is longer than this system permits, with the names of the files beside it";
    assertEquals(reasonAt("file", "ENAMETOOLONG"), tooLong);
    // SQLite says nothing but that it cannot open it.
    assertEquals(reasonAt("x".repeat(250), undefined, 14), tooLong);
    assertEquals(reasonAt("file", "ELOOP"), "it is a symbolic link that leads to itself");
    assertEquals(reasonAt("file", "EACCES"), "the user of this process may not use it");
    const notWritable = "its folder cannot be written to";
    assertEquals(reasonAt("none", "EACCES"), notWritable);
    assertEquals(reasonAt("none", "EPERM"), notWritable);
    // As in /proc, where there is a folder, but no file can be made.
    assertEquals(reasonAt("none", "ENOENT"), `${notWritable}, or too many files are open`);
    if (!noPosix) assertEquals(reasonAt("a\\b", "EACCES"), notWritable);
    assertEquals(reasonAt("none/file", "ENOENT"), "its folder does not exist");
    assertEquals(reasonAt("file/file", "ENOTDIR"), "its folder does not exist");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a new store with too long a name for the files beside it leaves nothing behind",
  ),
  fn() {
    for (const length of [248, 250, 251, 255, 256]) {
      using folder = new TempFolder();
      const path = `${folder.path}/${"x".repeat(length)}`;
      assertThrows(() => openFile(path), Error, "its path is longer than this system permits");
      assertEquals([...Deno.readDirSync(folder.path)], [], `${length}`);
    }
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a new store whose path is too long for SQLite leaves nothing behind, and the longest that SQLite takes is opened",
  ),
  async fn() {
    using folder = new TempFolder();
    const root = `${Deno.realPathSync(folder.path)}/${"d".repeat(200)}/${"d".repeat(200)}`;
    Deno.mkdirSync(root, { recursive: true });
    // With "-journal" SQLite takes 512 bytes.
    const name = "x".repeat(504 - root.length - 1);
    for (const link of [root, `${folder.path}/link`]) {
      if (link !== root) Deno.symlinkSync(root, link);
      const reason =
        "its path is longer than SQLite permits, with the names of the files beside it";
      assertThrows(() => openFile(`${link}/${name}x`), Error, reason);
      assertEquals([...Deno.readDirSync(root)], []);
    }
    await using store = openFile(`${root}/${name}`);
    assertEquals((await store.bounds()).last, 0);
  },
});
