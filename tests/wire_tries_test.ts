/**
 * Of the tries of one session the newest counts, also where it has ended: an older one that arrives late does nothing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { CLOSE } from "../protocol/websocket.ts";
import { Claims } from "../queue/claims.ts";
import type { Host } from "../queue/host.ts";
import { hostOf, inMemory, turns, until } from "./support/bridge.ts";
import { HeldStore } from "./support/held_store.ts";
import { ManualPeer } from "./support/manual_peer.ts";

const SESSION = "a-session-of-a-test";
const hello = (number: number) => ({ action: "hello", id: 1, session: SESSION, try: number });
const PUT = { action: "put", id: 2, topic: "t", message: "m", n: 1 };

/** How many messages are stored. */
async function stored({ queue: { store } }: Host): Promise<number> {
  const [page] = await store.read([{ topic: "t", after: 0, count: 9, bytes: 999 }]);
  return page!.messages.length;
}

Deno.test("an older try that arrives after a newer one has ended is told that it was replaced, and does nothing", async () => {
  await using host = await hostOf(inMemory());
  using late = new ManualPeer(host);
  using newer = new ManualPeer(host);
  await newer.ask(hello(2));
  newer.session.end();
  late.tell(hello(1));
  late.tell(PUT);
  await until(() => late.closedWith !== undefined);
  assertEquals([late.received, late.closedWith], [[], CLOSE.replaced]);
  assertEquals([await stored(host), host.claims.size], [0, 0]);
});

Deno.test("a newer try after one that has ended goes on with its session", async () => {
  await using host = await hostOf(inMemory());
  using older = new ManualPeer(host);
  await older.ask(hello(1));
  await older.ask(PUT);
  older.session.end();
  for (const number of [2, 2, 3]) {
    using newer = new ManualPeer(host);
    await newer.ask(hello(number));
    assertEquals(await newer.ask(PUT), { id: 2, seq: 1, dup: true });
    newer.session.end();
  }
});

Deno.test("what an older try puts is not stored a second time after its client closed for good", async () => {
  await using host = await hostOf(inMemory());
  using late = new ManualPeer(host);
  using newer = new ManualPeer(host);
  await newer.ask(hello(2));
  assertEquals((await newer.ask(PUT)).seq, 1);
  // From here on the store knows nothing of the session.
  await newer.ask({ action: "close", id: 3 });
  newer.session.end();
  late.tell(hello(1));
  late.tell(PUT);
  await turns();
  assertEquals(await stored(host), 1);
});

Deno.test("a try whose hello waits for the store claims nothing once a newer one has come and gone", async () => {
  const held = new HeldStore(["recalls"]);
  await using host = await hostOf(held);
  using late = new ManualPeer(host);
  held.hold();
  late.tell(hello(1));
  late.tell(PUT);
  await turns(3);
  held.pass();
  using newer = new ManualPeer(host);
  await newer.ask(hello(2));
  await newer.ask(PUT);
  await newer.ask({ action: "close", id: 3 });
  newer.session.end();
  held.release();
  await turns();
  assertEquals([late.received, await stored(host), host.claims.size], [[], 1, 0]);
});

/** One who may hold sessions, and how often it was told that another goes on. */
class Holder {
  readonly identity = "";
  readonly owner = "";
  replacements = 0;

  replaced(): void {
    this.replacements++;
  }
}

Deno.test("a session is given to no try that is older than the last that had it", () => {
  const claims = new Claims();
  const [one, two] = [new Holder(), new Holder()];
  assertEquals(claims.claim("s", one, 2), true);
  assertEquals(claims.claim("s", two, 1), false, "one of them has it");
  claims.release("s", one);
  assertEquals(claims.claim("s", two, 1), false, "nobody has it");
  assertEquals(claims.claim("other", two, 1), true);
  assertEquals(claims.claim("s", two, 3), true);
  claims.release("s", one);
  assertEquals([claims.size, claims.claim("s", one, 2)], [2, false]);
  assertEquals([one.replacements, two.replacements], [0, 0]);
  assertEquals(claims.claim("s", one, 4), true);
  assertEquals([one.replacements, two.replacements], [0, 1]);
});

Deno.test("a session that was not numbered when it was given back is given to any try", () => {
  const claims = new Claims();
  const holder = new Holder();
  claims.claim("s", holder, 0);
  claims.release("s", holder);
  assertEquals(claims.claim("s", new Holder(), 0), true);
});

Deno.test("the last tries are remembered of the ten thousand sessions that were given back last, and of no others", () => {
  const claims = new Claims();
  const [holder, other] = [new Holder(), new Holder()];
  const count = 10_001;
  for (let i = 0; i < count; i++) {
    claims.claim(`s${i}`, holder, 2);
    claims.release(`s${i}`, holder);
  }
  const given = (i: number) => claims.claim(`s${i}`, other, 1);
  assertEquals([given(0), given(1), given(count - 1)], [true, false, false]);
});

Deno.test("a connection that was replaced just before the server stops is closed once, and leaves no timer", async () => {
  await using host = await hostOf(inMemory());
  const codes: number[] = [];
  class Counting extends ManualPeer {
    override close(code: number): void {
      codes.push(code);
      super.close(code);
    }
  }
  using older = new Counting(host);
  using newer = new ManualPeer(host);
  await older.ask(hello(1));
  await newer.ask(hello(2));
  await older.session.finish({ code: "stopping", message: "The server is stopping" });
  older.session.end();
  assertEquals(codes, [CLOSE.replaced]);
});
