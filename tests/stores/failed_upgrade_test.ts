/**
 * A file of an earlier version stays what it is, or becomes what it is to be, if the disk is full while it is upgraded.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DsmqError } from "../../protocol/errors.ts";
import { texts } from "../../testing/store/support.ts";
import { FileFolder, watchedEngine } from "../support/file_folder.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** As SQLite says it. */
const FULL = { code: "ERR_SQLITE_ERROR", errcode: 13 };

/** A copy of a file that was made by an earlier version. */
function copied(name: string): FileFolder {
  const folder = new FileFolder();
  // When the last messages of these files were stored.
  folder.clock.set(name === "queue_v1" ? 1_767_225_602_000 : 1_767_226_202_000);
  for (const end of name.includes("killed") ? [".db", ".db-wal"] : [".db"]) {
    Deno.copyFileSync(new URL(`${name}${end}`, FIXTURES), folder.path + end.slice(3));
  }
  return folder;
}

/** How many statements have been executed once a file is open, if all of them are possible. */
async function countStatements(name: string): Promise<number> {
  using folder = copied(name);
  let [count, isOpening] = [0, true];
  await using _store = folder.open(folder.path, watchedEngine(() => void (isOpening && count++)));
  isOpening = false;
  return count;
}

for (const name of ["queue_v1", "queue_v2", "queue_v2_killed"]) {
  Deno.test(`${name}.db can be opened with all that is in it after its upgrade has failed at whatever statement, for a full disk`, async () => {
    const count = await countStatements(name);
    assert(count > 30, `${count} statements`);
    let refused = 0;
    for (let i = 0; i < count; i++) {
      using folder = copied(name);
      let executed = 0;
      const engine = watchedEngine((sql) => {
        if (executed++ === i && sql !== "close") {
          throw Object.assign(new Error("database or disk is full"), FULL);
        }
      });
      try {
        await using store = folder.open(folder.path, engine);
        assertEquals(await texts(store, "t"), ["kept 1", "kept \0 3", "kept \u{1f995} 4"]);
      } catch (error) {
        assert(error instanceof DsmqError, `statement ${i}: ${error}`);
        assertEquals([error.code, error.message.endsWith(": the disk is full")], ["full", true]);
        refused++;
      }
      await using store = folder.open();
      assertEquals(await texts(store, "t"), ["kept 1", "kept \0 3", "kept \u{1f995} 4"]);
      assertEquals((await texts(store, "u")).map((text) => text.trim()), ["kept 2"]);
    }
    assert(refused > count / 2, `${refused} of ${count}`);
  });
}
