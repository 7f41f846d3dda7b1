/**
 * The file of a backup: whose ids are, since when it says that something is gone, and what it says if the server did not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { NewestGone, TopicGone } from "../../protocol/backup_info.ts";
import { locatePositions } from "../../queue/positions.ts";
import { BackupFile } from "../../stores/backup_file.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const RETENTION = 1000;
const [EPOCH, NOW] = ["0123456789abcdef", new ManualClock().now()];

/** Makes a file of messages, of which something went while they were read. */
function makeFile(
  path: string,
  gone: readonly TopicGone[],
  newest: NewestGone,
  retention?: number,
  last = 4,
): void {
  const info = { store: "s", epoch: EPOCH, epochs: [], last, floor: 0, gone: 0, time: NOW };
  const file = new BackupFile(nodeSqlite, path, retention ? { ...info, retention } : info);
  for (const [i, topic] of ["t", "u", "t", "v"].entries()) {
    file.add({ topic, body: "m", seq: i + 1, time: NOW - 100 });
  }
  for (const entry of gone) file.addGone(entry);
  file.finish(newest);
}

const open = (path: string, clock: ManualClock, retention = RETENTION) =>
  new FileStore({ engine: nodeSqlite, clock, retention, path, durability: "process" });

/** Whether readers from the beginning of the history, who were connected until some times, are told that something is gone. */
async function told(store: FileStore, topic: string, times: readonly number[]): Promise<boolean[]> {
  const wanted = times.map((asOf) => ({ topic, since: { after: 0, epoch: EPOCH, asOf } }));
  return (await locatePositions({ store }, wanted)).map(({ gap }) => gap?.error.code === "trimmed");
}

