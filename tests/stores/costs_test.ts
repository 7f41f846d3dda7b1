/**
 * A request to a store costs no more because of what others have put. The tests count steps, not time.
 *
 * @module
 */

import { apply, forgetSession, trim } from "../../testing/store/support.ts";
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MessageLog } from "../../stores/message_log.ts";
import { SegmentTable } from "../../stores/segment_table.ts";
import type { TopicMessage } from "../../stores/store.ts";
import { WriteBuffer } from "../../stores/write_buffer.ts";
import { TopicTable } from "../../stores/topic_table.ts";
import { seeded } from "../../testing/seeded.ts";
import { countDeletes } from "../support/count_deletes.ts";
import { opened, put, putsIn, RETENTION } from "../support/counted_store.ts";

Deno.test("a read of new messages does not look at messages of other topics", () => {
  const tail = new WriteBuffer();
  let rounds = 0;
  for (let seq = 1; seq <= 4000; seq++) {
    const message = {
      seq,
      time: 1,
      body: '""',
      bytes: 2,
      topic: seq % 100 === 0 ? "mine" : `${seq}`,
    };
    const counted: TopicMessage = {
      ...message,
      get seq() {
        rounds++;
        return seq;
      },
      get bytes() {
        rounds++;
        return 2;
      },
    };
    tail.add(counted);
  }
  rounds = 0;
  const query = { topic: "mine", after: 0, count: 100, bytes: 1e6 };
  for (let i = 0; i < 1000; i++) assertEquals(tail.read({ ...query, topic: `absent ${i}` }), []);
  assert(rounds <= 1000, `${rounds} looks`);
  rounds = 0;
  assertEquals(tail.read(query).length, 40);
  assertEquals(tail.read({ ...query, newest: true }).length, 1);
  assertEquals(tail.newestUpTo("mine", 3999)?.seq, 3900);
  assert(rounds < 150, `${rounds} looks`);
});

for (const storeKind of ["memory", "file"] as const) {
  Deno.test(`${storeKind}: a listing of topics yields to other work while it skips expired topics`, async () => {
    const { store, clock, end } = opened(storeKind);
    await apply(store, putsIn(20_000, (i) => `t ${i}`));
    await trim(store, 0);
    clock.advance(RETENTION);
    await apply(store, [put("zz")]);
    let [turns, listed] = [0, false];
    const others = async () => {
      for (; !listed; turns++) await new Promise((resolve) => setImmediate(resolve));
    };
    const counting = others();
    assertEquals((await store.topics({ prefix: "", after: "", count: 1 }))[0]?.topic, "zz");
    listed = true;
    await counting;
    assert(turns >= 9, `other work had ${turns} turns`);
    await store[Symbol.asyncDispose]();
    end();
  });

  Deno.test(`${storeKind}: a new topic is accepted at once when all others have expired, however many there are`, async () => {
    const { engine, store, clock, end } = opened(storeKind, { topics: 5000 });
    await apply(store, putsIn(5000, (i) => `t ${i}`));
    await trim(store, 0);
    clock.advance(RETENTION);
    const rows = await engine.rowsFor(async () => {
      assertEquals((await apply(store, [put("new")])).map((found) => "seq" in found), [true]);
    });
    assert(rows < 100, `${rows} steps`);
    // And there are no more of them than the limit.
    const found = await apply(store, putsIn(5000, (i) => `u ${i}`));
    assertEquals(found.filter((result) => "seq" in result).length, 4999);
    await store[Symbol.asyncDispose]();
    end();
  });

  Deno.test(`${storeKind}: one large message replaces very many small ones in small steps`, async () => {
    const limits = { storedBytes: 1_000_000, overflow: "drop-oldest" as const };
    const { engine, store, end } = opened(storeKind, limits);
    await apply(store, putsIn(9000, (i) => `t ${i}`));
    await trim(store, 0);
    const large = JSON.stringify("x".repeat(900_000));
    const before = engine.writes;
    const rows = await engine.rowsFor(async () => void await apply(store, [put("large", large)]));
    assert(engine.writes - before < 500, `${engine.writes - before} writes`);
    assert(rows < 4000, `${rows} steps`);
    const listed = await store.topics({ prefix: "", after: "", count: 10_000 });
    assert(listed.length < 1000 && listed[0]!.topic === "large", `${listed.length} are left`);
    while (await trim(store, 5));
    assertEquals(await store.topics({ prefix: "", after: "", count: 10_000 }), listed);
    await store[Symbol.asyncDispose]();
    end();
  });
}

