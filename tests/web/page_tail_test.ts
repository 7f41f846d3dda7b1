/**
 * What the page shows of a topic.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { recentMessages } from "../../web/page/recent_messages.ts";
import { HttpError } from "../../web/page/server_api.ts";
import { type TailState, TopicTail } from "../../web/page/tail.ts";
import { PageServer, positionOf } from "../support/page_server.ts";

const { signal } = new AbortController();
const upTo = (last: number, from = 1) =>
  Array.from({ length: last - from + 1 }, (_, i) => from + i);
const seqsOf = ({ rows }: TailState) =>
  rows.flatMap((row) => row.kind === "message" ? [row.message.seq] : []);
const notesOf = ({ rows }: TailState) =>
  rows.flatMap((row) => row.kind === "note" ? [row.text] : []);

/** A tail of a server, without any waiting; and what waits until it is in some state. */
function openTail(server: PageServer) {
  let time = 0;
  const clock = {
    now: () => time,
    pause(milliseconds: number) {
      // What is drawn is drawn at once; between two samples time passes.
      if (milliseconds >= 500) time += milliseconds;
      return Promise.resolve();
    },
    seen: () => Promise.resolve(),
  };
  const tail = new TopicTail({ ...server.source, clock });
  const until = (isThere: (state: TailState) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (!isThere(tail.state.value)) return;
        end();
        resolve();
      };
      const end = tail.state.follow(look);
      look();
    });
  const has = (...seqs: number[]) => until((state) => `${seqsOf(state)}` === `${seqs}`);
  return { tail, until, has, [Symbol.dispose]: () => tail.stop() };
}

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

Deno.test("a tail that is paused takes nothing, and goes on where it was", async () => {
  const server = new PageServer();
  server.put([1]);
  using scene = openTail(server);
  scene.tail.live();
  await scene.has(1);
  scene.tail.pause();
  server.put(upTo(300, 2));
  // One may be on its way already.
  await scene.until(({ isPaused }) => isPaused);
  assert(server.taken <= 1);
  scene.tail.resume();
  await scene.has(...upTo(300));
  assertEquals(notesOf(scene.tail.state.value), []);
});

Deno.test("a replay shows one page after another as it is asked for, and then what comes", async () => {
  const server = new PageServer();
  server.put(upTo(450));
  using scene = openTail(server);
  scene.tail.replay(100);
  await scene.until(({ hasMore, isLoading, rows }) => hasMore && !isLoading && rows.length > 0);
  assertEquals(seqsOf(scene.tail.state.value), upTo(300, 101));
  scene.tail.more();
  scene.tail.more();
  await scene.until((state) => !state.hasMore);
  assertEquals(seqsOf(scene.tail.state.value), upTo(450, 101));
  server.put([451]);
  await scene.has(...upTo(451, 101));
});

Deno.test("a replay keeps the beginnings of large messages, and pauses after a mebibyte", async () => {
  const server = new PageServer();
  server.put(upTo(50), "\ud800".repeat(300_000));
  using scene = openTail(server);
  scene.tail.replay("start");
  await scene.until(({ hasMore, isLoading, rows }) => hasMore && !isLoading && rows.length > 0);
  const { rows } = scene.tail.state.value;
  assertEquals(rows.length, 4);
  const [row] = rows;
  assert(row?.kind === "message" && row.message.isCut);
  assertEquals(row.message.body, "\ud800".repeat(4096));
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

Deno.test("a gap is a row between the messages, and nothing is shown twice", async () => {
  const server = new PageServer();
  server.put(upTo(10));
  server.floor = 4;
  using scene = openTail(server);
  scene.tail.replay(1);
  await scene.has(5, 6, 7, 8, 9, 10);
  assertEquals(notesOf(scene.tail.state.value), [
    "Messages are missing here: they expired, or were purged.",
  ]);
  assertEquals(scene.tail.state.value.rows[0]!.kind, "note");
});

Deno.test("a failure is shown until messages come again, and what fails for good is not tried again", async () => {
  const server = new PageServer();
  server.put([1]);
  using scene = openTail(server);
  server.failure = new TypeError("Failed to fetch");
  scene.tail.live();
  await scene.until((state) => state.error === "There is no connection to the server.");
  await scene.until((state) => state.error === undefined);
  await scene.has(1);
  server.failure = new HttpError(new Response(null, { status: 400 }), { detail: "Invalid topic" });
  scene.tail.live();
  await scene.until((state) => state.error === "Invalid topic");
  server.put([2]);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([scene.tail.state.value.error, scene.tail.state.value.isLoading], [
    "Invalid topic",
    false,
  ]);
});

Deno.test("a tail that begins anew leaves nothing of the one before behind", async () => {
  const server = new PageServer();
  server.put(upTo(20));
  using scene = openTail(server);
  scene.tail.live();
  await scene.has(...upTo(20));
  scene.tail.replay(15);
  scene.tail.live();
  scene.tail.replay(15);
  await scene.has(16, 17, 18, 19, 20);
  scene.tail.clear();
  assertEquals(scene.tail.state.value.rows, []);
});
