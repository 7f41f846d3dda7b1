/**
 * What the page shows of a topic.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { recentMessages } from "../../web/page/recent_messages.ts";
import { HttpError } from "../../web/page/server_api.ts";
import { type TailState, TopicTail } from "../../web/page/tail.ts";
import { gap, PageServer, positionOf } from "../support/page_server.ts";

const { signal } = new AbortController();
const upTo = (last: number, from = 1) =>
  Array.from({ length: last - from + 1 }, (_, i) => from + i);
const seqsOf = ({ rows }: TailState) =>
  rows.flatMap((row) => row.kind === "message" ? [row.message.seq] : []);
const notesOf = ({ rows }: TailState) =>
  rows.flatMap((row) => row.kind === "note" ? [row.text] : []);

/** A tail of a server, without any waiting; and what waits until it is in some state. */
function openTail(server: PageServer) {
  const tail = new TopicTail(server, "t", () => Promise.resolve());
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
  return { tail, until, [Symbol.dispose]: () => tail.stop() };
}

Deno.test("the newest messages of a topic are found, however far apart their numbers are", async () => {
  for (const distance of [1, 7, 1000, 100_000]) {
    const server = new PageServer();
    server.put(...upTo(500).map((n) => n * distance));
    const { messages, next } = await recentMessages(server, "t", signal);
    assert(messages.length >= 30 && messages.length <= 200, `${distance}: ${messages.length}`);
    assertEquals([messages.at(-1)!.seq, next], [500 * distance, positionOf(500 * distance)]);
    assert(server.asked.length <= 13, `${server.asked.length} requests`);
  }
});

Deno.test("the newest messages of a topic are found behind many that came together, and where older ones are gone", async () => {
  const server = new PageServer();
  server.put(...upTo(5000), 1_000_000, 2_000_000);
  const burst = await recentMessages(server, "t", signal);
  assertEquals(burst.messages.at(-1)!.seq, 2_000_000);
  assert(burst.messages.length >= 2);
  server.floor = 4990;
  const { messages } = await recentMessages(server, "t", signal);
  assertEquals(messages.at(-1)!.seq, 2_000_000);
  const empty = await recentMessages(new PageServer(), "t", signal);
  assertEquals(empty.messages, []);
});

Deno.test("a live tail shows what is there, and then each message as it comes", async () => {
  const server = new PageServer();
  server.put(1, 2);
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => !state.isLoading);
  assertEquals(seqsOf(scene.tail.state.value), [1, 2]);
  server.put(3);
  await scene.until((state) => state.rows.length === 3);
  server.put(4, 5);
  await scene.until((state) => state.rows.length === 5);
  assertEquals(seqsOf(scene.tail.state.value), [1, 2, 3, 4, 5]);
});

Deno.test("where more arrives than can be shown, the tail says that it leaves some out, and later that it does no more", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.live();
  await server.waited();
  server.put(...upTo(5000));
  await scene.until((state) => state.isSampling);
  assertEquals(notesOf(scene.tail.state.value).length, 1);
  assert(seqsOf(scene.tail.state.value).length < 5000);
  for (const seq of [5001, 5002, 5003]) {
    await server.waited();
    server.put(seq);
    await scene.until((state) => seqsOf(state).at(-1) === seq);
  }
  assertEquals(scene.tail.state.value.isSampling, false);
  assertEquals(notesOf(scene.tail.state.value).length, 1);
});

Deno.test("a tail that is paused asks for nothing, and goes on where it was", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.live();
  await server.waited();
  scene.tail.pause();
  // The request that waits already brings one more.
  server.put(1);
  await scene.until((state) => state.rows.length === 1);
  const asked = server.asked.length;
  server.put(2, 3);
  assertEquals([server.asked.length, seqsOf(scene.tail.state.value)], [asked, [1]]);
  scene.tail.resume();
  await scene.until((state) => state.rows.length === 3);
  assertEquals(seqsOf(scene.tail.state.value), [1, 2, 3]);
});

Deno.test("a replay shows page after page, and then what comes", async () => {
  const server = new PageServer();
  server.put(...upTo(450));
  using scene = openTail(server);
  scene.tail.replay("100");
  await scene.until(({ rows, isLoading }) => rows.length === 200 && !isLoading);
  assertEquals(seqsOf(scene.tail.state.value), upTo(300, 101));
  await scene.tail.more();
  assertEquals(seqsOf(scene.tail.state.value), upTo(450, 101));
  assertEquals(scene.tail.state.value.hasMore, false);
  server.put(451);
  await scene.until((state) => seqsOf(state).at(-1) === 451);
  assertEquals(seqsOf(scene.tail.state.value), upTo(451, 101));
});

Deno.test("a gap is a row between the messages, and nothing is shown twice", async () => {
  const server = new PageServer();
  server.put(...upTo(10));
  server.floor = 4;
  using scene = openTail(server);
  scene.tail.replay("1");
  await scene.until((state) => seqsOf(state).length === 6 && !state.isLoading);
  assertEquals(notesOf(scene.tail.state.value), [
    "Messages are missing here: they expired, or were purged.",
  ]);
  assertEquals(scene.tail.state.value.rows[0]!.kind, "note");
  await scene.tail.more();
  await server.waited();
  server.failure = gap(positionOf(11), "epoch_changed");
  server.put(11);
  await scene.until((state) => seqsOf(state).length === 7);
  server.put(12);
  await scene.until((state) => notesOf(state).length === 2 && seqsOf(state).length === 8);
  assertEquals(
    notesOf(scene.tail.state.value)[1],
    "The server lost its messages here, and began anew.",
  );
});

Deno.test("a failure is shown until messages come again, and none is missing then", async () => {
  const server = new PageServer();
  server.put(1);
  using scene = openTail(server);
  server.failure = new TypeError("Failed to fetch");
  scene.tail.replay("start");
  await scene.until((state) => state.error === "There is no connection to the server.");
  await scene.until(({ error, rows, isLoading }) =>
    error === undefined && rows.length === 1 && !isLoading
  );
  server.failure = new HttpError(new Response(null, { status: 503 }), {
    detail: "no slot is free",
  });
  await scene.tail.more();
  server.put(2);
  await scene.until((state) => state.error === undefined && state.rows.length === 2);
  assertEquals(seqsOf(scene.tail.state.value), [1, 2]);
});

Deno.test("a tail that begins anew leaves nothing of the one before behind", async () => {
  const server = new PageServer();
  server.put(...upTo(20));
  using scene = openTail(server);
  scene.tail.live();
  await scene.until((state) => state.rows.length === 20);
  scene.tail.replay("15");
  await scene.until((state) =>
    state.mode === "replay" && !state.isLoading && state.rows.length > 0
  );
  assertEquals(seqsOf(scene.tail.state.value), [16, 17, 18, 19, 20]);
  scene.tail.clear();
  assertEquals(scene.tail.state.value.rows, []);
});
