/**
 * Large messages to many readers: all are sent the same bytes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { SharedSuffix } from "../../protocol/shared_suffix.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { inMemory, store, testServer, turns, until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer, type ManualPeerOptions } from "../support/manual_peer.ts";

const LARGE = "é".repeat(150_000);

/** A peer that is sent the ends of frames separately. */
class SharingPeer extends ManualPeer {
  readonly ends: SharedSuffix[] = [];
  /** The frames that had such an end, as text. */
  readonly frames: string[] = [];
  /** There is room for this many bytes. */
  has = Infinity;
  #free = Promise.withResolvers<void>();

  constructor(host: ServerContext, options?: ManualPeerOptions) {
    super(host, options);
  }

  sendShared(head: string, end: SharedSuffix, bytes: number): void {
    const frame = head + end.body + end.closing;
    assertEquals(bytes, new TextEncoder().encode(frame).length);
    this.ends.push(end);
    this.frames.push(frame);
    this.send(frame);
  }

  hasRoom(bytes: number): boolean {
    return bytes <= this.has;
  }

  waitForRoom(): Promise<void> {
    return this.#free.promise;
  }

  free(): void {
    this.has = Infinity;
    this.#free.resolve();
  }
}

const subscribe = { action: "subscribe", id: 1, topic: "t", messages: 100, bytes: 1e8 };

Deno.test("a large message to many subscribers is encoded once, even for those that have no room for it at first", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  const peers = Array.from({ length: 20 }, () => new SharingPeer(host));
  for (const peer of peers) await peer.request(subscribe);
  for (const peer of peers.slice(5)) peer.has = 1000;
  for (const text of ["first", LARGE, "last"]) await store(host, "t", text);
  await turns(5);
  assertEquals(peers.map(({ ends }) => ends.length), peers.map((_, i) => i < 5 ? 1 : 0));
  for (const peer of peers) peer.free();
  await until(() => peers.every(({ messages }) => messages.length === 3));
  for (const peer of peers) {
    assert(peer.ends[0] === peers[0]!.ends[0], "it is another end");
    assertEquals(peer.messages.map((text) => text === LARGE ? "large" : text), [
      "first",
      "large",
      "last",
    ]);
    peer.connection.end();
  }
});

Deno.test("large messages that are streamed together are encoded once, too", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  const peers = [new SharingPeer(host), new SharingPeer(host)];
  for (const peer of peers) await peer.request(subscribe);
  const texts = ["a", "b", "c"].map((text) => text.repeat(30_000));
  await store(host, "t", ...texts);
  await until(() => peers.every(({ messages }) => messages.length === 3));
  for (const { messages, ends, connection } of peers) {
    assert(ends[0] === peers[0]!.ends[0]);
    assertEquals(messages, texts);
    connection.end();
  }
});

for (
  const [how, request] of Object.entries({
    get: { action: "get", since: "start" },
    getLatest: { action: "get_latest", since: "start" },
    getWait: { action: "get_wait", timeout: 1000, since: "start" },
  })
) {
  Deno.test(`a large message that many ${how} is encoded once`, async () => {
    const clock = new ManualClock();
    await using host = await testServer(inMemory(clock), clock);
    const [early, ...late] = Array.from({ length: 6 }, () => new SharingPeer(host));
    const requestBody = (peer: SharingPeer) => peer.request({ ...request, id: 7, topic: "t" });
    // A wait is woken, if that is what they do.
    const first = how === "getWait" ? requestBody(early!) : undefined;
    await store(host, "t", LARGE);
    const answers = [
      await (first ?? requestBody(early!)),
      ...await Promise.all(late.map(requestBody)),
    ];
    const { time } = answers[0];
    for (const { body, ...rest } of answers) {
      assert(body === LARGE);
      assertEquals(rest, { id: 7, seq: 1, time, through: 1 });
    }
    for (const { ends, connection } of [early!, ...late]) {
      assert(ends.length === 1 && ends[0] === early!.ends[0]);
      connection.end();
    }
  });
}

Deno.test("a large message has a frame of its own: an array in an answer to an array, after earlier answers", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  using peer = new SharingPeer(host);
  await store(host, "t", "first", LARGE, "last");
  const get = (id: number) => ({ action: "get", id, topic: "t", since: "start" });
  peer.sendFrame([get(1), get(2), get(3), { action: "heartbeat", id: 4 }]);
  await until(() => peer.reply(4) !== undefined);
  assertEquals(peer.received.map(({ id, seq }) => [id, seq]), [[1, 1], [2, 2], [3, 3], [
    4,
    undefined,
  ]]);
  assertEquals(peer.frames.map((frame) => Array.isArray(JSON.parse(frame))), [true]);
});

Deno.test("for a client of dsmq 1.x a large message is an answer like any other", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  using peer = new SharingPeer(host);
  peer.sendFrame({ action: "get", topic: "t" });
  await until(() => peer.received.length === 1);
  await store(host, "t", LARGE);
  peer.sendFrame({ action: "get", topic: "t" });
  await until(() => peer.received.length === 2);
  assertEquals(peer.received, [{ message: "" }, { message: LARGE }]);
  assertEquals(peer.frames.map((frame) => Array.isArray(JSON.parse(frame))), [false]);
});

Deno.test("a client that wants announcements is told what a large message is", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  using peer = new SharingPeer(host);
  await peer.request({ action: "hello", id: 1, frameBytes: 1_000_000 });
  await peer.request({ ...subscribe, id: 2 });
  await store(host, "t", LARGE);
  await until(() => peer.messages.length === 1);
  const bytes = new TextEncoder().encode(peer.frames[0]).length;
  assertEquals(peer.received.at(-2), { ahead: bytes, sub: 2, through: 1 });
  await peer.request({ action: "get", id: 3, topic: "t", since: "start" });
  const answered = new TextEncoder().encode(peer.frames[1]).length;
  assertEquals(peer.received.at(-2), { ahead: answered, answers: 3, through: 1 });
});
