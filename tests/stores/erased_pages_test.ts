/**
 * A purge overwrites what is in the unused parts of pages in whatever file, and whatever is put meanwhile; and nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { apply, outcomes, put, RETENTION, texts } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { seeded } from "../../testing/seeded.ts";
import { FailingFile } from "../support/failing_file.ts";

/** Purges a topic, in as many parts as it takes, and erases what it held. */
async function purge(store: FileStore, topic = "a"): Promise<void> {
  for (let more = true; more;) {
    const [result] = await apply(store, [{ type: "purge", topic, max: 1e6 }]);
    assert(result && "purged" in result, String(result));
    ({ more } = result);
  }
  await store.erase();
}

/** A text by which a message is found in a file. */
const marked = (length: number) => "<purged>".padEnd(length, "<purged>");

/** How often such a text is in a file, in a folder of its own. */
function markersIn(path: string): number {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  return text.match(/<purged>/g)?.length ?? 0;
}

/** Runs with a path in an empty folder. */
async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await run(`${folder}/q.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function open(path: string, afterNetworkPoll?: (callback: () => void) => void): FileStore {
  const clock = new ManualClock();
  const durability = "process";
  return new FileStore({
    ...{ engine: nodeSqlite, clock, retention: RETENTION, path, durability, afterNetworkPoll },
  });
}

/** Runs statements in a file that no store has open; returns what the last one does. */
function inFile(path: string, ...statements: readonly string[]): object[] {
  const db = nodeSqlite.open(path);
  try {
    return statements.map((sql) => db.prepare(sql).all()).at(-1)! as object[];
  } finally {
    db.close();
  }
}

Deno.test("messages that are put while free pages are overwritten leave no purged text behind their ends", async () => {
  await inFolder(async (path) => {
    const random = seeded(1);
    let kept = 0;
    // Between two slices, messages come that do not fill the last of their pages.
    const putOthers = async () => {
      const others = Array.from({ length: 300 }, () => put("b", "b".repeat(4050 + random(100))));
      kept += others.length;
      await apply(store, others);
    };
    await using store: FileStore = open(path, (callback) => void putOthers().then(callback));
    // More than is looked at in a slice.
    await apply(store, Array.from({ length: 500 }, () => put("a", marked(20_000))));
    await purge(store);
    assert(kept > 50, `${kept} messages were put meanwhile`);
    assertEquals(markersIn(path), 0);
    assertEquals(markersIn(`${path}-wal`), 0);
    assertEquals((await texts(store, "b")).length, kept);
  });
});

Deno.test("a purge erases also after a transaction for which the disk had no room", async () => {
  await using file = new FailingFile();
  const { store, path } = file;
  const a = Array.from({ length: 20 }, () => put("a", marked(5000)));
  await apply(store, a);
  file.db.exec("PRAGMA max_page_count = 1000");
  // More than SQLite keeps in memory: so some of it is in the log, and stays there.
  const refused = await outcomes(store, Array.from({ length: 1000 }, () => put("b", marked(5000))));
  assertEquals(new Set(refused), new Set(["full"]));
  await purge(store);
  assertEquals([markersIn(path), markersIn(`${path}-wal`)], [0, 0]);
});

for (
  const pragma of [
    ...["auto_vacuum = FULL", "auto_vacuum = INCREMENTAL"],
    ...["page_size = 512", "page_size = 65536"],
  ]
) {
  Deno.test(`a purge leaves a file as whole as it was that somebody has changed: ${pragma}`, async () => {
    await inFolder(async (path) => {
      const random = seeded(2);
      const putSome = async (store: FileStore) => {
        for (let i = 0; i < 10; i++) {
          const ones = Array.from({ length: 100 }, () => put("a", marked(random(9000))));
          const others = Array.from({ length: 100 }, () => put("b", "b".repeat(random(9000))));
          await apply(store, [...ones, ...others].sort(() => random(3) - 1));
        }
      };
      {
        await using store = open(path);
        await putSome(store);
      }
      inFile(path, "PRAGMA journal_mode = DELETE", `PRAGMA ${pragma}`, "VACUUM");
      {
        await using store = open(path);
        await putSome(store);
        const before = await texts(store, "b");
        await purge(store);
        assertEquals([markersIn(path), markersIn(`${path}-wal`)], [0, 0]);
        assertEquals(await texts(store, "b"), before);
        await apply(store, [put("b")]);
        await purge(store, "b");
      }
      const [check] = inFile(path, "PRAGMA integrity_check");
      assertEquals({ ...check }, { integrity_check: "ok" });
      const [name, value] = pragma.split(" = ") as [string, string];
      const values: Record<string, number> = { FULL: 1, INCREMENTAL: 2 };
      const [setting] = inFile(path, `PRAGMA ${name}`);
      assertEquals({ ...setting }, { [name]: values[value] ?? Number(value) });
    });
  });
}
