/**
 * What SQLite leaves in pages of whatever kind is overwritten, and nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DatabasePages } from "../../stores/database_pages.ts";
import { erase, inFile, noteRoots, numbers, patch } from "../support/sqlite_files.ts";
import { TempFolder } from "../support/queue_files.ts";

/** A text that was deleted. */
const MARKER = "<deleted>";

function markersIn(path: string): number {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  return text.split(MARKER).length - 1;
}

/** Rows and keys with pages of their own, some of them in pages that had deleted text, and free pages with such text. */
function makeFile(path: string, ...pragmas: readonly string[]): void {
  const text = (size: string) => `substr(hex(zeroblob(${size})) || value, -${size})`;
  inFile(
    path,
    ...["secure_delete = OFF", ...pragmas].map((pragma) => `PRAGMA ${pragma}`),
    "CREATE TABLE kept (id INTEGER PRIMARY KEY, name TEXT UNIQUE, text TEXT)",
    "CREATE TABLE plain (name TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID",
    "CREATE TABLE deleted (text TEXT)",
    `INSERT INTO deleted SELECT replace(hex(zeroblob(20000)), '00', '${MARKER}') FROM generate_series(1, 30)`
      .replace("generate_series(1, 30)", numbers(30)),
    "BEGIN",
    "DELETE FROM deleted",
    `INSERT INTO kept (name, text) SELECT ${text("300 + 37 * value")}, ${
      text("100 + 53 * value")
    } FROM ${numbers(100)}`,
    `INSERT INTO plain SELECT ${text("200 + 41 * value")}, 'x' FROM ${numbers(100)}`,
    "COMMIT",
  );
}

/** What is in the tables of a file. */
function contents(path: string): unknown {
  return [
    inFile(path, "PRAGMA integrity_check"),
    inFile(path, "SELECT * FROM kept"),
    inFile(path, "SELECT * FROM plain"),
  ];
}

for (
  const pragmas of [
    ["page_size = 4096"],
    ["page_size = 512"],
    ["page_size = 65536"],
    ["page_size = 1024", "auto_vacuum = INCREMENTAL"],
    ["page_size = 4096", "auto_vacuum = INCREMENTAL"],
  ]
) {
  Deno.test(`what is left in free pages, between cells and behind the ends of rows and keys is overwritten: ${pragmas}`, () => {
    using folder = new TempFolder();
    makeFile(folder.file, ...pragmas);
    noteRoots(folder.file);
    const before = contents(folder.file);
    assert(markersIn(folder.file) > 100);
    erase(folder.file);
    assertEquals(markersIn(folder.file), 0);
    assertEquals(contents(folder.file), before);
    // And SQLite can use all that is free.
    inFile(folder.file, `INSERT INTO deleted SELECT hex(zeroblob(9000)) FROM ${numbers(60)}`);
    assertEquals(contents(folder.file), before);
  });
}

Deno.test("an empty page of 65,536 bytes is overwritten, though it says that its contents begin at 0", () => {
  using folder = new TempFolder();
  inFile(
    folder.file,
    "PRAGMA page_size = 65536",
    "CREATE TABLE kept (id INTEGER PRIMARY KEY, name TEXT, text TEXT)",
    "CREATE TABLE plain (name TEXT PRIMARY KEY) WITHOUT ROWID",
  );
  noteRoots(folder.file);
  const text = new TextEncoder().encode(MARKER);
  patch(folder.file, (view) => {
    assertEquals(view.getUint16(65_536 + 5), 0);
    new Uint8Array(view.buffer).set(text, 65_536 + 5000);
    // Behind the header of the file, the first page has cells.
    new Uint8Array(view.buffer).set(text, 5000);
  });
  erase(folder.file);
  assertEquals(markersIn(folder.file), 0);
  assertEquals(contents(folder.file), [[{ integrity_check: "ok" }], [], []]);
});

Deno.test("what a file reserves at the end of each page is not taken for a part of it", () => {
  using folder = new TempFolder();
  inFile(folder.file, "PRAGMA page_size = 1024", "CREATE TABLE one (x)", "DROP TABLE one");
  inFile(folder.file, "VACUUM");
  patch(folder.file, (view) => {
    view.setUint8(20, 32);
    view.setUint16(100 + 5, 1024 - 32);
  });
  makeFile(folder.file);
  noteRoots(folder.file);
  const before = contents(folder.file);
  const reserved = patch(folder.file, (view) => {
    for (let end = 1024; end <= view.byteLength; end += 1024) view.setUint32(end - 4, 0xabcdef);
  });
  erase(folder.file);
  const view = new DataView(Deno.readFileSync(folder.file).buffer);
  for (let end = 1024; end <= reserved.length; end += 1024) {
    assertEquals(view.getUint32(end - 4), 0xabcdef);
  }
  assertEquals(markersIn(folder.file), 0);
  assertEquals(contents(folder.file), before);
});

