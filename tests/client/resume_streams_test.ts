/**
 * Streams and slow readers: what waits for one peer is bounded over all its streams together; and a permission that is
 * withdrawn takes effect from the next message on.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import type { Peer } from "../../transports/peer.ts";
import {
  GatedStore,
  inMemory,
  store,
  type TestServer,
  testServer,
  turns,
} from "../support/bridge.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { openServer } from "../support/open_server.ts";
import { ALL_PERMISSIONS, type WireItem } from "../support/memory_peer.ts";

const MIB = 2 ** 20;

/** A peer that reads when the test tells it to. */
class SlowPeer implements Peer {
  readonly received: WireItem[] = [];
  readonly connection: ClientConnection;
  /** How much waits for it, and the most that ever did. */
  buffered = 0;
  max = 0;
  #drained = Promise.withResolvers<void>();

  constructor(host: TestServer, permissions = ALL_PERMISSIONS) {
    this.connection = new ClientConnection(host, this, 0, permissions);
  }

  sendRequest(request: object): void {
    this.connection.receive(JSON.stringify(request));
  }

  /** Reads all that waits. */
  read(): void {
    this.buffered = this.max = 0;
    const drained = this.#drained;
    this.#drained = Promise.withResolvers();
    drained.resolve();
  }

  /** Messages that came, whatever request they answer. */
  get messages(): string[] {
    return this.received.flatMap(({ seq, body, bodies }) =>
      bodies ?? (seq !== undefined && body !== undefined ? [body] : [])
    );
  }

  send(frame: string): void {
    this.received.push(...[JSON.parse(frame)].flat());
    this.buffered += frame.length;
    this.max = Math.max(this.max, this.buffered);
  }

  drained(): Promise<void> {
    return this.buffered <= 64 * 1024 ? Promise.resolve() : this.#drained.promise;
  }

  close(): void {}

  closeAndStopReading(): void {}

  drop(): void {}
}

const subscribe = { action: "subscribe", messages: 100_000, bytes: 100_000_000 };

/** Puts three thousand messages of 900 bytes. */
async function putMany(host: TestServer, topic: string): Promise<void> {
  for (let i = 0; i < 3; i++) await store(host, topic, ...Array(1000).fill("x".repeat(900)));
}

for (
  const [count, kind] of [[1, "one topic"], [200, "one topic"], [1000, "one topic"], [
    200,
    "topics of their own",
  ]] as const
) {
  for (const reads of [false, true]) {
    const reader = `a peer with ${count} streams of ${kind} that reads ${
      reads ? "a little" : "nothing"
    }`;
    Deno.test(`for ${reader} no more than a mebibyte waits`, async () => {
      const host = await testServer(inMemory());
      const peer = new SlowPeer(host);
      const topic = (id: number) => kind === "one topic" ? "t" : `t${id}`;
      for (let id = 1; id <= count; id++) peer.sendRequest({ ...subscribe, id, topic: topic(id) });
      await turns();
      if (kind === "one topic") await putMany(host, "t");
      else {
        for (let id = 1; id <= count; id++) {
          await store(host, topic(id), ...Array(20).fill("x".repeat(900)));
        }
      }
      await turns();
      if (reads) {
        peer.read();
        await turns();
      }
      const { max } = peer;
      peer.connection.end();
      await host[Symbol.asyncDispose]();
      assert(max > 100_000 && max <= MIB, `${(max / MIB).toFixed(2)} MiB waited`);
    });
  }
}