Deno.test("many simultaneous puts into a file are not committed in one transaction", async () => {
  const { engine, store, end } = opened("file");
  const before = engine.commits;
  const all = Array.from({ length: 20 }, (_, i) => apply(store, putsIn(512, () => `t ${i}`)));
  let first = 0;
  void all[0]!.then(() => first = engine.commits - before);
  const found = (await Promise.all(all)).flat().map((result) => "seq" in result ? result.seq : 0);
  assertEquals(found, Array.from({ length: 10_240 }, (_, i) => i + 1), "and their order is kept");
  assertEquals(engine.commits - before, 10);
  assertEquals(first, 1);
  await store[Symbol.asyncDispose]();
  end();
});

Deno.test("an append before a close is committed, however much is waiting", async () => {
  const { store, end } = opened("file");
  const all = Array.from({ length: 5 }, (_, i) => apply(store, putsIn(1000, () => `t ${i}`)));
  await store[Symbol.asyncDispose]();
  assert((await Promise.all(all)).flat().every((result) => "seq" in result));
  end();
});

Deno.test("forgetting a session in a file costs no more if it skipped many numbers", async () => {
  const { engine, store, end } = opened("file");
  const session = "a session of its own";
  await apply(
    store,
    Array.from({ length: 5000 }, (_, i) => ({ ...put("t"), session, n: 2 * i, owner: "weak" })),
  );
  const rows = await engine.rowsFor(async () => {
    await forgetSession(store, session);
    await apply(store, [put("t")]);
  });
  assert(rows < 50, `${rows} steps`);
  await store[Symbol.asyncDispose]();
  end();
});

Deno.test("the number of topics that hold messages is right after any puts, deletions and rollbacks", () => {
  const random = seeded(3);
  const db = nodeSqlite.open(":memory:");
  const runs = new SegmentTable(db);
  const topics = new TopicTable(db);
  let [floor, last, purged] = [0, 0, 0];
  let newest = new Map([["", 0]]);
  for (let step = 0; step < 3000; step++) {
    const before = { floor, last, purged, newest: new Map(newest) };
    db.exec("BEGIN");
    if (random(3) > 0) {
      const messages = Array.from({ length: 1 + random(5) }, () => {
        const topic = `t ${random(40)}`;
        newest.set(topic, ++last);
        return { seq: last, time: 1, body: '""', bytes: 2, topic };
      });
      topics.add(messages);
      runs.insert(messages, (topic, size) => topics.addRow(topic, size));
    } else {
      floor = Math.min(last, floor + random(12));
      topics.expireUpTo(floor);
      purged = Math.min(floor, purged + random(20));
      topics.subtractUpTo(purged, () => {});
      runs.delete(purged);
    }
    if (random(6) === 0) {
      db.exec("ROLLBACK");
      topics.rollback();
      runs.rolledBack();
      ({ floor, last, purged, newest } = before);
    } else {
      db.exec("COMMIT");
      topics.commit();
    }
    topics.expireUpTo(floor);
    const liveCount = [...newest.values()].filter((seq) => seq > floor).length;
    assertEquals(topics.liveCount, liveCount, `step ${step}`);
  }
  db.close();
});

