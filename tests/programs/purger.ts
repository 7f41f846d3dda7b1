/**
 * Puts into a file and purges it, round after round, and prints what is acknowledged: the round up to which the topic `t` is
 * purged, and the last one of which a message was put into the topic `kept`.
 *
 * @module
 */

import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { apply, put, puts, RETENTION } from "../../testing/store/support.ts";

const store = new FileStore({
  path: Deno.args[0]!,
  engine: nodeSqlite,
  retention: RETENTION,
  clock: { now: () => Date.now() },
  durability: "process",
});
const begin = (await store.bounds()).last;
for (let round = begin + 1;; round++) {
  const texts = Array.from({ length: 200 }, () => `${round}`);
  await apply(store, [...puts("t", ...texts), put("kept", `${round}`)]);
  await apply(store, [{ type: "purge", topic: "t", max: 150 }]);
  await apply(store, [{ type: "purge", topic: "t", max: 150 }]);
  if (round % 5 === 0) await store.erase();
  console.log(`${round} ${round}`);
}
