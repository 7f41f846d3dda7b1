import { assertEquals } from "@std/assert";
import type { ServerContext } from "../../connection/server_context.ts";
import {
  type MessagePage,
  type StoreBounds,
  StoreError,
  type TopicBounds,
} from "../../stores/store.ts";
import { ManualStore, page } from "../support/manual_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryPeer, openContext } from "../support/memory_peer.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** One turn of the event loop: all that can happen without the store has happened by then. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

const WAIT = { action: "get_wait", topic: "t", timeout: 60_000 };

interface RaceSetup extends AsyncDisposable {
  readonly host: ServerContext;
  readonly store: ManualStore;
  readonly clock: ManualClock;
  readonly peer: MemoryPeer;
}

async function setup(): Promise<RaceSetup> {
  const [store, clock] = [new ManualStore(), new ManualClock()];
  const host = await openContext(store, clock);
  const peer = new MemoryPeer(host);
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

/** The store is asked what the topic has lost: nothing. */
async function replyStanding(store: ManualStore): Promise<void> {
  const standing = { floor: 0, last: 0, time: 0, asOf: 0, end: 0, gone: undefined };
  (await store.next<readonly TopicBounds[]>()).reply([standing]);
}

/** A stream that has read an empty store, and is fed from now on. */
async function streaming(
  { store, peer }: RaceSetup,
  credit: { messages: number; bytes: number },
): Promise<number> {
  const subscribed = peer.request({ action: "subscribe", topic: "t", ...credit });
  await replyStanding(store);
  (await store.next<MessagePage>()).reply(page(0));
  await turn();
  return (await subscribed).id!;
}

function seqs(peer: MemoryPeer): number[] {
  return peer.streamed.flatMap(({ seqs = [] }) => seqs);
}

Deno.test("what the feed brings late, after it was read, is not given to a waiter again", async () => {
  await using at = await setup();
  const first = at.peer.request(WAIT);
  (await at.store.next<MessagePage>()).reply(page(1, 1));
  assertEquals((await withTimeout(first)).seq, 1);
  const second = at.peer.request(WAIT);
  // It has read more than the first waiter took, or reads for the second one.
  for (let reads = 0; reads < 1; reads++) (await at.store.next<MessagePage>()).reply(page(1));
  await turn();
  at.store.feed(1);
  at.store.feed(2);
  assertEquals((await withTimeout(second)).seq, 2);
});

Deno.test("a message stored while a waiter reads the store is found", async () => {
  await using at = await setup();
  const waiting = at.peer.request(WAIT);
  const read = await at.store.next<MessagePage>();
  at.store.feed(1);
  read.reply(page(0));
  (await withTimeout(at.store.next<MessagePage>())).reply(page(1, 1));
  assertEquals((await withTimeout(waiting)).seq, 1);
});

Deno.test("a message stored while a stream reads the store is found", async () => {
  await using at = await setup();
  const subscribed = at.peer.request({ action: "subscribe", topic: "t", messages: 9, bytes: 999 });
  await replyStanding(at.store);
  const read = await at.store.next<MessagePage>();
  at.store.feed(1);
  read.reply(page(0));
  (await withTimeout(at.store.next<MessagePage>())).reply(page(1, 1));
  await subscribed;
  await turn();
  assertEquals(seqs(at.peer), [1]);
});

Deno.test("what the feed brings late, after it was streamed, is not streamed again", async () => {
  await using at = await setup();
  const subscribed = at.peer.request({ action: "subscribe", topic: "t", messages: 9, bytes: 999 });
  await replyStanding(at.store);
  (await at.store.next<MessagePage>()).reply(page(2, 1, 2));
  (await at.store.next<MessagePage>()).reply(page(2));
  await subscribed;
  await turn();
  at.store.feed(1);
  at.store.feed(2, 3);
  assertEquals(seqs(at.peer), [1, 2, 3]);
});

Deno.test("credit that arrives while a stream reads the store counts", async () => {
  await using at = await setup();
  const subscribed = at.peer.request({ action: "subscribe", topic: "t" });
  await replyStanding(at.store);
  const read = await at.store.next<MessagePage>();
  const { id: sub } = await subscribed;
  await at.peer.request({ action: "credit", sub, messages: 1, bytes: 99 });
  read.reply(page(1, 1));
  await turn();
  if (seqs(at.peer).length === 0) {
    (await withTimeout(at.store.next<MessagePage>())).reply(page(1, 1));
  }
  await turn();
  assertEquals(seqs(at.peer), [1]);
});

Deno.test("a stream without credit that has read everything is not behind, however long it is idle", async () => {
  await using at = await setup();
  const sub = await streaming(at, { messages: 1, bytes: 99 });
  at.store.feed(1);
  assertEquals(seqs(at.peer), [1]);
  // Others have filled the store since, and all of that has expired; nothing of this topic was missed.
  at.store.feed(900);
  await at.peer.request({ action: "credit", sub, messages: 2, bytes: 199 });
  (await withTimeout(at.store.next<MessagePage>())).reply({ ...page(900, 900), floor: 899 });
  await turn();
  assertEquals(seqs(at.peer), [1, 900]);
});

Deno.test("after its feed was lost, waiters and streams read what they missed", async () => {
  await using at = await setup();
  await streaming(at, { messages: 9, bytes: 999 });
  const other = new MemoryPeer(at.host);
  const waiting = other.request(WAIT);
  (await at.store.next<MessagePage>()).reply(page(0));
  await turn();
  at.store.lose();
  // 1 is stored while there is no feed; 2 comes over the feed before everybody has begun to read again.
  at.store.slowToFollow = true;
  at.clock.advance(1000);
  const following = await at.store.next<void>();
  at.store.feed(2);
  following.reply();
  for (let reads = 0; reads < 2; reads++) {
    (await withTimeout(at.store.next<MessagePage>())).reply(page(2, 1, 2));
  }
  assertEquals((await withTimeout(waiting)).seq, 1);
  await turn();
  assertEquals(seqs(at.peer), [1, 2]);
  other.close();
});

Deno.test("a feed that is lost again while it is reopened is reopened once more", async () => {
  await using at = await setup();
  await streaming(at, { messages: 9, bytes: 999 });
  at.store.lose();
  at.store.slowToFollow = true;
  at.clock.advance(1000);
  const first = await at.store.next<void>();
  at.store.lose();
  first.reply();
  await turn();
  at.clock.advance(1000);
  const second = await withTimeout(at.store.next<void>());
  at.store.feed(2);
  assertEquals(seqs(at.peer), []);
  second.reply();
  (await withTimeout(at.store.next<MessagePage>())).reply(page(2, 1, 2));
  await turn();
  assertEquals(seqs(at.peer), [1, 2]);
});

Deno.test("a connection that closes while its subscription looks up its position leaves no listener or waiter", async () => {
  await using at = await setup();
  void at.peer.request({
    action: "subscribe",
    topic: "t",
    since: "start",
    messages: 9,
    bytes: 999,
  });
  const bounds = await at.store.next<{ floor: number; last: number }>();
  at.peer.close();
  bounds.reply({ floor: 0, last: 0 });
  await turn();
  assertEquals(at.host.queue.listenedTopics, 0);
});

Deno.test("a connection that closes while its waiter reads the store leaves no listener or waiter", async () => {
  await using at = await setup();
  void at.peer.request(WAIT);
  const read = await at.store.next<MessagePage>();
  assertEquals(at.host.queue.listenedTopics, 1);
  at.peer.close();
  read.reply(page(1, 1));
  await turn();
  assertEquals(at.host.queue.listenedTopics, 0);
});

Deno.test("a store that fails unexpectedly fails each waiter and the stream, and nothing else", async () => {
  await using at = await setup();
  await streaming(at, { messages: 9, bytes: 999 });
  const waiting = [at.peer.request(WAIT), at.peer.request(WAIT)];
  (await at.store.next<MessagePage>()).reply(page(0));
  await turn();
  // Outside any request, so that nobody catches what is thrown.
  at.store.lose();
  at.clock.advance(1000);
  for (let reads = 0; reads < 2; reads++) {
    (await withTimeout(at.store.next<MessagePage>())).refuse(new TypeError("a defect"));
  }
  for (const replies of await withTimeout(Promise.all(waiting))) {
    assertEquals(replies.error?.code, "unavailable");
  }
  assertEquals(at.peer.streamed.map(({ error }) => error?.code), ["unavailable"]);
});

Deno.test("a stream that lost messages while its feed was lost is told", async () => {
  await using at = await setup();
  await streaming(at, { messages: 9, bytes: 999 });
  at.store.feed(1);
  at.store.lose();
  at.clock.advance(1000);
  (await withTimeout(at.store.next<MessagePage>())).reply({
    ...page(9),
    floor: 5,
    gone: { seq: 4, at: 1 },
  });
  (await withTimeout(at.store.next<StoreBounds>())).reply({ floor: 5, last: 9, time: 2 });
  await turn();
  assertEquals(at.peer.streamed.at(-1)?.error?.code, "trimmed");
});

Deno.test("a stream whose topic was idle while others were purged lost nothing with its feed", async () => {
  await using at = await setup();
  await streaming(at, { messages: 9, bytes: 999 });
  at.store.feed(1);
  // Of other topics, and long expired: this stream has seen all of its own.
  at.store.feedOther(6);
  at.store.lose();
  at.clock.advance(1000);
  const gone = { seq: 1, at: 1 };
  (await withTimeout(at.store.next<MessagePage>())).reply({ ...page(9, 9), floor: 5, gone });
  (await withTimeout(at.store.next<MessagePage>())).reply({ ...page(9), floor: 5, gone });
  await turn();
  assertEquals(seqs(at.peer), [1, 9]);
});

Deno.test("a getWait with timeout 0 reads the store, also while others are being woken", async () => {
  await using at = await setup();
  const early = at.peer.request({ ...WAIT, timeout: 10 });
  (await at.store.next<MessagePage>()).reply(page(0));
  await turn();
  at.store.lose();
  at.clock.advance(1000);
  // Its timeout has passed, and a read that was begun for it goes on.
  assertEquals((await withTimeout(early)).body, "");
  const reply = at.peer.request({ ...WAIT, timeout: 0 });
  await turn();
  (await withTimeout(at.store.next<MessagePage>())).reply(page(1, 1));
  assertEquals((await withTimeout(reply)).seq, 1);
});

Deno.test("a gap is reported to the next read if the stream that should begin after it cannot open", async () => {
  await using at = await setup();
  const at3 = { floor: 3, last: 5, time: 9 };
  const standings = () => at.store.next<readonly TopicBounds[]>();
  const hello = at.peer.request({ action: "hello", since: { after: 1 } });
  (await standings()).reply([{ ...at3, asOf: 2, end: 5, gone: undefined }]);
  (await at.store.next<StoreBounds>()).reply(at3);
  await withTimeout(hello);
  const subscribe = { action: "subscribe", topic: "t", messages: 1, bytes: 100, onGap: "now" };
  const failed = at.peer.request(subscribe);
  (await standings()).reply([{ ...at3, asOf: 2, end: 5, gone: { seq: 2, at: 1 } }]);
  (await at.store.next<StoreBounds>()).refuse(new StoreError("the disk is full"));
  assertEquals((await withTimeout(failed)).error?.code, "unavailable");
  const reply = await withTimeout(at.peer.request({ action: "get", topic: "t" }));
  assertEquals(reply.error?.code, "trimmed");
});
