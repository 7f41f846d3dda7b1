import { assertEquals } from "@std/assert";
import type { Database, Engine } from "../../../stores/engine.ts";
import { loadEngine } from "../../../stores/engines/load_engine.ts";
import { ReplicaKeeper } from "../../../stores/replicated/replica_keeper.ts";
import { StoreTime } from "../../../stores/store_time.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";

/** How a replica waits for the disk, as SQLite numbers it: 0 never, 1 when it moves its log into the file. */
async function syncMode(path?: string): Promise<unknown> {
  const engine = await loadEngine("auto");
  const opened: Database[] = [];
  const watched: Engine = {
    name: engine.name,
    open(path) {
      const db = engine.open(path);
      opened.push(db);
      return db;
    },
  };
  const keeper = new ReplicaKeeper(watched, path, new StoreTime(new ManualClock()), {});
  try {
    const [row] = opened.at(-1)!.prepare("PRAGMA synchronous").all();
    return Object(row).synchronous;
  } finally {
    keeper.close();
  }
}

Deno.test("a replica in a temporary file never waits for the disk; one that stays does", async () => {
  const folder = await Deno.makeTempDir();
  try {
    assertEquals(await syncMode(), 0);
    assertEquals(await syncMode(`${folder}/replica.db`), 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