/** Runs a test with the path of a file. */
async function withFile(test: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await test(`${folder}/copy.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Of one topic and of another, messages went at different times after the backup began; the third has none any more. */
const GONE = [
  { topic: "t", seq: 1, at: NOW + 10.5 },
  { topic: "u", seq: 2, at: NOW + 30 },
] as const;
const NEWEST = { seq: 4, at: NOW + 50.25 };

Deno.test("what went while a backup was made is told to those who were connected before it went, and to nobody else", () =>
  withFile(async (path) => {
    makeFile(path, GONE, NEWEST, RETENTION);
    await using store = open(path, new ManualClock(NOW + 60));
    const times = [NOW - 1, NOW, NOW + 10, NOW + 11, NOW + 29, NOW + 30, NOW + 50, NOW + 51];
    const firsts = (count: number) => times.map((_, i) => i < count);
    assertEquals(await told(store, "t", times), firsts(3));
    assertEquals(await told(store, "u", times), firsts(5));
    // Of a topic that holds nothing it is not known.
    assertEquals(await told(store, "v", times), firsts(7));
    assertEquals(await told(store, "never put", times), firsts(7));
    const [page] = await store.read([{ prefix: "", after: 0, count: 9, bytes: 999 }]);
    assertEquals(page!.messages.map(({ seq }) => seq), [3]);
  }));

Deno.test("the time of a copy goes on when the last of that went, also where the clock is behind", () =>
  withFile(async (path) => {
    makeFile(path, GONE, NEWEST, RETENTION);
    for (const _ of ["at first", "again"]) {
      await using store = open(path, new ManualClock(NOW - 60_000));
      const topics = ["t", "u", "v"].map((topic) => ({ topic }));
      for (const { gone, time, asOf } of await store.topicBounds([...topics, { prefix: "" }])) {
        assert(gone!.at <= store.openedAt && gone!.at <= asOf && time >= NOW + 51);
      }
      // Those who were connected when it went are not told.
      assertEquals(await told(store, "t", [NOW + 10, NOW + 11]), [true, false]);
    }
  }));

Deno.test("without a time, as an older server answers, a copy tells of all that is gone, and of nothing else", () =>
  withFile(async (path) => {
    makeFile(path, [
      { topic: "t", seq: 1 },
      { topic: "u", seq: 0 },
    ], { seq: 4 });
    await using store = open(path, new ManualClock(NOW + 60));
    const times = [NOW - 1, NOW + 59, NOW + 1e6];
    const bounds = await store.bounds();
    assertEquals(bounds.time, NOW + 60);
    assertEquals(await told(store, "t", times), [true, true, true]);
    assertEquals(await told(store, "u", times), [false, false, false]);
    assertEquals(await told(store, "v", times), [true, true, true]);
  }));

Deno.test("an id of which an older server did not tell whose it is is free in a copy, and one of which it is known is not", () =>
  withFile(async (path) => {
    const info = { store: "s", epoch: EPOCH, epochs: [], last: 4, floor: 0, gone: 0, time: NOW };
    const file = new BackupFile(nodeSqlite, path, { ...info, retention: RETENTION });
    const message = { topic: "t", body: "m", time: NOW };
    file.add({ ...message, seq: 1, messageId: "a" });
    file.add({ ...message, seq: 2, messageId: "b", identity: "" });
    file.add({ ...message, seq: 3, messageId: "c", identity: "ann" });
    // Not that of an id.
    file.add({ ...message, seq: 4, key: "k", identity: "ann" });
    file.addGone({ topic: "t", seq: 0 });
    assertEquals(file.finish({ seq: 0 }), 4);
    for (const [a, dup] of [[5, undefined], [5, true]] as const) {
      await using store = open(path, new ManualClock(NOW + 60));
      const put = (messageId: string, identity = "") => {
        const attributes = JSON.stringify({ messageId });
        const text = { body: '"m"', bytes: 3 + attributes.length };
        return { type: "put" as const, topic: "t", ...text, attributes, identity };
      };
      const commands = [put("a"), put("b"), put("c", "ann"), put("c")];
      const acks = await store.apply({ time: store.now(), commands });
      assertEquals(acks.map((ack) => [Object(ack).seq, Object(ack).dup || undefined]), [
        [a, dup],
        [2, true],
        [3, true],
        [6, dup],
      ]);
    }
  }));

Deno.test("messages that are missing in a backup are gone, also if its server says that nothing is", () =>
  withFile(async (path) => {
    makeFile(path, [{ topic: "t", seq: 0 }], { seq: 0 }, RETENTION, 5);
    await using store = open(path, new ManualClock(NOW + 60));
    assertEquals(await told(store, "t", [NOW - 1, NOW + 1e6]), [false, false]);
    assertEquals(await told(store, "w", [NOW - 1, NOW + 1e6]), [true, true]);
  }));

Deno.test("a topic that lost messages that came after those of the backup goes by what is gone of any", () =>
  withFile(async (path) => {
    makeFile(
      path,
      [
        { topic: "t", seq: 9, at: NOW + 20 },
        { topic: "u", seq: 0 },
        { topic: "v", seq: 7, at: NOW + 90 },
      ],
      { seq: 9, at: NOW + 40 },
      RETENTION,
    );
    await using store = open(path, new ManualClock(NOW + 100));
    assertEquals(await told(store, "t", [NOW + 10, NOW + 89, NOW + 90]), [true, true, false]);
    assertEquals(await told(store, "u", [NOW]), [false]);
    assertEquals((await store.topics({ prefix: "", after: "", count: 9 })).length, 1);
  }));

Deno.test("a message that expires before its copy is opened went when it did on the server, whatever the retention is now", () =>
  withFile(async (path) => {
    const nothing = ["t", "u", "v"].map((topic) => ({ topic, seq: 0 }));
    const expiry = NOW - 100 + RETENTION;
    const times = [expiry - 1, expiry, expiry + 100];
    const answers = async (retention: number, had: number | undefined, at: number) => {
      const file = `${path}.${retention}.${had}.${at}`;
      makeFile(file, nothing, { seq: 0 }, had);
      const found = [];
      for (const _ of ["at first", "again"]) {
        await using store = open(file, new ManualClock(at), retention);
        found.push((await told(store, "t", times)).map(Number).join(""));
      }
      assertEquals(found[0], found[1]);
      return found[0];
    };
    const later = expiry + 200;
    assertEquals(await answers(RETENTION, RETENTION, later), "100");
    // It is kept for longer here: nothing is gone.
    assertEquals(await answers(10 * RETENTION, RETENTION, later), "000");
    // Those who were connected while it was there have not been told.
    assertEquals(await answers(RETENTION / 2, RETENTION, expiry - 1), "111");
    assertEquals(await answers(RETENTION / 2, RETENTION, later), "100");
    // The server did not say.
    assertEquals(await answers(RETENTION, undefined, later), "111");
  }));
