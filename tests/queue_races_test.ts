import { assertEquals } from "@std/assert";
import type { Host } from "../queue/host.ts";
import { type Bounds, type Page, type Standing, StoreError } from "../stores/store.ts";
import { HandStore, page } from "./support/hand_store.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { hosted, Peer } from "./support/peer.ts";
import { soon } from "./support/soon.ts";

/** One turn of the event loop: all that can happen without the store has happened by then. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

const WAIT = { action: "get_wait", topic: "t", timeout: 60_000 };

interface Scene extends AsyncDisposable {
  readonly host: Host;
  readonly store: HandStore;
  readonly clock: ManualClock;
  readonly peer: Peer;
}

async function scene(): Promise<Scene> {
  const [store, clock] = [new HandStore(), new ManualClock()];
  const host = await hosted(store, clock);
  const peer = new Peer(host);
  return {
    host,
    store,
    clock,
    peer,
    async [Symbol.asyncDispose]() {
      peer.close();
      await host[Symbol.asyncDispose]();
    },
  };
}

/** The store is asked what is gone of the topic: nothing. */
async function stands(store: HandStore): Promise<void> {
  const standing = { floor: 0, last: 0, time: 0, end: 0, gone: undefined };
  (await store.next<readonly Standing[]>()).answer([standing]);
}

/** A stream that has read an empty store, and is fed from now on. */
async function streaming(
  { store, peer }: Scene,
  credit: { messages: number; bytes: number },
): Promise<number> {
  const subscribed = peer.ask({ action: "subscribe", topic: "t", ...credit });
  await stands(store);
  (await store.next<Page>()).answer(page(0));
  await turn();
  return (await subscribed).id!;
}

function seqs(peer: Peer): number[] {
  return peer.streamed.flatMap(({ seqs = [] }) => seqs);
}

Deno.test("what the feed brings late, and was read already, is not given to a waiter again", async () => {
  await using at = await scene();
  const first = at.peer.ask(WAIT);
  (await at.store.next<Page>()).answer(page(1, 1));
  assertEquals((await soon(first)).seq, 1);
  const second = at.peer.ask(WAIT);
  // It has looked for more than the first waiter took, or looks for the second one.
  for (let reads = 0; reads < 1; reads++) (await at.store.next<Page>()).answer(page(1));
  await turn();
  at.store.feed(1);
  at.store.feed(2);
  assertEquals((await soon(second)).seq, 2);
});

Deno.test("what is stored while a waiter looks at the store is found", async () => {
  await using at = await scene();
  const waiting = at.peer.ask(WAIT);
  const read = await at.store.next<Page>();
  at.store.feed(1);
  read.answer(page(0));
  (await soon(at.store.next<Page>())).answer(page(1, 1));
  assertEquals((await soon(waiting)).seq, 1);
});

Deno.test("what is stored while a stream looks at the store is found", async () => {
  await using at = await scene();
  const subscribed = at.peer.ask({ action: "subscribe", topic: "t", messages: 9, bytes: 999 });
  await stands(at.store);
  const read = await at.store.next<Page>();
  at.store.feed(1);
  read.answer(page(0));
  (await soon(at.store.next<Page>())).answer(page(1, 1));
  await subscribed;
  await turn();
  assertEquals(seqs(at.peer), [1]);
});

Deno.test("what the feed brings late, and was streamed already, is not streamed again", async () => {
  await using at = await scene();
  const subscribed = at.peer.ask({ action: "subscribe", topic: "t", messages: 9, bytes: 999 });
  await stands(at.store);
  (await at.store.next<Page>()).answer(page(2, 1, 2));
  (await at.store.next<Page>()).answer(page(2));
  await subscribed;
  await turn();
  at.store.feed(1);
  at.store.feed(2, 3);
  assertEquals(seqs(at.peer), [1, 2, 3]);
});

Deno.test("credit that comes while a stream looks at the store counts", async () => {
  await using at = await scene();
  const subscribed = at.peer.ask({ action: "subscribe", topic: "t" });
  await stands(at.store);
  const read = await at.store.next<Page>();
  const { id: sub } = await subscribed;
  await at.peer.ask({ action: "credit", sub, messages: 1, bytes: 99 });
  read.answer(page(1, 1));
  await turn();
  if (seqs(at.peer).length === 0) (await soon(at.store.next<Page>())).answer(page(1, 1));
  await turn();
  assertEquals(seqs(at.peer), [1]);
});

Deno.test("a stream without credit that has read everything is not behind, however long it rests", async () => {
  await using at = await scene();
  const sub = await streaming(at, { messages: 1, bytes: 99 });
  at.store.feed(1);
  assertEquals(seqs(at.peer), [1]);
  // Others have filled the store since, and all of it has expired; nothing of this topic was missed.
  at.store.feed(900);
  await at.peer.ask({ action: "credit", sub, messages: 2, bytes: 199 });
  (await soon(at.store.next<Page>())).answer({ ...page(900, 900), floor: 899 });
  await turn();
  assertEquals(seqs(at.peer), [1, 900]);
});

Deno.test("after its feed was lost, waiters and streams read what they missed", async () => {
  await using at = await scene();
  await streaming(at, { messages: 9, bytes: 999 });
  const other = new Peer(at.host);
  const waiting = other.ask(WAIT);
  (await at.store.next<Page>()).answer(page(0));
  await turn();
  at.store.lose();
  // 1 is stored while nobody follows; 2 is fed before everybody has begun to read again.
  at.store.slowToFollow = true;
  at.clock.advance(1000);
  const following = await at.store.next<void>();
  at.store.feed(2);
  following.answer();
  for (let reads = 0; reads < 2; reads++) (await soon(at.store.next<Page>())).answer(page(2, 1, 2));
  assertEquals((await soon(waiting)).seq, 1);
  await turn();
  assertEquals(seqs(at.peer), [1, 2]);
  other.close();
});

