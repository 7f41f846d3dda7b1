/**
 * A `messageId` that is put again: the message is stored once, and each putter gets its number.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const SESSION_ID = "a-session-of-a-test";

const put = (id: number, messageId: string, fields: object = {}) => ({
  ...{ action: "put", id, topic: "t", body: "x" },
  attributes: { messageId },
  ...fields,
});
const plain = (id: number, n: number) => ({ action: "put", id, topic: "t", body: "y", n });

Deno.test("a repeated id is answered with the first number and dup, to every connection, alone and in a list", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, retention: 1000 });
  await using one = await RawClient.open(server.url);
  await using other = await RawClient.open(server.url);
  assertEquals(await one.request(put(1, "m")), { id: 1, seq: 1 });
  assertEquals(await other.request(put(2, "m", { body: "other" })), { id: 2, seq: 1, dup: true });
  const bodies = ["a", "b", "c", "d"];
  const attributes = [{ messageId: "n" }, null, { messageId: "m" }, { messageId: "n" }];
  const list = { action: "put", id: 3, topic: "t", bodies, attributes };
  assertEquals(await other.request(list), { id: 3, seqs: [2, 3, 1, 2], dup: true });
  assertEquals(await other.request(put(4, "m", { topic: "u" })), { id: 4, seq: 4 });
  assertEquals(server.stats().stored, 4, "what was stored before does not count");
  clock.advance(1000);
  assertEquals(await one.request(put(5, "m")), { id: 5, seq: 5 });
});

Deno.test("an id belongs to a token; clients without one are one identity, wherever they come from", async () => {
  const tokens = ["mine", "yours"].map((token) => ({ token }));
  await using server = await openServer({
    auth: { tokens, anonymous: { permissions: ["read", "write"] } },
  });
  const seqs: unknown[] = [];
  for (const token of ["mine", "yours", undefined, "mine", "yours", undefined]) {
    await using client = await RawClient.open(server.url);
    await client.request({ action: "hello", id: 1, token });
    const { seq, dup = false } = await client.request(put(2, "m"));
    seqs.push([seq, dup]);
  }
  assertEquals(seqs, [[1, false], [2, false], [3, false], [1, true], [2, true], [3, true]]);
});

Deno.test("a put that is repeated after a break has the answer that was lost, also if later ones of its session were stored", async () => {
  await using server = await openServer();
  await using other = await RawClient.open(server.url);
  await other.request(put(1, "m"));
  const hello = { action: "hello", id: 1, session: SESSION_ID };
  let epoch = "";
  for (const [attempt, dup] of [[1, {}], [2, { dup: true }]] as const) {
    await using client = await RawClient.open(server.url);
    const known = attempt === 1 ? {} : { known: { epoch, seq: 1 } };
    const welcome = await client.request({ ...hello, try: attempt, ...known });
    if (attempt === 2) assertEquals(welcome.dedupComplete, true);
    epoch = welcome.epoch;
    assertEquals(await client.request(plain(2, 1)), { id: 2, seq: 2, ...dup });
    assertEquals(await client.request(put(3, "m", { n: 2 })), { id: 3, seq: 1, dup: true });
    assertEquals(await client.request(plain(4, 3)), { id: 4, seq: 3, ...dup });
  }
});

Deno.test("ids are recognised when a server with a file starts again", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const dup of [{}, { dup: true }, { dup: true }]) {
      await using server = await openServer({ store: `sqlite:${folder}/queue.db` });
      await using client = await RawClient.open(server.url);
      assertEquals(await client.request(put(1, "m")), { id: 1, seq: 1, ...dup });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a full store answers a repeated id, and readers get the message once", async () => {
  await using server = await openServer({ limits: { storedBytes: 400 } });
  await using client = await RawClient.open(server.url);
  await client.request({ action: "subscribe", id: 9, topic: "t", messages: 9, bytes: 1000 });
  void client.send(put(1, "m"));
  const frames = [await client.next(), await client.next()];
  assertEquals(frames.map(({ seq, seqs }) => seq ?? seqs[0]), [1, 1]);
  assertEquals((await client.request(put(2, "n"))).error.code, "full");
  assertEquals(await client.request(put(3, "m")), { id: 3, seq: 1, dup: true });
  assertEquals(await client.request({ action: "heartbeat", id: 4 }), { id: 4 });
});
