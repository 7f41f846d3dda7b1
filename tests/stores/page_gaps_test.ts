/**
 * Pages of a file in use are overwritten only while nobody else writes to it, and by what is in it then.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseFile } from "../../stores/database_file.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileOnDisk } from "../../stores/file_on_disk.ts";
import { PageGaps } from "../../stores/page_gaps.ts";
import { StoreError } from "../../stores/store.ts";
import { apply, put, puts, texts } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { TempFolder } from "../support/queue_files.ts";

/** An open file with a table of texts, and its folder. */
class TextFile implements Disposable {
  readonly folder = new TempFolder();
  readonly disk = FileOnDisk.acquire(this.folder.file);
  readonly file = new DatabaseFile(
    {
      ...{ path: this.disk.path, disk: this.disk, engine: nodeSqlite, durability: "process" },
    },
    true,
    1,
  );

  constructor() {
    this.file.db.exec("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT)");
    this.file.finishOpening(true);
  }

  /** Runs a statement in a transaction. */
  run(sql: string): void {
    const { db, wal } = this.file;
    db.exec("BEGIN");
    db.exec(sql);
    wal.beforeCommit();
    db.exec("COMMIT");
    wal.committed(4096);
  }

  insert(count: number, text: string): void {
    for (let i = 0; i < count; i++) {
      this.run(`INSERT INTO texts (text) VALUES ('${text.repeat(1000)}')`);
    }
  }

  /** Whether the file is whole. */
  get check(): unknown {
    return this.file.db.prepare("PRAGMA integrity_check").all().map((row) => ({ ...Object(row) }));
  }

  get texts(): string[] {
    const rows = this.file.db.prepare("SELECT text FROM texts ORDER BY id").all();
    return (rows as { text: string }[]).map(({ text }) => text);
  }

  /** How often a text is in the file and its log. */
  count(text: string): number {
    return ["", "-wal"].map((end) => {
      const bytes = Deno.readFileSync(`${this.folder.file}${end}`);
      return new TextDecoder("latin1").decode(bytes).split(text).length - 1;
    }).reduce((sum, count) => sum + count);
  }

  [Symbol.dispose](): void {
    this.file.close();
    this.disk.release();
    this.folder[Symbol.dispose]();
  }
}

const WHOLE = [{ integrity_check: "ok" }];

/** What may use free pages, or free others, while they are overwritten. */
const CHANGES: Readonly<Record<string, (file: TextFile, other: DatabaseSync, i: number) => void>> =
  {
    "rows of this program": (file) => file.insert(1, "kept"),
    "rows of another program": (_, other) =>
      other.exec(`INSERT INTO texts (text) VALUES ('${"kept".repeat(1000)}')`),
    "tables of this program": (file, _, i) => file.run(`CREATE TABLE t${i} (x)`),
    "tables of another program": (_, other, i) => other.exec(`CREATE TABLE t${i} (x)`),
  };

for (const [name, change] of Object.entries(CHANGES)) {
  Deno.test(`pages that are used again meanwhile are not taken for free ones: ${name}`, () => {
    using file = new TextFile();
    file.insert(20, "gone");
    file.run("DELETE FROM texts");
    const other = new DatabaseSync(file.folder.file);
    const gaps = new PageGaps(1);
    let slices = 0;
    for (; gaps.overwriteSome(file.file); slices++) change(file, other, slices);
    gaps.end();
    assert(slices > 20, `${slices} slices`);
    assertEquals(file.check, WHOLE);
    assertEquals(
      new Set(file.texts),
      new Set(name.startsWith("rows") ? ["kept".repeat(1000)] : []),
    );
    assertEquals(file.count("gone"), 0);
    other.close();
  });
}

Deno.test("all pages are looked at again if the file was opened anew", () => {
  using one = new TextFile();
  using other = new TextFile();
  one.insert(20, "gone");
  one.run("DELETE FROM texts");
  // As many changes, but others: what is free in the first file is used here.
  other.insert(20, "gone");
  other.run("UPDATE texts SET text = replace(text, 'gone', 'kept')");
  const before = other.texts;
  const gaps = new PageGaps(5);
  for (const { file } of [one, other, one]) {
    for (let i = 0; i < (file === other.file ? 3 : 1000); i++) if (!gaps.overwriteSome(file)) break;
  }
  assertEquals([one.count("gone"), one.check], [0, WHOLE]);
  while (gaps.overwriteSome(other.file));
  gaps.end();
  assertEquals([other.count("gone"), other.check], [0, WHOLE]);
  assertEquals(other.texts, before);
});

Deno.test("pages that are written while the last ones are looked at follow, some at a time", () => {
  using file = new TextFile();
  const gaps = new PageGaps(2);
  while (gaps.overwriteSome(file.file));
  // Two of them with the next call, as many as in a slice; then more each time, if that is not enough.
  file.insert(100, "kept");
  const calls: boolean[] = [];
  for (let more = true; more;) calls.push(more = gaps.overwriteSome(file.file));
  gaps.end();
  assert(calls.length > 5 && calls.length < 60, `${calls.length} calls`);
  assertEquals(file.check, WHOLE);
});

Deno.test("pages that another program has written to the file from the log follow, too", () => {
  using file = new TextFile();
  const gaps = new PageGaps(2);
  while (gaps.overwriteSome(file.file));
  file.insert(100, "kept");
  const other = new DatabaseSync(file.folder.file);
  other.exec("PRAGMA wal_checkpoint");
  // As each commit finds out. With the next one the log begins again.
  file.file.wal.checkpointedElsewhere();
  file.insert(1, "kept");
  let calls = 0;
  while (gaps.overwriteSome(file.file)) calls++;
  gaps.end();
  assert(calls > 5, `${calls} calls`);
  other.close();
});

