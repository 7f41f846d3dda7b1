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
  const [within, last, is, reply] of [
    ["within", WINDOW, "known", { id: 2, seq: 1, dup: true }],
    ["beyond", WINDOW + 1, "refused", "unknown_outcome"],
  ] as const
) {
  Deno.test(`a session may skip numbers: what is repeated ${within} its last ${WINDOW} is ${is}, and all others are known`, async () => {
    await using host = await testServer(inMemory(undefined, undefined, { dedupWindow: WINDOW }));
    using before = new ManualPeer(host);
    const { epoch, last: seq } = await before.request(HELLO);
    await before.request(put(1));
    await before.request(put(last));
    before.connection.end();
    using after = new ManualPeer(host);
    const hello = await after.request({ ...HELLO, try: 2, known: { epoch, seq } });
    const repeated = await after.request(put(1));
    assertEquals([hello.dedupComplete, repeated.error?.code ?? repeated], [true, reply]);
    assertEquals(await after.request(put(last)), { id: 2, seq: 2, dup: true });
    assertEquals(host.queue.counts.stored, 2);
  });
}

for (
  const [kind, messageId] of [
    ["new messages", undefined],
    ["repetitions of a `messageId`", "a"],
  ] as const
) {
  Deno.test(`puts in flight have their outcome after a break though the window has moved on since they were sent, also of ${kind}`, async () => {
    await using host = await testServer(inMemory(undefined, undefined, { dedupWindow: 2 }));
    using before = new ManualPeer(host);
    const { epoch } = await before.request(HELLO);
    const attributes = messageId && { messageId };
    const numbered = (n: number) => ({ ...put(n), ...(attributes && { attributes }) });
    const answers: unknown[] = [undefined];
    // Two are sent at once: 2 and 3. Once the first is answered there is room for another.
    for (const n of [1, 2, 3, 4]) {
      answers.push(await before.request(numbered(n)));
      // So no two of them share a run.
      await before.request({ action: "put", id: 3, topic: "t", body: "between" });
    }
    before.connection.end();
    using after = new ManualPeer(host);
    // What the client knew when it sent the oldest that is not answered.
    const hello = await after.request({ ...HELLO, try: 2, known: { epoch, seq: 1 } });
    assertEquals(hello.dedupComplete, true);
    for (const n of [3, 4]) {
      assertEquals(await after.request(numbered(n)), { ...Object(answers[n]), dup: true });
    }
    assertEquals(host.queue.counts.stored, messageId ? 5 : 8);
  });
}
