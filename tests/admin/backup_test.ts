/**
 * A backup over the wire and in the library: what it holds while puts, purges and breaks go on, and who may.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { BackupFile } from "../../stores/backup_file.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { inMemory, settled, testServer } from "../support/bridge.ts";
import { closeAll, connectedPair, reconnectTo } from "../support/connected_pair.ts";
import { MemoryPeer, openContext } from "../support/memory_peer.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a backup holds what was stored when it began, in order, and nothing that was put since (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using mq = await connect(server.url);
    const expected: string[] = [];
    for (let i = 0; i < 3; i++) {
      const bodies = Array.from({ length: 1500 }, (_, k) => `${i} ${k}`);
      await mq.putMany(`t${i}`, bodies);
      expected.push(...bodies);
    }
    const backup = await mq.backup();
    await mq.put("t1", "later");
    const found: string[] = [];
    let before = 0;
    for await (const { seq, body, position } of backup) {
      assert(seq > before);
      assertEquals(position, `${backup.info.epoch}:${seq}`);
      before = seq;
      found.push(body);
      if (found.length === 2) await mq.put("t2", "later still");
    }
    assertEquals(found, expected);
    assertEquals([backup.info.last, backup.info.floor, backup.info.gone], [4500, 0, 0]);
    assertEquals((await backup.next()).done, true);
  });
}

Deno.test("what is purged before it is read is not in a backup, and what was read stays in it", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  for (let i = 0; i < 40; i++) await mq.put("t", `${i}`.padEnd(60_000));
  const backup = await mq.backup();
  const first = await backup.next();
  await mq.purge("t");
  const found = [first.value!.seq];
  for await (const { seq } of backup) found.push(seq);
  // At most the page that is read, and the one that is under way.
  assert(found.length >= 1 && found.length < 10, `${found.length}`);
  assertEquals(found, found.map((_, i) => i + 1));
});

Deno.test("a backup goes on over a break, and rejects if the server has lost that history meanwhile", async () => {
  const server = await openServer();
  const { port } = server;
  await using mq = await connect(server.url, { reconnect: { minDelay: 1 } });
  for (let i = 0; i < 20; i++) await mq.put("t", `${i}`.padEnd(60_000));
  const { id } = (await mq.connections())[0]!;
  const one = await mq.backup();
  await one.next();
  await mq.disconnect(id);
  let count = 1;
  for await (const _ of one) count++;
  assertEquals(count, 20);
  const other = await mq.backup();
  await other.next();
  await server.shutdown();
  await using _again = await openServer({ port });
  const { code } = await assertRejects(async () => {
    for await (const _ of other);
  }, DsmqError);
  assertEquals(code, "epoch_changed");
});

Deno.test("what is gone on another server does not count for a backup that was read before a break", async () => {
  const [host, other] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(host);
  await mq.putMany("t", ["a", "b"]);
  const backup = await mq.backup();
  for await (const _ of backup);
  await reconnectTo(bridge, mq, other);
  await assertRejects(() => Array.fromAsync(backup.gone()), DsmqError, "Cannot back up");
  await assertRejects(() => backup.newestGone(), DsmqError, "Cannot back up");
  await reconnectTo(bridge, mq, host);
  assertEquals(await Array.fromAsync(backup.gone()), [{ topic: "t", seq: 0 }]);
  assertEquals(await backup.newestGone(), { seq: 0 });
  await closeAll(mq, host, other);
});

Deno.test("a backup that nobody reads on asks the server for two pages, and no more", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  for (let i = 0; i < 40; i++) await mq.put("t", `${i}`.padEnd(60_000));
  const { delivered } = server.stats();
  const backup = await mq.backup();
  await backup.next();
  await mq.topics();
  // Backups do not count as deliveries.
  assertEquals(server.stats().delivered, delivered);
  assertEquals(mq.pending, { messages: 0, bytes: 0 });
  await backup.return!();
  assertEquals((await backup.next()).done, true);
});

Deno.test("backup needs the permission admin for all topics, and each wrong field gets one sentence", async () => {
  await using server = await openServer({
    auth: {
      tokens: [
        { token: "all" },
        { token: "admin", permissions: ["admin"] },
        { token: "users", permissions: ["read", "write"] },
        { token: "some", permissions: ["admin", "read"], prefixes: ["a."] },
      ],
    },
  });
  const outcome = async (token: string) => {
    await using mq = await connect(server.url, { token });
    return await settled(mq.backup().then(({ info }) => info.last));
  };
  const tokens = ["all", "admin", "users", "some"];
  assertEquals(await Promise.all(tokens.map(outcome)), [
    0,
    0,
    "error permission_denied",
    "error permission_denied",
  ]);
  await using open = await openServer();
  using raw = await RawClient.open(open.url);
  const { backup } = await raw.request({ action: "backup", id: 1 });
  const { epoch } = backup;
  for (
    const [fields, code] of [
      [{ after: 1 }, "bad_request"],
      [{ after: 0, last: -1, epoch }, "bad_request"],
      [{ after: 0, last: 0, epoch: 7 }, "bad_request"],
      [{ after: "x", last: 0, epoch }, "bad_request"],
      [{ after: 0, last: 0 }, "bad_request"],
      [{ epoch }, "bad_request"],
      [{ topicsAfter: 7 }, "bad_request"],
      [{ after: 0, last: 0, epoch, topicsAfter: "" }, "bad_request"],
      [{ after: 0, last: 9, epoch }, "ahead"],
      [{ after: 0, last: 0, epoch: "another" }, "epoch_changed"],
    ] as const
  ) {
    const { error } = await raw.request({ action: "backup", id: 2, ...fields });
    assertEquals(error.code, code, JSON.stringify(fields));
    assert(!error.message.includes("\n"));
  }
  const page = await raw.request({ action: "backup", id: 3, after: 0, last: 0, epoch });
  assertEquals(page, { id: 3, through: 0, bytes: 0, seqs: [], times: [], topics: [], bodies: [] });
});

Deno.test("a file made of a backup tells readers of what went before it was read, and knows no put of before", async () => {
  const path = Deno.makeTempFileSync();
  try {
    const epoch = "0123456789abcdef";
    const info = { store: "s", epoch, epochs: [], last: 9, floor: 0, gone: 0, time: Date.now() };
    const file = await BackupFile.open(path, info);
    // 1, 4 to 7 and 9 went meanwhile, and nobody can tell any more of which topics they were.
    for (const seq of [2, 3, 8]) {
      file.add({ topic: seq === 3 ? "u" : "t", body: `${seq}`, seq, time: info.time });
    }
    file.addGone({ topic: "u", seq: 0 });
    file.addGone({ topic: "t", seq: 6 });
    file.finish({ seq: 6 });
    await using server = await openServer({ store: `sqlite:${path}` });
    await using mq = await connect(server.url);
    const first = async (topic: string, since: number) => {
      await using stream = mq.subscribe(topic, { since });
      return await settled(stream.next().then(({ value }) => value!.seq));
    };
    assertEquals(
      [await first("u", 0), await first("t", 0), await first("t", 6), await first("other", 8)],
      [3, "error trimmed", 8, "error trimmed"],
    );
    using raw = await RawClient.open(server.url);
    const hello = { action: "hello", id: 1, session: "0123456789abcdef", known: { epoch, seq: 8 } };
    assertEquals((await raw.request(hello)).dedupComplete, false);
    assertEquals(await mq.put("t", "m"), 10);
  } finally {
    for (const end of ["", "-wal", "-shm", "-lock"]) await Deno.remove(path + end).catch(() => {});
  }
});

Deno.test("a file can be made of a backup though several topics lost messages while it was read", async () => {
  const path = Deno.makeTempFileSync();
  try {
    const epoch = "0123456789abcdef";
    const info = { store: "s", epoch, epochs: [], last: 3, floor: 0, gone: 0, time: Date.now() };
    const file = await BackupFile.open(path, info);
    for (const [i, topic] of ["t", "u", "v"].entries()) {
      file.add({ topic, body: topic, seq: i + 1, time: info.time });
    }
    // Messages that came after those of the backup.
    file.addGone({ topic: "t", seq: 4 });
    file.addGone({ topic: "u", seq: 5 });
    file.addGone({ topic: "v", seq: 0 });
    file.finish({ seq: 5 });
    await using server = await openServer({ store: `sqlite:${path}` });
    await using mq = await connect(server.url);
    const first = async (topic: string) => {
      await using stream = mq.subscribe(topic, { since: 0 });
      return await settled(stream.next().then(({ value }) => value!.seq));
    };
    assertEquals(
      [await first("t"), await first("u"), await first("v")],
      ["error trimmed", "error trimmed", 3],
    );
  } finally {
    for (const end of ["", "-wal", "-shm", "-lock"]) await Deno.remove(path + end).catch(() => {});
  }
});

Deno.test("a file has no message of a backup that was purged after it was read, and tells of each", async () => {
  const path = Deno.makeTempFileSync();
  try {
    const position = await (async () => {
      await using server = await openServer();
      await using mq = await connect(server.url);
      await mq.putMany("some", ["1", "2", "3", "4"]);
      await mq.put("all", "5");
      await mq.putMany("none", ["6", "7"]);
      await mq.put("alone", "8");
      const backup = await mq.backup();
      const { epoch } = backup.info;
      const file = await BackupFile.open(path, backup.info);
      for await (const message of backup) file.add(message);
      assertEquals([await mq.purge("some", { before: 4 }), await mq.purge("all")], [3, 1]);
      assertEquals(await mq.purge("alone"), 1);
      // Of a topic whose messages are all new, too.
      await mq.put("all", "9");
      for await (const gone of backup.gone()) file.addGone(gone);
      assertEquals(file.finish(await backup.newestGone()), 3);
      return (seq: number) => `${epoch}:${seq}`;
    })();
    await using server = await openServer({ store: `sqlite:${path}` });
    await using mq = await connect(server.url);
    const read = async (topic: string, since: string | 0) => {
      const bodies: string[] = [];
      await using stream = mq.subscribe(topic, {
        since,
        onGap({ code }) {
          bodies.push(code);
          return "oldest";
        },
      });
      await mq.put(topic, "end");
      for await (const { body } of stream) {
        if (body === "end") return bodies;
        bodies.push(body);
      }
    };
    assertEquals((await mq.topics()).map(({ topic }) => topic), ["none", "some"]);
    assertEquals(await read("some", position(1)), ["trimmed", "4"]);
    assertEquals(await read("all", 0), ["trimmed"]);
    assertEquals(await read("alone", 0), ["trimmed"]);
    assertEquals(await read("none", 0), ["6", "7"]);
  } finally {
    for (const end of ["", "-wal", "-shm", "-lock"]) await Deno.remove(path + end).catch(() => {});
  }
});

Deno.test("what a backup says is gone of a topic is before what is left of it, also where the store cannot tell exactly", async () => {
  const clock = new ManualClock();
  const limits = { goneTopics: 1 };
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock, limits });
  await using context = await openContext(store, clock);
  const peer = new MemoryPeer(context);
  for (const topic of ["left", "a", "some", "some", "b", "c"]) {
    await peer.request({ action: "put", topic, body: "m" });
  }
  await peer.request({ action: "purge", topic: "some", before: { seq: 4 } });
  for (const topic of ["a", "b", "c"]) await peer.request({ action: "purge", topic });
  const now = clock.now();
  // The store has forgotten that of all but the last one.
  const [bounds] = await store.topicBounds([{ topic: "not known" }]);
  assertEquals(bounds!.gone?.seq, 5);
  assertEquals(await peer.request({ action: "backup", topicsAfter: "" }), {
    id: 11,
    gone: [{ topic: "left", seq: 0 }, { topic: "some", seq: 3, at: now + 3 / 1024 }],
    last: 6,
    at: now + 4 / 1024,
    more: false,
  } as object);
  peer.close();
});
