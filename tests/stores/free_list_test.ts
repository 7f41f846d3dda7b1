/**
 * A file that is not as it must be stays as it is when what is left in its pages would be overwritten.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { erase, inFile, noteRoots, patch } from "../support/sqlite_files.ts";
import { TempFolder } from "../support/queue_files.ts";

/** The first page with something at its beginning, and where that is. */
function pageWith(view: DataView, kind: number, size: number): number {
  for (let at = size; at < view.byteLength; at += size) if (view.getUint8(at) === kind) return at;
  throw new Error(`no page begins with ${kind}`);
}

/** Files of which not even a byte is changed, each with what is wrong. */
const DAMAGES: Readonly<Record<string, [error: string, (view: DataView) => void]>> = {
  "it is too short": ["it ends too early", (view) => view.setUint32(28, view.getUint32(28) + 1)],
  "a trunk beyond its end": ["it has no page 9999", (view) => view.setUint32(32, 9999)],
  "too few free pages": ["it has", (view) => view.setUint32(36, view.getUint32(36) + 1)],
  "too many free pages": ["cannot be free", (view) => view.setUint32(36, 1)],
  "a list that begins with the first page": ["cannot be free", (view) => view.setUint32(32, 1)],
  "the first page as free": ["page 1 cannot", (view) => view.setUint32(trunk(view) + 8, 1)],
  "a free page beyond its end": ["cannot be", (view) => view.setUint32(trunk(view) + 8, 9999)],
  "a page that is free twice": [
    "cannot be free",
    (view) => view.setUint32(trunk(view) + 8, view.getUint32(trunk(view) + 12)),
  ],
  "a trunk that is free": [
    "cannot be free",
    (view) => view.setUint32(trunk(view) + 8, view.getUint32(32)),
  ],
  "a list that comes back": [
    "cannot be free",
    (view) => {
      view.setUint32(36, 1e6);
      view.setUint32(trunk(view), view.getUint32(32));
    },
  ],
  "a list that is longer than a page": [
    "cannot be free",
    (view) => view.setUint32(trunk(view) + 4, 1023),
  ],
  "a long row whose last page is not the last": [
    "is not the last of its row",
    (view) => view.setUint32(lastOfRow(view), 2),
  ],
  "a tree that comes back": [
    "is twice in its trees",
    (view) => {
      const leaf = pageWith(view, 13, 4096);
      // An inner page without cells, whose last child is itself.
      view.setUint8(leaf, 5);
      view.setUint16(leaf + 3, 0);
      view.setUint32(leaf + 8, leaf / 4096 + 1);
    },
  ],
  "a long row that comes back": [
    "has a row that is too long",
    (view) => {
      const leaf = pageWith(view, 13, 4096);
      const own = view.getUint32(ownPage(view));
      view.setUint32((own - 1) * 4096, own);
      // The length of the row takes three bytes, seven bits each. As much of it as before is in the leaf.
      const cell = leaf + view.getUint16(leaf + 8);
      let length = 500 * 4092;
      for (let i = 0; i < 3; i++) length += (view.getUint8(cell + i) & 0x7f) << (14 - 7 * i);
      view.setUint8(cell, 0x80 | length >> 14);
      view.setUint8(cell + 1, 0x80 | length >> 7 & 0x7f);
      view.setUint8(cell + 2, length & 0x7f);
    },
  ],
  "a long row that ends too early": [
    "it has no page 0",
    (view) => view.setUint32(ownPage(view), 0),
  ],
};

/** Where the first trunk is. */
const trunk = (view: DataView) => (view.getUint32(32) - 1) * 4096;

/** Where the number of the first page of a long row is: the last one of a leaf of the table. */
function ownPage(view: DataView): number {
  const leaf = pageWith(view, 13, 4096);
  // The first cell ends where the page does.
  return leaf + 4096 - 4;
}

/** Where the last page of that row is. */
function lastOfRow(view: DataView): number {
  let at = (view.getUint32(ownPage(view)) - 1) * 4096;
  while (view.getUint32(at) !== 0) at = (view.getUint32(at) - 1) * 4096;
  return at;
}

for (const [name, [error, damage]] of Object.entries(DAMAGES)) {
  Deno.test(`a damaged file stays as it is: ${name}`, () => {
    using folder = new TempFolder();
    // Its first leaf ends with a row that has pages of its own.
    inFile(
      folder.file,
      "PRAGMA secure_delete = OFF",
      "CREATE TABLE kept (id INTEGER PRIMARY KEY, text TEXT)",
      "INSERT INTO kept VALUES (1, hex(zeroblob(20000)))",
      "CREATE TABLE deleted (text TEXT)",
      `INSERT INTO deleted VALUES (hex(zeroblob(60000)))`,
      "DELETE FROM deleted",
    );
    noteRoots(folder.file);
    const bytes = patch(folder.file, damage);
    assertThrows(() => erase(folder.file), Error, error);
    assertEquals(Deno.readFileSync(folder.file), bytes);
  });
}
