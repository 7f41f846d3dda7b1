import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type Store, StoreError } from "../../../stores/store.ts";
import {
  append,
  apply,
  Feed,
  forgetSession,
  numbered,
  outcomes,
  put,
  puts,
  texts,
} from "../../../testing/store/support.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

Deno.test("servers of one log are one store: one id, one epoch, one order", async () => {
  await using servers = new ReplicatedStores();
  const [a, b] = [await servers.open(), await servers.open()];
  assertEquals([b.id, b.epoch], [a.id, a.epoch]);
  using feed = await Feed.open(b);
  await Promise.all([append(a, puts("t", "1", "2")), append(b, puts("t", "3", "4"))]);
  await append(a, puts("t", "5"));
  await b.fence();
  const all = await texts(a);
  assertEquals(await texts(b), all);
  assertEquals(new Set(all).size, 5);
  assertEquals(feed.messages.map(({ seq }) => seq), [1, 2, 3, 4, 5]);
});

Deno.test("a fence at one server shows what was acknowledged at another", async () => {
  await using servers = new ReplicatedStores();
  // The tail of the second server is late, by up to 20 turns of the event loop.
  let turns = 0;
  const late = async (what: string) => {
    if (what !== "tail") return;
    for (let i = turns++ % 20; i > 0; i--) await new Promise((resolve) => setImmediate(resolve));
  };
  const [a, b] = [await servers.open(), await servers.open({ disturb: late })];
  let stale = 0;
  for (let i = 1; i <= 300; i++) {
    await append(a, puts("t", `${i}`));
    const before = (await b.bounds()).last;
    servers.clock.advance(1);
    await b.fence();
    assertEquals((await b.bounds()).last, i);
    if (before < i) stale++;
  }
  assert(stale > 0, "without a fence some were missing");
});

Deno.test("a put that its session repeats at another server is stored once", async () => {
  await using servers = new ReplicatedStores();
  const [a, b] = [await servers.open(), await servers.open()];
  assertEquals(await outcomes(a, [numbered("s", 1), numbered("s", 2)]), [1, 2]);
  assertEquals(await outcomes(b, [numbered("s", 2), numbered("s", 3)]), ["dup 2", 3]);
  assertEquals(await outcomes(a, [numbered("s", 3)]), ["dup 3"]);
});

Deno.test("a server that starts later has all that was before", async () => {
  await using servers = new ReplicatedStores();
  const a = await servers.open();
  await append(a, Array.from({ length: 3000 }, (_, i) => put(`t${i % 7}`, `${i}`)));
  const b = await servers.open();
  assertEquals(await b.bounds(), await a.bounds());
  assertEquals(await texts(b, "t3"), await texts(a, "t3"));
});

Deno.test("a server that starts from a snapshot goes on as the others do, though the log has lost what was before it", async () => {
  await using servers = new ReplicatedStores();
  const a = await servers.open();
  await outcomes(a, [numbered("s", 1), numbered("s", 2)]);
  await append(a, Array.from({ length: 3000 }, (_, i) => put(`t${i % 7}`, `é${i}`)));
  await a.makeSnapshot();
  await append(a, puts("t", "between"));
  await a.makeSnapshot();
  await append(a, puts("t", "after"));
  assert(servers.shared.first > 1, "the log is trimmed");
  assertEquals(servers.shared.snapshots.size, 2);
  const b = await servers.open();
  for (const topic of ["t", "t0", "t3"]) assertEquals(await texts(b, topic), await texts(a, topic));
  assertEquals([b.id, b.epoch, await b.bounds()], [a.id, a.epoch, await a.bounds()]);
  assertEquals(await outcomes(b, [numbered("s", 2), numbered("s", 3)]), ["dup 2", 3004 + 1]);
  await a.fence();
  assertEquals(await outcomes(a, [numbered("s", 3)]), ["dup 3005"]);
});