/** Pages that say something impossible of their cells. Nobody knows what is between these, so they are left alone. */
const ODD_PAGES: Readonly<Record<string, (view: DataView, at: number) => void>> = {
  "contents before the list of cells": (view, at) => view.setUint16(at + 5, 4),
  "contents behind the end": (view, at) => view.setUint16(at + 5, 4097),
  "a block before the contents": (view, at) => view.setUint16(at + 1, 8),
  "a block at the very end": (view, at) => view.setUint16(at + 1, 4094),
  "a block that ends too late": (view, at) => {
    view.setUint16(at + 1, 3000);
    view.setUint32(at + 3000, 2000);
  },
  "a block that is too short": (view, at) => {
    view.setUint16(at + 1, 3000);
    // It is its own next one, too.
    view.setUint32(at + 3000, 3000 << 16);
  },
  "blocks that overlap": (view, at) => {
    view.setUint16(at + 1, 3000);
    view.setUint32(at + 3000, 3002 << 16 | 100);
  },
};

for (const [name, change] of Object.entries(ODD_PAGES)) {
  Deno.test(`what is between cells is left alone if the page says something impossible: ${name}`, () => {
    using folder = new TempFolder();
    inFile(
      folder.file,
      "CREATE TABLE kept (id INTEGER PRIMARY KEY, text TEXT)",
      `INSERT INTO kept VALUES (1, hex(zeroblob(1500)))`,
      `INSERT INTO kept VALUES (2, hex(zeroblob(200)))`,
    );
    const bytes = patch(folder.file, (view) => change(view, 4096));
    using file = Deno.openSync(folder.file, { read: true, write: true });
    const pages = new DatabasePages(file);
    pages.load(1, pages.count);
    pages.overwriteGaps(2);
    pages.sync();
    assertEquals(Deno.readFileSync(folder.file), bytes);
  });
}

/** A file that has nothing but a header. */
function hollowFile(
  path: string,
  { size, count, maps }: Record<"size" | "count" | "maps", number>,
) {
  const view = new DataView(new ArrayBuffer(100));
  view.setUint16(16, size);
  view.setUint32(28, count);
  view.setUint32(52, maps);
  Deno.writeFileSync(path, new Uint8Array(view.buffer));
  Deno.truncateSync(path, size * count);
  using file = Deno.openSync(path);
  return new DatabasePages(file);
}

Deno.test("pages that SQLite uses for something else are never taken for free ones", () => {
  using folder = new TempFolder();
  const count = 1_050_000;
  const plain = hollowFile(folder.file, { size: 1024, count, maps: 0 });
  // The byte that SQLite locks is in the 1,048,577th page.
  assertEquals([1_048_576, 1_048_577, 1_048_578].map((page) => plain.mayBeFree(page)), [
    ...[true, false, true],
  ]);
  assertEquals([1, 2, 3, count, count + 1].map((page) => plain.mayBeFree(page)), [
    ...[false, true, true, true, false],
  ]);
  // A map would be there, so it is in the next one.
  const mapped = hollowFile(folder.file, { size: 1024, count, maps: 1 });
  assertEquals([1_048_576, 1_048_577, 1_048_578, 1_048_579].map((page) => mapped.mayBeFree(page)), [
    ...[true, false, false, true],
  ]);
  assertEquals([2, 3, 206, 207, 208].map((page) => mapped.mayBeFree(page)), [
    ...[false, true, true, false, true],
  ]);
});

Deno.test("in a file with very many pages it is not known which have cells", () => {
  using folder = new TempFolder();
  const file = (count: number) => hollowFile(folder.file, { size: 512, count, maps: 0 });
  assertEquals(file((2 << 24) - 1).knowsCells, true);
  assertEquals(file(2 << 24).knowsCells, false);
});

Deno.test("a file counts by its length if another program has not noted how many pages it has", () => {
  using folder = new TempFolder();
  inFile(folder.file, "CREATE TABLE one (x)", "CREATE TABLE other (x)");
  patch(folder.file, (view) => {
    view.setUint32(92, view.getUint32(24) - 1);
    view.setUint32(28, 1);
  });
  using file = Deno.openSync(folder.file);
  assertEquals(new DatabasePages(file).count, 3);
});
