/**
 * What the page shows of a topic.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { recentMessages } from "../../web/page/recent_messages.ts";
import { BEGINNING } from "../../web/page/tail_state.ts";
import { emptyText, tailText } from "../../web/page/tail_text.ts";
import { notesOf, openTail, seqsOf, settled, upTo } from "../support/opened_tail.ts";
import { PageServer, positionOf } from "../support/page_server.ts";

const { signal } = new AbortController();
Deno.test("the newest messages of a topic are found, however far apart their numbers are", async () => {
  for (const distance of [1, 7, 1000, 100_000]) {
    const server = new PageServer();
    server.put(upTo(500).map((n) => n * distance));
    const { messages, next, hasOlder } = await recentMessages(server.source.api, "t", signal);
    assert(messages.length >= 30 && messages.length <= 200, `${distance}: ${messages.length}`);
    const last = 500 * distance;
    assertEquals([messages.at(-1)!.seq, next, hasOlder], [last, positionOf(last), true]);
    assert(server.pages <= 13, `${server.pages} requests`);
  }
});

Deno.test("the newest messages of a topic are found behind many that came together, and where older ones are gone", async () => {
  const server = new PageServer();
  const { api } = server.source;
  server.put([...upTo(5000), 1_000_000, 2_000_000]);
  const burst = await recentMessages(api, "t", signal);
  assertEquals(burst.messages.at(-1)!.seq, 2_000_000);
  assert(burst.messages.length >= 2);
  server.floor = 4990;
  const { messages } = await recentMessages(api, "t", signal);
  assertEquals(messages.at(-1)!.seq, 2_000_000);
  const { source } = new PageServer();
  const empty = await recentMessages(source.api, source.topic, signal);
  assertEquals([empty.messages, empty.hasOlder], [[], false]);
});

Deno.test("the first message of a topic is shown, also if it comes just after the topic was looked for", async () => {
  const server = new PageServer();
  const { api, topic } = server.source;
  const looked = {
    ...api,
    async topic() {
      const found = await api.topic(topic, signal);
      server.put([1]);
      return found;
    },
  };
  const { messages, next } = await recentMessages(looked, topic, signal);
  assertEquals([messages.map(({ seq }) => seq), next], [[1], positionOf(1)]);
});

Deno.test("a live tail shows what is there, and then each message as it comes", async () => {
  const server = new PageServer();
  server.put([1, 2]);
  using scene = openTail(server);
  scene.tail.live();
  await scene.has(1, 2);
  server.put([3]);
  await scene.has(1, 2, 3);
  server.put([4, 5]);
  await scene.has(1, 2, 3, 4, 5);
  assertEquals(notesOf(scene.tail.state.value), []);
});

Deno.test("a live tail says that older messages are not shown", async () => {
  const server = new PageServer();
  server.put(upTo(1000));
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => seqsOf(state).at(-1) === 1000);
  assertEquals(notesOf(scene.tail.state.value), [
    "Older messages are not shown: choose From the oldest.",
  ]);
});

Deno.test("of a few hundred messages that come at once none is left out", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  server.put(upTo(700));
  await scene.until((state) => seqsOf(state).length === 700);
  assertEquals(notesOf(scene.tail.state.value), []);
});

Deno.test("where more arrives than can be shown, the tail says that it leaves some out, until it has caught up", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  server.put(upTo(20_000));
  await scene.until((state) => state.isSampling);
  await scene.until((state) => seqsOf(state).at(-1) === 20_000);
  assert(server.taken < 2000, `${server.taken} messages were taken`);
  const [note, ...others] = notesOf(scene.tail.state.value);
  assertEquals([note?.slice(0, 20), others], ["More messages arrive", []]);
  await scene.until((state) => !state.isSampling);
  server.put([20_001]);
  await scene.until((state) => seqsOf(state).at(-1) === 20_001);
});

Deno.test("where large messages arrive faster than they can be read, the tail samples, too", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  server.put(upTo(100), "x".repeat(100_000));
  await scene.until((state) => state.isSampling);
  assert(server.taken < 40, `${server.taken} messages were taken`);
  await scene.until((state) => seqsOf(state).at(-1) === 100);
});

Deno.test("a filter finds what stands beyond the beginning of a message, and what it shows is kept longest", async () => {
  const server = new PageServer();
  server.put(upTo(9));
  server.put([10], `${"x".repeat(10_000)} Needle`);
  server.put(upTo(8000, 11));
  using scene = openTail(server);
  scene.tail.filter("nEEDLE");
  scene.tail.replay("start");
  const more = scene.tail.state.follow(() => scene.tail.more());
  await scene.until((state) => !state.hasMore && !state.isLoading);
  more();
  assertEquals(seqsOf(scene.tail.state.value), [10]);
  scene.tail.filter("");
  const seqs = seqsOf(scene.tail.state.value);
  assertEquals([seqs.length, seqs[0], seqs[1], seqs.at(-1)], [5000, 10, 3002, 8000]);
});

Deno.test("a tail that begins anew leaves nothing of the one before behind", async () => {
  const server = new PageServer();
  server.put(upTo(20));
  using scene = openTail(server, { isStill: true });
  scene.tail.live();
  await scene.has(...upTo(20));
  server.put([21]);
  await scene.pass();
  await scene.has(...upTo(21));
  server.put([22]);
  // It has come, and is not drawn.
  await settled();
  assertEquals(server.taken, 2);
  scene.tail.replay(15);
  scene.tail.live();
  scene.tail.replay(15);
  await scene.pass();
  await scene.has(...upTo(22, 16));
  scene.tail.clear();
  assertEquals(scene.tail.state.value.rows, []);
});

Deno.test("a tail that is cleared shows nothing that had come before, drawn or not", async () => {
  const server = new PageServer();
  server.put([1]);
  using scene = openTail(server, { isStill: true });
  scene.tail.live();
  await scene.has(1);
  server.put([2]);
  await settled();
  scene.tail.clear();
  server.put([3]);
  await scene.pass();
  assertEquals(seqsOf(scene.tail.state.value), [3]);
});

Deno.test("a tail that is paused takes and shows nothing, and goes on where it was", async () => {
  const server = new PageServer();
  server.put([1]);
  using scene = openTail(server);
  scene.tail.live();
  await scene.has(1);
  await settled();
  scene.tail.pause();
  server.put(upTo(300, 2));
  await settled();
  // One was on its way already.
  assertEquals([seqsOf(scene.tail.state.value), server.taken], [[1], 1]);
  scene.tail.resume();
  await scene.has(...upTo(300));
  assertEquals(notesOf(scene.tail.state.value), []);
});

Deno.test("a tail that is paused while it samples takes no sample", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  server.put(upTo(3000));
  await scene.until((state) => state.isSampling);
  scene.tail.pause();
  const { pages } = server;
  await settled();
  assertEquals([server.pages, scene.tail.state.value.isSampling], [pages, true]);
  scene.tail.resume();
  await scene.until((state) => seqsOf(state).at(-1) === 3000 && !state.isSampling);
});

Deno.test("where even the newest message is gone before it is read, the tail waits for the next", async () => {
  const server = new PageServer();
  server.put([1]);
  server.afterTopic = () => server.purge();
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  server.put([2]);
  await scene.has(2);
  assertEquals([scene.tail.state.value.error, notesOf(scene.tail.state.value)], [undefined, []]);
});

Deno.test("a server that begins anew between two requests is read from its beginning", async () => {
  const server = new PageServer();
  server.put(upTo(500));
  server.afterTopic = () => {
    server.restart();
    server.put([1, 2]);
  };
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  server.put([3]);
  await scene.until((state) => seqsOf(state).at(-1) === 3);
  assertEquals(scene.tail.state.value.error, undefined);
});

Deno.test("while a tail loads nothing else is said of its rows, and a filter that shows none is named as the cause", () => {
  const state = { ...BEGINNING, isLoading: false };
  const replay = { ...state, mode: "replay" } as const;
  assertEquals(emptyText({ ...state, isLoading: true }, "x"), "Loading…");
  assertEquals(emptyText({ ...replay, hasMore: true }, "x"), "Loading…");
  assertEquals(emptyText(state, ""), "Waiting for messages.");
  assertEquals(emptyText({ ...state, isPaused: true }, ""), "Paused.");
  for (const shown of [state, replay, { ...replay, hasMore: true, isPaused: true }]) {
    assertMatch(emptyText(shown, "x"), /of large ones the beginning/);
  }
  assertEquals(emptyText({ ...state, error: "refused" }, "x"), "");
  assertEquals(tailText({ ...replay, isLoading: true }), "Replay");
  assertEquals(tailText(state), "Live");
  assertEquals(
    tailText({ ...state, isSampling: true }),
    "Live, a sample: more arrive than can be shown",
  );
  assertEquals(tailText({ ...state, isPaused: true, isSampling: true }), "Paused");
  assertEquals(tailText({ ...state, isPaused: true, error: "refused" }), "Nothing comes now");
  assertEquals(tailText({ ...replay, hasMore: true }), "Replay: scroll down for more");
  assertEquals(tailText(replay), "Replayed to the end, now live");
});
