/**
 * Puts that are repeated, and numbers that are skipped.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { inMemory, testServer } from "../support/bridge.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const SESSION_ID = "a-session-of-a-test";
const HELLO = { action: "hello", id: 1, session: SESSION_ID, try: 1 };
const put = (n: number) => ({ action: "put", id: 2, topic: "t", body: `${n}`, n });

Deno.test("a repeated put counts once among the stored messages, alone and in a list", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await client.request(HELLO);
  for (let i = 0; i < 3; i++) assertEquals((await client.request(put(1))).seq, 1);
  const list = { action: "put", id: 3, topic: "t", bodies: ["2", "3"], n: 2 };
  for (let i = 0; i < 3; i++) assertEquals((await client.request(list)).seqs, [2, 3]);
  assertEquals((await client.request({ ...list, bodies: ["2", "3", "4"] })).seqs, [2, 3, 4]);
  assertEquals(server.stats().stored, 4);
});

const WINDOW = 100;

for (
  const [last, complete, reply] of [
    [WINDOW, true, { id: 2, seq: 1, dup: true }],
    [WINDOW + 1, false, "unknown_outcome"],
  ] as const
) {
  const within = complete ? "within" : "beyond";
  Deno.test(`a session may skip numbers: what is repeated ${within} its last ${WINDOW} is ${complete ? "known" : "refused, and hello says so"}`, async () => {
    await using host = await testServer(inMemory(undefined, undefined, { dedupWindow: WINDOW }));
    using before = new ManualPeer(host);
    const { epoch, last: seq } = await before.request(HELLO);
    await before.request(put(1));
    await before.request(put(last));
    before.connection.end();
    using after = new ManualPeer(host);
    const hello = await after.request({ ...HELLO, try: 2, known: { epoch, seq } });
    const repeated = await after.request(put(1));
    assertEquals([hello.dedupComplete, repeated.error?.code ?? repeated], [complete, reply]);
    assertEquals(host.queue.counts.stored, 2);
  });
}
