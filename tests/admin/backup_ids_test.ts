/**
 * Messages with a `messageId` in a backup: whose each id is, over the wire and in a server on the copy.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, type Message } from "@dsmq/server";
import { BackupFile } from "../../stores/backup_file.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { systemClock } from "../../queue/clock.ts";
import { FileStore } from "../../stores/file_store.ts";
import { inMemory, settled, testServer, until } from "../support/bridge.ts";
import { closeAll, connectedPair, reconnectTo } from "../support/connected_pair.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const auth = {
  tokens: [{ token: "the-boss" }, { token: "another-one" }],
  anonymous: { permissions: ["read", "write"] },
  /** Several tokens of one client. */
  verify: (token: string) =>
    token.startsWith("ann-") ? { identity: "ann", permissions: ["write"] as const } : undefined,
} as const;
const TOKENS = ["the-boss", "another-one", "ann-1", undefined];

/** Puts a message. */
async function putAs(
  url: string,
  token: string | undefined,
  topic: string,
  messageId?: string,
): Promise<number> {
  await using mq = await connect(url, token === undefined ? {} : { token });
  return await mq.put(topic, "m", messageId === undefined ? {} : { messageId });
}

/** Runs a test with the path of a file that is not there yet, in a folder of its own. */
async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await test(`${folder}/copy.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Makes a file of a backup, as the command does. */
async function backUp(url: string, path: string): Promise<void> {
  await using mq = await connect(url, { token: "the-boss" });
  await copyFrom(mq, path);
}

async function copyFrom(mq: Connection, path: string): Promise<void> {
  const backup = await mq.backup();
  Deno.createSync(path).close();
  const file = await BackupFile.open(path, backup.info);
  for await (const message of backup) file.add(message);
  for await (const gone of backup.gone()) file.addGone(gone);
  file.finish(await backup.newestGone());
}

for (const transport of ["builtin", "hardened"] as const) {
  for (const kind of ["memory", "sqlite"] as const) {
    Deno.test(`a put that repeats a messageId gets the number of its message from a server on a copy, and from one on a copy of that; others have the id for themselves (${transport}, ${kind})`, () =>
      withFolder(async (path) => {
        const options = { transport, auth };
        {
          const store = kind === "memory" ? "memory" : `sqlite:${path}.original` as const;
          await using server = await openServer({ ...options, store });
          for (const [i, token] of TOKENS.entries()) {
            assertEquals(await putAs(server.url, token, "orders", "order-7"), 2 * i + 1);
            assertEquals(await putAs(server.url, token, "orders"), 2 * i + 2);
          }
          await backUp(server.url, path);
        }
        for (const [from, to] of [[path, `${path}.second`], [`${path}.second`, `${path}.third`]]) {
          {
            await using copy = await openServer({ ...options, store: `sqlite:${from!}` });
            for (const [i, token] of TOKENS.entries()) {
              assertEquals(await putAs(copy.url, token, "orders", "order-7"), 2 * i + 1);
            }
            // Another token of the same client.
            assertEquals(await putAs(copy.url, "ann-2", "orders", "order-7"), 5);
            await backUp(copy.url, to!);
          }
          await using again = await openServer({ ...options, store: `sqlite:${from!}` });
          assertEquals(await putAs(again.url, "another-one", "orders", "order-7"), 3);
          assertEquals(await putAs(again.url, "another-one", "other", "order-7"), 9);
          assertEquals(await putAs(again.url, "another-one", "orders", "order-8"), 10);
          await using boss = await connect(again.url, { token: "the-boss" });
          assertEquals(await boss.purge("orders"), 9);
          assertEquals(await putAs(again.url, undefined, "orders", "order-7"), 11);
        }
      }));
  }
}

Deno.test("only pages of a backup say whose an id is: no reader is told, and nobody is told a token", async () => {
  await using server = await openServer({ auth });
  for (const token of TOKENS) await putAs(server.url, token, "orders", "order-7");
  await putAs(server.url, undefined, "orders");
  using raw = await RawClient.open(server.url);
  assertEquals((await raw.request({ action: "hello", id: 1, token: "the-boss" })).id, 1);
  const { backup: { epoch, last } } = await raw.request({ action: "backup", id: 2 });
  const page = await raw.request({ action: "backup", id: 3, after: 0, last, epoch });
  const { identities, bodies } = page;
  assertEquals([identities.length, bodies.length, new Set(identities).size], [5, 5, 5]);
  assertEquals(identities.slice(3), ["", null]);
  for (const token of TOKENS) assert(!JSON.stringify(page).includes(token ?? "the-boss"));
  const without = await raw.request({ action: "backup", id: 4, after: 4, last, epoch });
  assertEquals([without.bodies, "identities" in without], [["m"], false]);
  const since = { after: 0 };
  const read = await raw.request({ action: "get", id: 5, topic: "orders", since });
  const latest = await raw.request({ action: "get_latest", id: 6, topic: "orders", since });
  const streams = [{ topic: "orders" }, { prefix: "" }].map((what, i) =>
    raw.request({ action: "subscribe", id: 7 + i, ...what, since, messages: 99, bytes: 9999 })
  );
  const frames = [read, latest, ...await Promise.all(streams), await raw.next(), await raw.next()];
  assertEquals(frames.map((frame) => frame.error), frames.map(() => undefined));
  const text = JSON.stringify(frames);
  assertEquals(text.match(/order-7/g)?.length, 1 + 2 * 4, "all messages are there");
  assert(!text.includes("identit"));
  for (const identity of identities.slice(0, 3)) assert(!text.includes(identity));
});

Deno.test("a message of a backup has an identity if it has a messageId, and a message that is read has none", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url, { since: "start" });
  await mq.putMany("t", [{ body: "1", messageId: "a" }, "2", { body: "3", key: "k" }]);
  const shape = ({ messageId, key, ...message }: Message) => [
    ...[messageId, key, "identity" in message ? message.identity : undefined],
  ];
  const found = await Array.fromAsync(await mq.backup(), shape);
  assertEquals(found, [["a", undefined, ""], [undefined, undefined, undefined], [
    ...[undefined, "k", undefined],
  ]]);
  assertEquals(shape((await mq.read("t"))!), ["a", undefined, undefined]);
});

Deno.test("the id of a message that was purged while a backup was read is free in the copy, and leaves no trace there", () =>
  withFolder(async (path) => {
    {
      await using server = await openServer();
      await using mq = await connect(server.url);
      await mq.putMany("t", ["a", "b", "c"].map((messageId) => ({ body: "m", messageId })));
      const backup = await mq.backup();
      Deno.createSync(path).close();
      const file = await BackupFile.open(path, backup.info);
      for await (const message of backup) file.add(message);
      assertEquals(await mq.purge("t", { before: 3 }), 2);
      for await (const gone of backup.gone()) file.addGone(gone);
      assertEquals(file.finish(await backup.newestGone()), 1);
    }
    const { DatabaseSync } = await import("node:sqlite");
    {
      using db = new DatabaseSync(path, { readOnly: true });
      const rows = db.prepare("SELECT seq FROM message_ids WHERE seq > 0").all();
      assertEquals(rows.map(({ seq }) => seq), [3]);
    }
    await using copy = await openServer({ store: `sqlite:${path}` });
    await using mq = await connect(copy.url);
    const ids = ["a", "b", "c"].map((messageId) => ({ body: "again", messageId }));
    assertEquals(await mq.putMany("t", ids), [4, 5, 3]);
  }));

Deno.test("a client that comes to a server on a copy does not know of a put that was not answered, and can put it again by its messageId", () =>
  withFolder(async (path) => {
    const original = await testServer(inMemory());
    const { bridge, mq } = await connectedPair(original);
    // The replies to the puts are lost; the third one is stored behind the backup.
    const isReply = (frame: string) => /"seqs?":/.test(frame);
    bridge.passes = (frame) => !isReply(frame);
    const ids = ["a", "b", "c"].map((messageId) => ({ messageId }));
    const [a, b] = ids.slice(0, 2).map((id) => settled(mq.put("t", "m", id)));
    const { mq: admin } = await connectedPair(original);
    await until(() => bridge.down.some(isReply));
    await copyFrom(admin, path);
    await admin.close();
    const c = settled(mq.put("t", "m", ids[2]));
    await until(() => bridge.down.filter(isReply).length > 1);
    const copy = await testServer(
      new FileStore({
        ...{ engine: nodeSqlite, clock: systemClock, retention: 600_000 },
        ...{ path, durability: "process" },
      }),
    );
    bridge.passes = () => true;
    await reconnectTo(bridge, mq, copy);
    assertEquals(await Promise.all([a, b, c]), Array(3).fill("error unknown_outcome"));
    assertEquals(await mq.put("t", "again", ids[0]), 1);
    assertEquals(await mq.put("t", "again", ids[1]), 2);
    // This one is not in the copy.
    assertEquals(await mq.put("t", "again", ids[2]), 3);
    const bodies = await Array.fromAsync(await mq.backup(), ({ body }) => body);
    assertEquals(bodies, ["m", "m", "again"]);
    await closeAll(mq, original, copy);
  }));
