import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../queue/clock.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import { BUFFER_LIMIT, type Peer as ServerPeer } from "../../transports/peer.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { apply, put } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualTurns } from "../support/manual_turns.ts";
import { ALL_PERMISSIONS, MemoryPeer, openContext } from "../support/memory_peer.ts";
import { withTimeout } from "../support/with_timeout.ts";

const LARGE = 100_000;
const TOPICS = 100;

/** A peer that reads nothing until it is told to. */
class Stuffed implements ServerPeer {
  /** Nothing of this waits for others, however busy the machine is. */
  readonly turn = new ManualTurns().turns.join();
  buffered = 0;
  sent: string[] = [];
  #drained: (() => void)[] = [];

  send(frame: string): void {
    this.sent.push(frame);
    this.buffered += frame.length;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  closeAndStopReading(): void {}

  drop(): void {}

  close(): void {}

  read(): void {
    this.buffered = 0;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

for (const kind of ["many topics", "one topic"]) {
  Deno.test(`a peer that reads nothing is sent little of what it asked for, of ${kind}`, async () => {
    const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock: systemClock });
    await using host = await openContext(store, systemClock);
    const body = JSON.stringify("x".repeat(LARGE));
    const topic = (i: number) => kind === "one topic" ? "t" : `t${i}`;
    const all = Array.from({ length: TOPICS }, (_, i) => i);
    await apply(
      store,
      all.map((i) => ({ type: "put" as const, topic: topic(i), body, bytes: body.length })),
    );

    const wire = new Stuffed();
    const connection = new ClientConnection(host, wire, 0, ALL_PERMISSIONS);
    connection.receive(JSON.stringify(all.map((i) => ({ action: "get", id: i, topic: topic(i) }))));
    for (const turn of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert(wire.buffered > 0, `something is sent in turn ${turn}`);
      assert(wire.buffered < 2 * BUFFER_LIMIT + 2 * LARGE, `${wire.buffered} bytes are buffered`);
      wire.read();
    }
    const answered = () => wire.sent.flatMap((frame) => JSON.parse(frame)).length;
    const end = (async () => {
      while (answered() < TOPICS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        wire.read();
      }
    })();
    await withTimeout(end);
    const seqs = wire.sent.flatMap((frame) => JSON.parse(frame)).map(({ seq }) => seq);
    assertEquals(seqs, all.map((i) => i + 1));
    connection.close();
  });
}

Deno.test("what expires while a peer does not read is not sent to it", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 1000, clock });
  await using host = await openContext(store, clock);
  await apply(store, Array.from({ length: 20 }, (_, i) => put("t", `${i}`.padEnd(30_000, "x"))));
  const wire = new Stuffed();
  const connection = new ClientConnection(host, wire, 0, ALL_PERMISSIONS);
  const gets = Array.from({ length: 20 }, (_, i) => ({ action: "get", id: i, topic: "t" }));
  connection.receive(JSON.stringify(gets));
  await new Promise((resolve) => setTimeout(resolve, 0));
  const replies = () => wire.sent.flatMap((frame) => JSON.parse(frame)) as { seq?: number }[];
  const given = replies().length;
  assert(given > 0 && given < 20, `${given} of 20 are given to a peer that does not read`);
  clock.advance(1000);
  wire.read();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(replies().slice(given).map(({ seq }) => seq), Array(20 - given).fill(undefined));
  connection.close();
});

Deno.test("a subscriber that does not read is sent nothing more until it does, and then everything", async () => {
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock: systemClock });
  await using host = await openContext(store, systemClock);
  const wire = new Stuffed();
  const connection = new ClientConnection(host, wire, 0, ALL_PERMISSIONS);
  connection.receive(JSON.stringify({
    ...{ action: "subscribe", id: 1, topic: "t" },
    ...{ messages: 1e6, bytes: 2e8 },
  }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  const putter = new MemoryPeer(host);
  wire.buffered = BUFFER_LIMIT;
  const before = wire.sent.length;
  for (let i = 0; i < 50; i++) await putter.request({ action: "put", topic: "t", body: `${i}` });
  assertEquals(wire.sent.length, before);
  wire.read();
  await new Promise((resolve) => setTimeout(resolve, 0));
  const streamed = wire.sent.slice(before).flatMap((frame) => JSON.parse(frame).bodies);
  assertEquals(streamed, Array.from({ length: 50 }, (_, i) => `${i}`));
  connection.close();
});

for (const kind of ["one topic", "many topics"]) {
  Deno.test(`waiters are served no faster than their peer reads, of ${kind}`, async () => {
    const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock: systemClock });
    await using host = await openContext(store, systemClock);
    const wire = new Stuffed();
    const connection = new ClientConnection(host, wire, 0, ALL_PERMISSIONS);
    const topic = (i: number) => kind === "one topic" ? "t" : `t${i}`;
    const all = Array.from({ length: TOPICS }, (_, i) => i);
    const waits = all.map((id) => ({
      ...{ action: "get_wait", id, topic: topic(id), timeout: 100_000 },
    }));
    connection.receive(JSON.stringify(waits));
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(wire.sent, []);
    const body = JSON.stringify("x".repeat(LARGE));
    await apply(
      store,
      all.map((i) => ({ type: "put" as const, topic: topic(i), body, bytes: body.length })),
    );
    for (const turn of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert(wire.buffered > 0, `something is sent in turn ${turn}`);
      assert(wire.buffered < 2 * BUFFER_LIMIT + 2 * LARGE, `${wire.buffered} bytes are buffered`);
      wire.read();
    }
    const replies = () => wire.sent.flatMap((frame) => JSON.parse(frame));
    const end = (async () => {
      while (replies().length < TOPICS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        wire.read();
      }
    })();
    await withTimeout(end);
    const bySeq = (one: { seq: number }, other: { seq: number }) => one.seq - other.seq;
    assertEquals(replies().sort(bySeq).map(({ id }) => id), all);
    assertEquals(replies().map(({ seq }) => seq), all.map((i) => i + 1));
    assertEquals(host.queue.listenedTopics, 0);
    connection.close();
  });
}

Deno.test("a waiter that gives up while its peer does not read leaves the message to the next", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  await using host = await openContext(store, clock);
  const wire = new Stuffed();
  const connection = new ClientConnection(host, wire, 0, ALL_PERMISSIONS);
  const wait = { action: "get_wait", topic: "t" };
  connection.receive(
    JSON.stringify([{ ...wait, id: 1, timeout: 10 }, { ...wait, id: 2, timeout: 100 }]),
  );
  await new Promise((resolve) => setTimeout(resolve, 0));
  wire.buffered = BUFFER_LIMIT;
  await apply(store, [put("t", "m")]);
  clock.advance(10);
  await new Promise((resolve) => setTimeout(resolve, 0));
  wire.read();
  await new Promise((resolve) => setTimeout(resolve, 0));
  const replies = wire.sent.flatMap((frame) => JSON.parse(frame));
  assertEquals(replies.map(({ id, body }) => [id, body]), [[1, ""], [2, "m"]]);
  connection.close();
  assertEquals(host.queue.listenedTopics, 0);
});
