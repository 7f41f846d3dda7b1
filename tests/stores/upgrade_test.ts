/**
 * A file of the version before is upgraded when it is opened. `fixtures/queue_v1.db` was made by the code of its time.
 *
 * @module
 */

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import {
  append,
  numbered,
  outcomes,
  put,
  RETENTION,
  texts,
  topicNames,
} from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const FIXTURE = new URL("../fixtures/queue_v1.db", import.meta.url);
const EPOCH = "280822ca-82fc-4ec6-bd6b-a3795f902e05";
/** When its last message was stored. */
const LAST = 1_767_225_601_000;

/** A copy of the file, changed before it is opened. */
class OldFile implements Disposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly path = `${this.#folder}/queue.db`;
  readonly clock = new ManualClock(LAST + 1000);

  constructor(sql = "") {
    Deno.copyFileSync(FIXTURE, this.path);
    this.edit(sql);
  }

  open(): FileStore {
    const { path, clock } = this;
    const options = { path, clock, engine: nodeSqlite, retention: RETENTION };
    return new FileStore({ ...options, durability: "disk" });
  }

  edit(sql: string): void {
    const db = new DatabaseSync(this.path);
    db.exec(sql);
    db.close();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

Deno.test("a file of version 1 keeps its messages, numbers and sessions, and its epoch as the first", async () => {
  using file = new OldFile();
  let id = "";
  for (let opening = 0; opening < 3; opening++) {
    await using store = file.open();
    assertEquals(await texts(store, "t"), ["kept 1", "kept \0 3", "kept \u{1f995} 4"]);
    assertEquals(await texts(store, "u"), ["kept 2"]);
    assertEquals(await topicNames(store), ["t", "u"]);
    const { floor, last } = await store.bounds();
    assertEquals([floor, last], [3, 7]);
    const known = [{ epoch: EPOCH }, { epoch: store.epoch }, { epoch: "unknown" }];
    const standings = await store.topicBounds(known);
    assertEquals(standings.map(({ end }) => end), [7, 7, undefined]);
    assertNotEquals(store.epoch, EPOCH);
    if (opening > 0) assertEquals(store.id, id, "it has a name from then on");
    id = store.id;
    // The names of sessions no longer name their owner.
    const again = [
      numbered("session-1", 1),
      numbered("session-1", 2),
      numbered("session-2", 1),
      numbered("session-3", 7),
      numbered("session-3", 6),
    ];
    assertEquals(await outcomes(store, again), ["dup 3", "dup 4", "dup 6", "dup 7", "superseded"]);
    assertEquals(await store.isDedupComplete("session-1", { epoch: EPOCH, seq: 3 }), true);
  }
  await using store = file.open();
  assertEquals((await append(store, [put("t")]))[0]!.seq, 8);
});

Deno.test("messages that were gone before version 2 may be of any topic, and as late as the upgrade", async () => {
  using file = new OldFile();
  const upgraded = file.clock.now();
  for (let opening = 0; opening < 2; opening++) {
    await using store = file.open();
    const standings = await store.topicBounds(["gone", "t", "never"].map((topic) => ({ topic })));
    assertEquals(standings.map(({ gone }) => gone), Array(3).fill({ seq: 3, at: upgraded }));
    file.clock.advance(1000);
  }
  file.clock.advance(RETENTION);
  await using store = file.open();
  const [t, u] = await store.topicBounds([{ topic: "t" }, { topic: "u" }]);
  assertEquals(t!.gone, { seq: 7, at: LAST + RETENTION }, "later gaps are exact");
  assertEquals(u!.gone, { seq: 5, at: LAST + RETENTION });
});

Deno.test("if a file of version 1 has a session under two names, the newer one counts", async () => {
  using file = new OldFile("UPDATE sessions SET name = 'bob.session-1' WHERE name = 'session-2'");
  await using store = file.open();
  assertEquals(await outcomes(store, [numbered("session-1", 1)]), ["dup 6"]);
  assertEquals(await store.isDedupComplete("session-1", { epoch: EPOCH, seq: 0 }), true);
  assertEquals(await store.isDedupComplete("never seen", { epoch: EPOCH, seq: 3 }), false);
  assertEquals(await store.isDedupComplete("never seen", { epoch: EPOCH, seq: 4 }), true);
});

Deno.test("a new file of version 1, or one that was not closed, is upgraded as well", async () => {
  const emptied =
    "DELETE FROM runs; DELETE FROM topics; DELETE FROM sessions; DELETE FROM numbers; " +
    "UPDATE state SET floor = 0, last = 0, time = 0";
  for (const sql of [emptied, "UPDATE state SET clean = 0"]) {
    using file = new OldFile(sql);
    await using store = file.open();
    const [standing] = await store.topicBounds([{ topic: "never", epoch: EPOCH }]);
    const empty = sql === emptied;
    assertEquals(standing!.end, empty ? 0 : 7);
    assertEquals(standing!.gone?.seq, empty ? undefined : 3);
  }
});

Deno.test("a file of version 1 that cannot be upgraded is refused and not touched", () => {
  using file = new OldFile("DELETE FROM runs WHERE last = 5");
  const before = Deno.readFileSync(file.path);
  for (let time = 0; time < 2; time++) {
    assertThrows(() => file.open(), Error, "it is damaged: messages are missing in it");
  }
  const db = new DatabaseSync(file.path, { readOnly: true });
  assertEquals(db.prepare("PRAGMA user_version").get()!.user_version, 1);
  assertEquals(db.prepare("SELECT epoch FROM state").get()!.epoch, EPOCH);
  db.close();
  assertEquals(Deno.readFileSync(file.path).length, before.length);
});