Deno.test("however many clients list topics at once, only one part of one listing runs between two turns of the event loop", async () => {
  const rounds: (() => void)[] = [];
  const { clock, store } = opened("memory", {}, (callback) => rounds.push(callback));
  await using _ = store;
  const { list } = MessageLog.prototype;
  let parts = 0;
  MessageLog.prototype.list = function (this: MessageLog, ...args) {
    parts++;
    return list.call(this, ...args);
  };
  using __ = { [Symbol.dispose]: () => void (MessageLog.prototype.list = list) };
  for (let i = 0; i < 9; i++) await apply(store, putsIn(1000, (j) => `${i}.${j}`));
  clock.advance(RETENTION);
  await apply(store, [put("z")]);
  const all = Array.from({ length: 3 }, () => store.topics({ prefix: "", after: "", count: 1 }));
  for (let i = 0; i < 20; i++) await undefined;
  assertEquals([parts, rounds.length], [3, 1]);
  while (rounds.length > 0) {
    const [first, ...others] = rounds.splice(0);
    assertEquals(others.length, 0);
    parts = 0;
    first!();
    for (let i = 0; i < 20; i++) await undefined;
    assert(parts <= 1, `${parts} parts`);
  }
  for (const listed of await Promise.all(all)) assertEquals(listed[0]?.topic, "z");
});

for (const storeKind of ["memory", "file"] as const) {
  for (
    const [reason, limits, before, numbered] of [
      ["there is no room", { storedBytes: 2000 }, 30, false],
      ["it has one topic more than the limit", { topics: 1 }, 0, false],
      ["its session has passed its number", {}, 0, true],
    ] as const
  ) {
    Deno.test(`a long batch that is refused because ${reason} is checked once and creates one error: ${storeKind}`, async () => {
      const { engine, store, end } = opened(storeKind, limits);
      if (reason.includes("topic")) await apply(store, [put("another")]);
      await apply(store, putsIn(before, () => "t"));
      const one = { session: "s", owner: "" };
      if (numbered) await apply(store, [{ ...put("t"), ...one, n: 100_000 }]);
      const list = putsIn(10_000, () => "t").map((put, i) =>
        numbered ? { ...put, ...one, n: 80_000 + i } : put
      );
      await apply(store, list.slice(0, 1));
      let results: readonly unknown[] = [];
      const steps = await engine.rowsFor(async () => results = await apply(store, list));
      assertEquals(new Set(results).size, 1);
      assert(results[0] instanceof Error);
      assert(steps < 100, `${steps} steps`);
      await store[Symbol.asyncDispose]();
      end();
    });
  }
}

Deno.test("a topic that gets message after message is not forgotten and found again each time", () => {
  const db = nodeSqlite.open(":memory:");
  new SegmentTable(db);
  const topics = new TopicTable(db);
  const deleted = countDeletes(() => {
    for (let seq = 1; seq <= 100; seq++) {
      topics.add([{ seq, time: 1, body: '""', bytes: 2, topic: seq % 3 === 0 ? "b" : "a" }]);
      topics.commit();
    }
  });
  assertEquals([deleted, topics.size, topics.find("a", 99)], [0, 2, 1]);
  db.close();
});

Deno.test("of the topics that are there when a file is opened those count as live whose messages have not expired", () => {
  const db = nodeSqlite.open(":memory:");
  const segments = new SegmentTable(db);
  const before = new TopicTable(db);
  const messages = ["c", "a", "b", "a"].map((topic, i) => (
    { seq: i + 1, time: 1, body: '""', bytes: 2, topic }
  ));
  before.add(messages);
  segments.insert(messages, (topic, size) => before.addRow(topic, size));
  const topics = new TopicTable(db);
  topics.load(db, new Map([1, 2, 3].map((id) => [id, 10])), () => 1);
  const live = [0, 1, 2, 3, 4].map((floor) => {
    topics.expireUpTo(floor);
    return topics.liveCount;
  });
  assertEquals(live, [3, 2, 2, 1, 0]);
  db.close();
});
