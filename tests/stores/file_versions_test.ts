/**
 * Files that earlier versions wrote are opened with all that is in them. `fixtures/queue_v2.db` was made by
 * `programs/queue_fixture.ts`, and so were the files of a killed process; `queue_v1.db` by the code of its time: see
 * `upgrade_test.ts`.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { append, numbered, outcomes, put, RETENTION, texts } from "../../testing/store/support.ts";
import { FileFolder } from "../support/file_folder.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);
/** The epochs in it, and its name. */
const STORE = "4256e0e3-acb1-4a04-89fe-7feff9b94f19";
const EPOCHS = ["47df0eb8-77a4-4fea-905f-a86a98979ef5", "3ea26b85-a641-463d-b04d-f9a612cb7ea4"];
/** When its last message was stored. */
const LAST = 1_767_226_201_000;

/** Puts files in place of a queue. */
function copyFixture(folder: FileFolder, ...parts: string[]): void {
  for (const part of parts) {
    const name = part.endsWith("-wal") ? `${folder.path}-wal` : folder.path;
    Deno.copyFileSync(new URL(part, FIXTURES), name);
  }
  folder.clock.set(LAST + 1000);
}

for (const parts of [["queue_v2.db"], ["queue_v2_killed.db", "queue_v2_killed.db-wal"]]) {
  Deno.test(`${parts[0]} is opened with its messages, numbers, epochs, sessions and gaps`, async () => {
    using folder = new FileFolder();
    copyFixture(folder, ...parts);
    {
      await using store = folder.open();
      assertEquals(store.id, STORE);
      assertEquals(await texts(store, "t"), ["kept 1", "kept \0 3", "kept \u{1f995} 4"]);
      assertEquals((await texts(store, "u")).map((text) => text.trimEnd()), ["kept 2"]);
      const { floor, last } = await store.bounds();
      assertEquals([floor, last], [3, 7]);
      const queries = [...EPOCHS, "unknown"].map((epoch) => ({ epoch, topic: "t" }));
      const standings = await store.topicBounds([...queries, { topic: "gone" }, { topic: "u" }]);
      assertEquals(standings.map(({ end }) => end), [5, 7, undefined, 7, 7]);
      assertEquals(standings.map(({ gone }) => gone?.seq), [3, 3, 3, 1, undefined]);
      const again = [1, 2, 3].map((n) => numbered("session-1", n));
      assertEquals(await outcomes(store, [...again, numbered("session-2", 7)]), [
        ...["dup 4", "dup 5", "dup 6", "dup 7"],
      ]);
      assertEquals(await outcomes(store, [numbered("session-2", 6)]), ["superseded"]);
    }
    await using store = folder.open();
    assertEquals((await append(store, [put("t")]))[0]!.seq, 8);
    folder.clock.advance(RETENTION);
    assertEquals(await texts(store, "t"), []);
  });
}

Deno.test("queue_v2_killed.db without its log is refused", () => {
  using folder = new FileFolder();
  copyFixture(folder, "queue_v2_killed.db");
  assertThrows(() => folder.open(), Error, "is missing, and it holds messages");
});