Deno.test("a server goes on from its own file, and reads from the log what is new", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using servers = new ReplicatedStores();
    const a = await servers.open();
    const path = `${folder}/replica.db`;
    const b = await servers.open({ path });
    await append(a, puts("t", "1", "2"));
    await b.fence();
    await b[Symbol.asyncDispose]();
    // What is in the file is not needed from the log.
    const { shared } = servers;
    const removed = shared.last - 1;
    shared.entries.splice(0, removed);
    shared.first += removed;
    await append(a, puts("t", "3"));
    const again = await servers.open({ path });
    assertEquals(await texts(again), ["1", "2", "3"]);
    assertEquals(await outcomes(again, [put("t", "4")]), [4]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a log that was made anew is another store, with another epoch", async () => {
  await using servers = new ReplicatedStores();
  const [a, b] = [await servers.open(), await servers.open()];
  const { id, epoch } = a;
  await append(a, puts("t", "1", "2", "3"));
  const told: (string | undefined)[] = [];
  a.watch((reason) => told.push(reason));
  const { shared } = servers;
  shared.id = crypto.randomUUID();
  shared.entries = [];
  shared.first = 1;
  shared.wake();
  await servers.pass(10_000);
  assertEquals(told.length, 2);
  assertEquals(told[1], undefined);
  for (const store of [a, b]) {
    assertNotEquals(store.id, id);
    const [bounds] = await store.topicBounds([{ epoch }]);
    assertEquals(bounds!.end, undefined);
  }
  assertEquals([b.id, b.epoch], [a.id, a.epoch]);
  assertEquals(await outcomes(a, [put("t", "4")]), [1]);
  await b.fence();
  assertEquals(await texts(b), ["4"]);
});

Deno.test("a log that came back older begins an epoch where it is as it was", async () => {
  await using servers = new ReplicatedStores();
  const [a, b] = [await servers.open(), await servers.open()];
  const { id, epoch } = a;
  await append(a, puts("t", "1", "2"));
  await b.fence();
  const { shared } = servers;
  const backup = [...shared.entries];
  await append(b, puts("t", "lost 1", "lost 2"));
  await a.fence();
  shared.id = crypto.randomUUID();
  shared.entries = backup;
  shared.wake();
  await servers.pass(10_000);
  for (const store of [a, b]) {
    assertEquals(store.id, id);
    assertNotEquals(store.epoch, epoch);
    assertEquals(await texts(store), ["1", "2"]);
    const [bounds] = await store.topicBounds([{ epoch }]);
    assertEquals(bounds!.end, 2);
  }
  assertEquals(b.epoch, a.epoch);
  assertEquals(await outcomes(a, [put("t", "3")]), [3]);
  await b.fence();
  assertEquals(await texts(b), ["1", "2", "3"]);
});

Deno.test("the newest attempt of a client has its session, whichever server it comes to", async () => {
  await using servers = new ReplicatedStores();
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  const [a, b] = [await servers.open({ path }), await servers.open()];
  const toldA: unknown[] = [];
  const toldB: unknown[] = [];
  a.watchSessions((...opened) => toldA.push(opened));
  b.watchSessions((...opened) => toldB.push(opened));
  const open = async (store: Store, attempt: number) => {
    const [result] = await apply(store, [{ type: "open_session", session: "s", attempt }]);
    return result instanceof StoreError ? result.code : "opened";
  };
  assertEquals(await open(a, 1), "opened");
  assertEquals(await open(b, 3), "opened");
  assertEquals(await open(a, 2), "session_taken_over");
  await b.fence();
  assertEquals([toldA, toldB], [[["s", 3]], [["s", 1]]]);
  // Also after a restart, and from a snapshot.
  await a[Symbol.asyncDispose]();
  const again = await servers.open({ path });
  assertEquals(await open(again, 2), "session_taken_over");
  await again.makeSnapshot();
  await again.makeSnapshot();
  assert(servers.shared.first > 1, "the log is trimmed");
  const c = await servers.open();
  assertEquals(await open(c, 2), "session_taken_over");
  assertEquals(await open(c, 4), "opened");
  // A client that has closed for good has left nothing that comes late.
  await forgetSession(b, "s");
  assertEquals(await open(b, 1), "session_taken_over");
  assertEquals(await open(b, 5), "opened");
  await Deno.remove(path, { recursive: true });
});

Deno.test("a put that is refused because the store is full has all later ones of its call refused, in however many records they are", async () => {
  await using servers = new ReplicatedStores();
  const limits = { storedBytes: 60_000 };
  const [a, b] = [await servers.open({ limits }), await servers.open({ limits })];
  const large = put("t", "x".repeat(50_000));
  await append(a, [put("t", "y".repeat(40_000))]);
  // The first has no room, and all others would have it.
  const batch = Array.from({ length: 600 }, (_, i) => ({
    ...(i === 0 ? large : put("t", "z".repeat(600))),
    session: "s",
    n: i + 1,
  }));
  const before = servers.shared.entries.length;
  assertEquals(new Set(await outcomes(a, batch)), new Set(["full"]));
  assert(servers.shared.entries.length >= before + 2, "it is in several records");
  await b.fence();
  assertEquals(await texts(b), ["y".repeat(40_000)]);
  // In the next call they are stored.
  assertEquals(await outcomes(a, batch.slice(1, 4)), [2, 3, 4]);
});