for (const mode of ["TRUNCATE", "RESTART"]) {
  Deno.test(`all pages are looked at again if another program has cut the log meanwhile: ${mode}`, () => {
    using file = new TextFile();
    file.insert(100, "kept");
    const gaps = new PageGaps(1);
    let all = 1;
    while (gaps.overwriteSome(file.file)) all++;
    const other = new DatabaseSync(file.folder.file);
    other.exec("PRAGMA busy_timeout = 0");
    const cut = () => {
      file.insert(1, "kept");
      other.exec(`PRAGMA wal_checkpoint(${mode})`);
      file.insert(1, "kept");
    };
    cut();
    let calls = 1;
    while (gaps.overwriteSome(file.file)) calls++;
    assert(calls > all, `${calls} calls`);
    // If it does so again and again, this ends with an error.
    assertThrows(
      () => {
        for (let i = 0; i < 100; i++) {
          cut();
          gaps.overwriteSome(file.file);
        }
      },
      Error,
      "another program writes to it",
    );
    gaps.end();
    other.close();
    assertEquals(file.check, [{ integrity_check: "ok" }]);
  });
}

Deno.test("all pages are looked at again if the log cannot be read", () => {
  using file = new TextFile();
  file.insert(20, "kept");
  const { wal } = file.file;
  const gaps = new PageGaps(1);
  const run = () => {
    let calls = 1;
    while (gaps.overwriteSome(file.file)) calls++;
    return calls;
  };
  const all = run();
  assert(all > 20);
  assertEquals(run(), 1);
  const [path, aside] = [`${file.folder.file}-wal`, `${file.folder.file}-aside`];
  Deno.renameSync(path, aside);
  wal.checkpointedElsewhere();
  Deno.renameSync(aside, path);
  assert(run() >= all - 2);
  gaps.end();
});

/** Has a page that was freed name the last page of another row; and no page is free any more. */
function giveWrongPointer({ folder, disk }: TextFile): void {
  const bytes = Deno.readFileSync(folder.file);
  const view = new DataView(bytes.buffer);
  const pages = Array.from({ length: bytes.length / 4096 }, (_, i) => i * 4096);
  const has = (at: number, text: string) =>
    view.getUint8(at) === 13 && view.getUint16(at + 3) > 0 &&
    new TextDecoder().decode(bytes.subarray(at, at + 4096)).includes(text);
  const lost = pages.find((at) => has(at, "llll"))!;
  const kept = pages.find((at) => has(at, "kept-row"))!;
  // The first of these names the last page of the other row. No page is free any more.
  let own = view.getUint32(kept + 4096 - 4);
  for (let next; (next = view.getUint32((own - 1) * 4096)) !== 0;) own = next;
  view.setUint32(lost + 4096 - 4, own);
  view.setUint32(32, 0);
  view.setUint32(36, 0);
  disk.handle.seekSync(0, Deno.SeekMode.Start);
  disk.handle.writeSync(bytes);
}

Deno.test("what pages say that belong to nothing, as in a damaged file, is not believed", () => {
  using file = new TextFile();
  const { db, wal } = file.file;
  db.exec("PRAGMA secure_delete = OFF");
  // Rows that end soon in a page of their own, and one that ends later.
  file.run("CREATE TABLE lost (text TEXT)");
  for (let i = 0; i < 30; i++) file.run(`INSERT INTO lost VALUES ('${"l".repeat(4100)}')`);
  file.insert(1, "kept-row");
  file.run("DELETE FROM lost");
  // While the file has everything, which is when the log is empty.
  wal.empty(() => {
    giveWrongPointer(file);
    db.exec("PRAGMA shrink_memory");
  });
  const gaps = new PageGaps();
  while (gaps.overwriteSome(file.file));
  gaps.end();
  assertEquals(file.texts, ["kept-row".repeat(1000)]);
});

for (const moment of ["before the log is looked at", "and has not ended"]) {
  Deno.test(`another program that writes just when pages would be overwritten is told of: it does ${moment}`, async () => {
    await using file = new FailingFile();
    await apply(file.store, [put("kept"), ...puts("t", "gone".repeat(10_000))]);
    await apply(file.store, [{ type: "purge", topic: "t", max: 1 }]);
    const other = new DatabaseSync(file.path);
    let writes = 0;
    file.after = (sql) => {
      if (!sql.includes("TRUNCATE") || ++writes !== 2) return false;
      other.exec("BEGIN IMMEDIATE");
      other.exec("CREATE TABLE other (x)");
      if (moment.startsWith("before")) other.exec("COMMIT");
      return false;
    };
    const error = await assertRejects(() => file.store.erase(), StoreError);
    assertEquals(error.code, "unavailable");
    assert(
      error.message.includes("another program reads the file, or writes to it"),
      error.message,
    );
    if (!moment.startsWith("before")) {
      const since = file.executed.slice(file.executed.lastIndexOf("BEGIN IMMEDIATE"));
      assertEquals(
        since.filter((sql) => sql.includes("sqlite_schema")),
        [],
        "the file was looked at",
      );
      other.exec("ROLLBACK");
    }
    other.close();
    await file.store.erase();
    assertEquals(await texts(file.store, "kept"), ["x"]);
  });
}
