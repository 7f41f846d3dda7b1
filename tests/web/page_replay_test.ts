/**
 * A replay: the messages of a topic again from some point on, a page at a time, until there are no more.
 *
 * @module
 */

import type { Since } from "@dsmq/server";
import { assert, assertEquals } from "@std/assert";
import { Replay } from "../../web/page/replay.ts";
import { notesOf, openTail, seqsOf, settled, upTo } from "../support/opened_tail.ts";
import { PageServer, positionOf } from "../support/page_server.ts";

Deno.test("a replay shows one page after another as it is asked for, and then what comes", async () => {
  const server = new PageServer();
  server.put(upTo(450));
  using scene = openTail(server);
  scene.tail.replay(100);
  await scene.until(({ hasMore, isLoading, rows }) => hasMore && !isLoading && rows.length > 0);
  await settled();
  assertEquals(seqsOf(scene.tail.state.value), upTo(300, 101));
  // One more is on its way.
  assertEquals(server.taken, 201);
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

const NOTHING_LEFT: readonly (readonly [what: string, since: Since])[] = [
  ["the newest number", 30],
  ["a number that the server does not have", 999],
  ["the position of the newest message", positionOf(30)],
  ["a position that the server does not have", positionOf(999)],
  ["a time in the future", new Date(31)],
  ["a time in which nothing came", { ago: -1 }],
];

for (const [what, since] of NOTHING_LEFT) {
  Deno.test(`a replay from ${what} on has nothing to show, and shows what comes`, async () => {
    const server = new PageServer();
    server.put(upTo(30));
    using scene = openTail(server);
    scene.tail.replay(since);
    await settled();
    const { hasMore, isLoading, error } = scene.tail.state.value;
    assertEquals([hasMore, isLoading, error], [false, false, undefined]);
    server.put([31]);
    await scene.has(31);
  });
}

Deno.test("a replay of the last minutes shows what came in them", async () => {
  const server = new PageServer();
  server.put(upTo(30));
  using scene = openTail(server);
  scene.tail.replay({ ago: 5 });
  await scene.has(...upTo(30, 25));
  assertEquals(scene.tail.state.value.hasMore, false);
});

Deno.test("a replay of a topic without messages waits for the first", async () => {
  const server = new PageServer();
  using scene = openTail(server);
  scene.tail.replay("start");
  await settled();
  const { hasMore, isLoading } = scene.tail.state.value;
  assertEquals([hasMore, isLoading], [false, false]);
  server.put([1]);
  await scene.has(1);
});

Deno.test("a position of another history is replayed from the beginning, a page at a time", async () => {
  const server = new PageServer();
  server.restart();
  server.put(upTo(450));
  using scene = openTail(server);
  scene.tail.replay(positionOf(1000));
  await scene.until(({ hasMore, isLoading, rows }) => hasMore && !isLoading && rows.length > 200);
  assertEquals(seqsOf(scene.tail.state.value), upTo(200));
  scene.tail.more();
  await settled();
  assertEquals(seqsOf(scene.tail.state.value), upTo(400));
});

/** A replay of 450 messages, of which it has shown the first 200. */
async function openReplay() {
  const server = new PageServer();
  server.put(upTo(450));
  const scene = openTail(server);
  scene.tail.replay("start");
  await scene.until(({ hasMore, isLoading }) => hasMore && !isLoading);
  await settled();
  assertEquals(seqsOf(scene.tail.state.value), upTo(200));
  return { server, scene };
}

Deno.test("a replay whose messages are purged meanwhile ends, and shows what comes", async () => {
  const { server, scene } = await openReplay();
  using _ = scene;
  server.purge();
  scene.tail.more();
  await settled();
  const { hasMore, isLoading } = scene.tail.state.value;
  assertEquals([hasMore, isLoading], [false, false]);
  assertEquals(notesOf(scene.tail.state.value).length, 1);
  server.put([451]);
  await scene.until((state) => seqsOf(state).at(-1) === 451);
});

Deno.test("a replay of a server that begins anew ends with what that has", async () => {
  const { server, scene } = await openReplay();
  using _ = scene;
  server.restart();
  server.put(upTo(3));
  scene.tail.more();
  await settled();
  const { hasMore, isLoading, rows } = scene.tail.state.value;
  assertEquals([hasMore, isLoading], [false, false]);
  assertEquals(seqsOf({ rows: rows.slice(-4) }), [1, 2, 3]);
  assertEquals(notesOf({ rows: rows.slice(-4) }), [
    "The server lost its messages here, and began anew.",
  ]);
  server.put([4]);
  await scene.until((state) => seqsOf(state).at(-1) === 4);
});

Deno.test("a replay of a server that begins anew with more messages shows them a page at a time", async () => {
  const { server, scene } = await openReplay();
  using _ = scene;
  scene.tail.more();
  await settled();
  server.restart();
  server.put(upTo(300));
  scene.tail.more();
  await settled();
  assertEquals(scene.tail.state.value.hasMore, true);
  assertEquals(seqsOf(scene.tail.state.value).slice(-2), [198, 199]);
  scene.tail.more();
  await settled();
  const { hasMore, rows } = scene.tail.state.value;
  assertEquals([hasMore, seqsOf({ rows: rows.slice(-300) })], [false, upTo(300)]);
});

Deno.test("where nothing comes for a while, a replay has more if there are messages after what it showed, or another history", () => {
  const newest = (seq: number) => ({ seq, time: 1000 * seq });
  const hasMore = (since: Since, seq: number) => {
    const replay = new Replay(since, newest(1000));
    replay.look(newest(seq));
    return replay.hasMore;
  };
  for (const since of [9, positionOf(9), new Date(9001)]) {
    assertEquals([9, 10].map((seq) => hasMore(since, seq)), [false, true], `${since}`);
  }
  assertEquals(hasMore("start", 1), true);
  const replay = new Replay("start", newest(400));
  replay.take({ seq: 300, position: positionOf(300), body: "" });
  replay.beginAnew();
  replay.look(newest(20));
  assertEquals(replay.hasMore, true);
  replay.look(undefined);
  assertEquals(replay.hasMore, false);
});

Deno.test("a replay that is cleared or paused goes on where it was", async () => {
  const { scene } = await openReplay();
  using _ = scene;
  scene.tail.clear();
  assertEquals(scene.tail.state.value.rows, []);
  scene.tail.pause();
  scene.tail.more();
  await settled();
  assertEquals(scene.tail.state.value.rows, []);
  scene.tail.resume();
  await settled();
  assertEquals(seqsOf(scene.tail.state.value), upTo(400, 201));
});