Deno.test("each of many streams of a slow peer comes to its end", async () => {
  const host = await testServer(inMemory());
  const peer = new SlowPeer(host);
  const [streams, messages] = [50, 40];
  for (let id = 1; id <= streams; id++) peer.sendRequest({ ...subscribe, id, topic: "t" });
  await turns();
  await store(host, "t", ...Array(messages).fill("x".repeat(900)));
  const got = () => peer.messages.length;
  for (let i = 0; i < 1000 && got() < streams * messages; i++) {
    await turns(2);
    peer.read();
  }
  const counts = new Map<number, number>();
  for (const { sub, bodies } of peer.received) {
    if (sub !== undefined && bodies) counts.set(sub, (counts.get(sub) ?? 0) + bodies.length);
  }
  peer.connection.end();
  await host[Symbol.asyncDispose]();
  assertEquals([...counts.values()], Array(streams).fill(messages));
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a peer with many streams that reads nothing takes little memory of a server (${transport})`, async () => {
    await using server = await openServer({ transport });
    using peer = await RawSocket.open(server.port);
    for (let id = 1; id <= 1000; id++) {
      await peer.send(clientFrame(1, JSON.stringify({ ...subscribe, id, topic: "t" })));
      await peer.next();
    }
    using putter = await RawSocket.open(server.port);
    const put = JSON.stringify({
      action: "put",
      id: 1,
      topic: "t",
      bodies: Array(1000).fill("x".repeat(900)),
    });
    const before = Deno.memoryUsage().rss;
    for (let i = 0; i < 10; i++) {
      await putter.send(clientFrame(1, put));
      await putter.next();
    }
    // 9 MB were put and are kept: with a page for each stream it was ten times as much and more.
    const growth = (Deno.memoryUsage().rss - before) / MIB;
    assert(growth < 100, `${growth.toFixed(0)} MiB more`);
  });
}

// Permissions.

const READ = new Permissions("one", { permissions: ["read"] });
const WRITE = new Permissions("one", { permissions: ["write"] });
const OTHERS = new Permissions("one", { prefixes: ["public."] });

for (const action of ["get", "get_latest", "get_wait"] as const) {
  for (const [name, permissions] of [["to read", WRITE], ["for the topic", OTHERS]] as const) {
    Deno.test(`a list of ${action} is refused from the message on at which the permission ${name} was withdrawn`, async () => {
      const host = await testServer(inMemory());
      // The newest is read once: the next request finds nothing, unless it is for another topic.
      const topics = Array.from({ length: 60 }, (_, i) => action === "get_latest" ? `t${i}` : "t");
      for (const topic of topics) await store(host, topic, "x".repeat(20_000));
      const peer = new SlowPeer(host, READ);
      peer.sendRequest(topics.map((topic, id) => ({ action, id, topic })));
      await turns();
      const before = peer.messages.length;
      assert(before > 0 && before < 60, `${before} messages came before`);
      // As `setAuth` does.
      peer.connection.permissions = permissions;
      peer.read();
      await turns();
      const after = peer.messages.length - before;
      const refused = peer.received.filter(({ error }) => error?.code === "permission_denied");
      peer.connection.end();
      await host[Symbol.asyncDispose]();
      assertEquals([after, refused.length], [0, 60 - before]);
    });
  }
}

/** A store that is slow to give the position of a topic, and slow to read it. */
class SlowStore extends GatedStore {
  override async topicBounds(...args: Parameters<GatedStore["topicBounds"]>) {
    await this.gate.promise;
    return await super.topicBounds(...args);
  }
}

for (const [what, since] of [["read", undefined], ["found its place", { after: 0 }]] as const) {
  for (const action of ["get", "get_latest", "get_wait"] as const) {
    Deno.test(`a ${action} is refused if its permission was withdrawn while the store ${what}`, async () => {
      const slow = new SlowStore();
      const host = await testServer(slow);
      await store(host, "slow", "secret");
      const peer = new SlowPeer(host, READ);
      peer.sendRequest({ action, id: 1, topic: "slow", since });
      await turns();
      assertEquals(peer.received, []);
      peer.connection.permissions = WRITE;
      slow.gate.resolve();
      await turns();
      const { received } = peer;
      peer.connection.end();
      await host[Symbol.asyncDispose]();
      assertEquals(received.map(({ id, error, seq }) => [id, error?.code, seq]), [
        [1, "permission_denied", undefined],
      ]);
    });
  }
}

Deno.test("a list of puts is refused from the frame on at which the permission to write was withdrawn", async () => {
  const host = await testServer(inMemory());
  await store(host, "t", ...Array(60).fill("x".repeat(20_000)));
  const peer = new SlowPeer(host, new Permissions("one", {}));
  const gets = Array.from({ length: 60 }, (_, id) => ({ action: "get", id, topic: "t" }));
  peer.sendRequest([...gets, { action: "put", id: 100, topic: "u", body: "m" }]);
  peer.sendRequest({ action: "put", id: 101, topic: "u", body: "n" });
  await turns();
  peer.connection.permissions = READ;
  for (let i = 0; i < 10; i++) {
    peer.read();
    await turns();
  }
  const puts = peer.received.filter(({ id }) => id === 100 || id === 101);
  peer.connection.end();
  await host[Symbol.asyncDispose]();
  assertEquals(puts.map(({ error }) => error?.code), ["permission_denied", "permission_denied"]);
});

Deno.test("a stream that waits for its slow peer ends when its permission is withdrawn, and sends no more messages", async () => {
  const host = await testServer(inMemory());
  const peer = new SlowPeer(host, READ);
  peer.sendRequest({ ...subscribe, id: 1, topic: "t", since: "start" });
  await turns();
  await putMany(host, "t");
  await turns();
  const before = peer.messages.length;
  assert(before > 0 && before < 3000, `${before} messages came before`);
  peer.connection.permissions = WRITE;
  peer.read();
  await turns();
  const after = peer.messages.length - before;
  const ends = peer.received.filter(({ sub, error }) => sub === 1 && error);
  peer.connection.end();
  await host[Symbol.asyncDispose]();
  assertEquals([after, ends.map(({ error }) => error?.code)], [0, ["permission_denied"]]);
});
