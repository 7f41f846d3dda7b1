/**
 * Puts that are repeated, and numbers that are left out.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { hostOf, inMemory } from "./support/bridge.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { openServer } from "./support/open_server.ts";
import { Raw } from "./support/raw.ts";

const SESSION = "a-session-of-a-test";
const HELLO = { action: "hello", id: 1, session: SESSION, try: 1 };
const put = (n: number) => ({ action: "put", id: 2, topic: "t", message: `${n}`, n });

Deno.test("a put that is repeated counts once among what was stored, alone and in a list", async () => {
  await using server = await openServer();
  await using client = await Raw.open(server.url);
  await client.ask(HELLO);
  for (let i = 0; i < 3; i++) assertEquals((await client.ask(put(1))).seq, 1);
  const list = { action: "put", id: 3, topic: "t", messages: ["2", "3"], n: 2 };
  for (let i = 0; i < 3; i++) assertEquals((await client.ask(list)).seqs, [2, 3]);
  assertEquals((await client.ask({ ...list, messages: ["2", "3", "4"] })).seqs, [2, 3, 4]);
  assertEquals(server.stats().stored, 4);
});

const WINDOW = 100;

for (
  const [last, recalled, answer] of [
    [WINDOW, true, { id: 2, seq: 1, dup: true }],
    [WINDOW + 1, false, "unknown_outcome"],
  ] as const
) {
  const within = recalled ? "within" : "beyond";
  Deno.test(`the numbers of a session may be left out: what is repeated ${within} its last ${WINDOW} is ${recalled ? "known" : "refused, and hello says so"}`, async () => {
    await using host = await hostOf(inMemory(undefined, undefined, { window: WINDOW }));
    using before = new ManualPeer(host);
    const { epoch, last: seq } = await before.ask(HELLO);
    await before.ask(put(1));
    await before.ask(put(last));
    before.session.end();
    using after = new ManualPeer(host);
    const hello = await after.ask({ ...HELLO, try: 2, known: { epoch, seq } });
    const repeated = await after.ask(put(1));
    assertEquals([hello.recalled, repeated.error?.code ?? repeated], [recalled, answer]);
    assertEquals(host.queue.counts.stored, 2);
  });
}
