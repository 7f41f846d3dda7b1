/**
 * What the header of a database says.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { readDatabaseHeader } from "../../stores/wal_mark.ts";
import { TempFolder } from "../support/queue_files.ts";

for (const pageSize of [512, 4096, 65_536]) {
  Deno.test(`the header of a database has its size, with pages of ${pageSize} bytes, too`, () => {
    using folder = new TempFolder();
    const db = nodeSqlite.open(folder.file);
    db.exec(`PRAGMA page_size = ${pageSize}; CREATE TABLE t (a)`);
    db.close();
    using file = Deno.openSync(folder.file);
    assertEquals(readDatabaseHeader(file).size, file.statSync().size);
  });
}
