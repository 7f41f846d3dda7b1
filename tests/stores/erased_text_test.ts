/**
 * The text of what was purged is nowhere in the file of a store, nor in its log.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { apply, put, read, RETENTION, trimAll } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { seeded } from "../../testing/seeded.ts";
import { markersIn } from "../support/markers.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";

for (const engine of [nodeSqlite, dbSqlite({ Database: FakeDatabase })]) {
  for (const durability of ["disk", "process"] as const) {
    Deno.test(`what was purged is in no file once that is erased, and what was not purged can be read (${engine.name}, ${durability})`, async () => {
      const folder = Deno.makeTempDirSync();
      const clock = new ManualClock();
      const options = { engine, clock, retention: RETENTION, path: `${folder}/q.db`, durability };
      try {
        let store = new FileStore(options);
        const random = seeded(5);
        const live = new Map<string, Set<string>>();
        let number = 0;
        for (let round = 0; round < 6; round++) {
          const batch = Array.from({ length: 400 }, () => {
            const topic = "abcd"[random(4)]!;
            const marker = `<${topic}-${++number}>`;
            if (!live.has(topic)) live.set(topic, new Set());
            live.get(topic)!.add(marker);
            const text = marker.repeat(1 + random([2, 20, 200, 2000][random(4)]!));
            if (random(3) > 0) return put(topic, text);
            const [messageId, headers] = [`${marker} ${number}`, { of: marker }];
            return attributed({ messageId, key: marker, headers }, topic, text);
          });
          await apply(store, batch);
          clock.advance(RETENTION / 4);
          await trimAll(store);
          if (round === 3) {
            await store[Symbol.asyncDispose]();
            store = new FileStore(options);
          }
          const topic = "abcd"[random(4)]!;
          await apply(store, [{ type: "purge", topic, max: 1e6 }]);
          await store.erase();
          const purged = live.get(topic) ?? new Set();
          live.delete(topic);
          const left = [...markersIn(folder)].filter((marker) => purged.has(marker));
          assertEquals(left, [], `round ${round}`);
        }
        for (const [topic, markers] of live) {
          const { messages } = await read(store, { topic });
          assert(messages.length > 0);
          for (const { body } of messages) assert(markers.has(/<\w-\d+>/.exec(body)![0]));
        }
        await store[Symbol.asyncDispose]();
      } finally {
        Deno.removeSync(folder, { recursive: true });
      }
    });
  }
}