Deno.test("a feed that is lost again while it is being followed is followed once more", async () => {
  await using at = await scene();
  await streaming(at, { messages: 9, bytes: 999 });
  at.store.lose();
  at.store.slowToFollow = true;
  at.clock.advance(1000);
  const first = await at.store.next<void>();
  at.store.lose();
  first.answer();
  await turn();
  at.clock.advance(1000);
  const second = await soon(at.store.next<void>());
  at.store.feed(2);
  assertEquals(seqs(at.peer), []);
  second.answer();
  (await soon(at.store.next<Page>())).answer(page(2, 1, 2));
  await turn();
  assertEquals(seqs(at.peer), [1, 2]);
});

Deno.test("a connection that closes while its subscription looks for its place leaves nobody behind", async () => {
  await using at = await scene();
  void at.peer.ask({ action: "subscribe", topic: "t", since: "start", messages: 9, bytes: 999 });
  const bounds = await at.store.next<{ floor: number; last: number }>();
  at.peer.close();
  bounds.answer({ floor: 0, last: 0 });
  await turn();
  assertEquals(at.host.queue.attended, 0);
});

Deno.test("a connection that closes while its waiter looks at the store leaves nobody behind", async () => {
  await using at = await scene();
  void at.peer.ask(WAIT);
  const read = await at.store.next<Page>();
  assertEquals(at.host.queue.attended, 1);
  at.peer.close();
  read.answer(page(1, 1));
  await turn();
  assertEquals(at.host.queue.attended, 0);
});

Deno.test("a store that fails unexpectedly fails each waiter and the stream, and no more", async () => {
  await using at = await scene();
  await streaming(at, { messages: 9, bytes: 999 });
  const waiting = [at.peer.ask(WAIT), at.peer.ask(WAIT)];
  (await at.store.next<Page>()).answer(page(0));
  await turn();
  // In no request's course, so that nobody is there to hear what is thrown.
  at.store.lose();
  at.clock.advance(1000);
  for (let reads = 0; reads < 2; reads++) {
    (await soon(at.store.next<Page>())).refuse(new TypeError("a defect"));
  }
  for (const said of await soon(Promise.all(waiting))) {
    assertEquals(said.error?.code, "unavailable");
  }
  assertEquals(at.peer.streamed.map(({ error }) => error?.code), ["unavailable"]);
});

Deno.test("a stream that lost messages while its feed was lost is told", async () => {
  await using at = await scene();
  await streaming(at, { messages: 9, bytes: 999 });
  at.store.feed(1);
  at.store.lose();
  at.clock.advance(1000);
  (await soon(at.store.next<Page>())).answer({ ...page(9), floor: 5, gone: { seq: 4, at: 1 } });
  (await soon(at.store.next<Bounds>())).answer({ floor: 5, last: 9, time: 2 });
  await turn();
  assertEquals(at.peer.streamed.at(-1)?.error?.code, "trimmed");
});

Deno.test("a stream whose topic rested while others were purged lost nothing with its feed", async () => {
  await using at = await scene();
  await streaming(at, { messages: 9, bytes: 999 });
  at.store.feed(1);
  // Of other topics, and long gone: this stream has seen all of its own.
  at.store.feedOther(6);
  at.store.lose();
  at.clock.advance(1000);
  const gone = { seq: 1, at: 1 };
  (await soon(at.store.next<Page>())).answer({ ...page(9, 9), floor: 5, gone });
  (await soon(at.store.next<Page>())).answer({ ...page(9), floor: 5, gone });
  await turn();
  assertEquals(seqs(at.peer), [1, 9]);
});

Deno.test("a getWait that does not wait looks at the store, also while others are being woken", async () => {
  await using at = await scene();
  const early = at.peer.ask({ ...WAIT, timeout: 10 });
  (await at.store.next<Page>()).answer(page(0));
  await turn();
  at.store.lose();
  at.clock.advance(1000);
  // Its time is over, and a read that was begun for it goes on.
  assertEquals((await soon(early)).message, "");
  const asked = at.peer.ask({ ...WAIT, timeout: 0 });
  await turn();
  (await soon(at.store.next<Page>())).answer(page(1, 1));
  assertEquals((await soon(asked)).seq, 1);
});

Deno.test("a gap is told to the next read, if the stream that should begin after it cannot", async () => {
  await using at = await scene();
  const at3 = { floor: 3, last: 5, time: 9 };
  const standings = () => at.store.next<readonly Standing[]>();
  const hello = at.peer.ask({ action: "hello", since: { after: 1 } });
  (await standings()).answer([{ ...at3, end: 5, gone: undefined }]);
  (await at.store.next<Bounds>()).answer(at3);
  await soon(hello);
  const subscribe = { action: "subscribe", topic: "t", messages: 1, bytes: 100, onGap: "now" };
  const failed = at.peer.ask(subscribe);
  (await standings()).answer([{ ...at3, end: 5, gone: { seq: 2, at: 1 } }]);
  (await at.store.next<Bounds>()).refuse(new StoreError("the disk is full"));
  assertEquals((await soon(failed)).error?.code, "unavailable");
  const told = await soon(at.peer.ask({ action: "get", topic: "t" }));
  assertEquals(told.error?.code, "trimmed");
});
