/**
 * The newest attempt of a session wins, even if it has ended: an older one that arrives late does nothing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { CLOSE_CODE } from "../../protocol/websocket.ts";
import { SessionOwners } from "../../connection/session_owners.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { inMemory, testServer, turns, until } from "../support/bridge.ts";
import { HeldStore } from "../support/held_store.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const SESSION_ID = "a-session-of-a-test";
const hello = (number: number) => ({ action: "hello", id: 1, session: SESSION_ID, try: number });
const PUT = { action: "put", id: 2, topic: "t", body: "m", n: 1 };

/** The number of stored messages. */
async function stored({ queue: { store } }: ServerContext): Promise<number> {
  const [page] = await store.read([{ topic: "t", after: 0, count: 9, bytes: 999 }]);
  return page!.messages.length;
}

Deno.test("an older attempt that arrives after a newer one has ended is told that its session was taken over, and does nothing", async () => {
  await using host = await testServer(inMemory());
  using late = new ManualPeer(host);
  using newer = new ManualPeer(host);
  await newer.request(hello(2));
  newer.connection.end();
  late.sendFrame(hello(1));
  late.sendFrame(PUT);
  await until(() => late.closedWith !== undefined);
  assertEquals([late.received, late.closedWith], [[], CLOSE_CODE.sessionTakenOver]);
  assertEquals([await stored(host), host.sessionOwners.size], [0, 0]);
});

Deno.test("a newer attempt after one that has ended resumes its session", async () => {
  await using host = await testServer(inMemory());
  using older = new ManualPeer(host);
  await older.request(hello(1));
  await older.request(PUT);
  older.connection.end();
  for (const number of [2, 2, 3]) {
    using newer = new ManualPeer(host);
    await newer.request(hello(number));
    assertEquals(await newer.request(PUT), { id: 2, seq: 1, dup: true });
    newer.connection.end();
  }
});

Deno.test("what an older attempt puts is not stored again after its client closed for good", async () => {
  await using host = await testServer(inMemory());
  using late = new ManualPeer(host);
  using newer = new ManualPeer(host);
  await newer.request(hello(2));
  assertEquals((await newer.request(PUT)).seq, 1);
  // From here on the store has forgotten the session.
  await newer.request({ action: "close", id: 3 });
  newer.connection.end();
  late.sendFrame(hello(1));
  late.sendFrame(PUT);
  await turns();
  assertEquals(await stored(host), 1);
});

Deno.test("an attempt whose hello waits for the store does not own the session once a newer one has come and gone", async () => {
  const heldStore = new HeldStore(["open_session"]);
  await using host = await testServer(heldStore);
  using late = new ManualPeer(host);
  heldStore.hold();
  late.sendFrame(hello(1));
  late.sendFrame(PUT);
  await turns(3);
  heldStore.pass();
  using newer = new ManualPeer(host);
  await newer.request(hello(2));
  await newer.request(PUT);
  await newer.request({ action: "close", id: 3 });
  newer.connection.end();
  heldStore.release();
  await turns();
  assertEquals([late.received, await stored(host), host.sessionOwners.size], [[], 1, 0]);
});

/** A possible owner of sessions, and how often it was told that another took over. */
class Holder {
  readonly identity = "";
  readonly holder = "";
  replacements = 0;

  takenOver(): void {
    this.replacements++;
  }
}

Deno.test("no attempt older than the last owner of a session gets it", () => {
  const claims = new SessionOwners();
  const [one, two] = [new Holder(), new Holder()];
  assertEquals(claims.acquire("s", one, 2), true);
  assertEquals(claims.acquire("s", two, 1), false, "one of them owns it");
  claims.release("s", one);
  assertEquals(claims.acquire("s", two, 1), false, "nobody owns it");
  assertEquals(claims.acquire("other", two, 1), true);
  assertEquals(claims.acquire("s", two, 3), true);
  claims.release("s", one);
  assertEquals([claims.size, claims.acquire("s", one, 2)], [2, false]);
  assertEquals([one.replacements, two.replacements], [0, 0]);
  assertEquals(claims.acquire("s", one, 4), true);
  assertEquals([one.replacements, two.replacements], [0, 1]);
});

Deno.test("a session that had no number when it was released goes to any attempt", () => {
  const claims = new SessionOwners();
  const holder = new Holder();
  claims.acquire("s", holder, 0);
  claims.release("s", holder);
  assertEquals(claims.acquire("s", new Holder(), 0), true);
});

Deno.test("attempts are remembered for the ten thousand sessions that were released last, and for no others", () => {
  const claims = new SessionOwners();
  const [holder, other] = [new Holder(), new Holder()];
  const count = 10_001;
  for (let i = 0; i < count; i++) {
    claims.acquire(`s${i}`, holder, 2);
    claims.release(`s${i}`, holder);
  }
  const given = (i: number) => claims.acquire(`s${i}`, other, 1);
  assertEquals([given(0), given(1), given(count - 1)], [true, false, false]);
});

Deno.test("a connection whose session is taken over just before the server stops is closed once, and leaves no timer", async () => {
  await using host = await testServer(inMemory());
  const codes: number[] = [];
  class Counting extends ManualPeer {
    override close(code: number): void {
      codes.push(code);
      super.close(code);
    }
  }
  using older = new Counting(host);
  using newer = new ManualPeer(host);
  await older.request(hello(1));
  await newer.request(hello(2));
  const error = { code: "shutting_down", message: "The server is stopping" } as const;
  await older.connection.finish(error, 1012, "the server is stopping");
  older.connection.end();
  assertEquals(codes, [CLOSE_CODE.sessionTakenOver]);
});
