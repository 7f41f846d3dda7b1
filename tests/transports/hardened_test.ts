/**
 * The hardened transport: attacks that the built-in one does not resist.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { listen } from "../../transports/node.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { Program } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MIB = 1024 * 1024;

Deno.test("a frame that is not masked closes its connection with 1002", async () => {
  await using opened = await OpenPort.with(listen);
  using client = await RawSocket.open(opened.port);
  await client.send(clientFrame(1, "hello", { masked: false }));
  assertEquals(await withTimeout(client.closeCode()), 1002);
  await withTimeout(opened.handler.until(() => opened.handler.present === 0));
  assertEquals(opened.handler.peers[0]!.received, []);
});

Deno.test("the largest message is accepted, in one frame or in fragments, and one byte more closes with 1009", async () => {
  await using opened = await OpenPort.with(listen, { frameBytes: 100_000 });
  const { handler, port } = opened;
  using honest = await RawSocket.open(port);
  await honest.send(clientFrame(1, "x".repeat(100_000)));
  await honest.send(clientFrame(1, "x".repeat(60_000), { final: false }));
  await honest.send(clientFrame(0, "x".repeat(40_000)));
  await withTimeout(handler.until(() => handler.peers[0]!.received.length === 2));
  using large = await RawSocket.open(port);
  await large.send(clientFrame(1, "x".repeat(100_001)));
  assertEquals(await withTimeout(large.closeCode()), 1009);
  using pieces = await RawSocket.open(port);
  await pieces.send(clientFrame(1, "x".repeat(60_000), { final: false }));
  await pieces.send(clientFrame(0, "x".repeat(40_001), { final: false }));
  assertEquals(await withTimeout(pieces.closeCode()), 1009);
});

Deno.test("a frame that announces more than a message may have is refused before it arrives", async () => {
  await using opened = await OpenPort.with(listen, { frameBytes: 100_000 });
  using client = await RawSocket.open(opened.port);
  await client.send(clientFrame(1, "x".repeat(200_000)).subarray(0, 100));
  assertEquals(await withTimeout(client.closeCode()), 1009);
});

Deno.test("64 MiB of fragments without an end are not accepted", async () => {
  await using opened = await OpenPort.with(listen);
  using client = await RawSocket.open(opened.port);
  const before = Deno.memoryUsage().rss;
  const closed = client.closeCode();
  const piece = clientFrame(0, new Uint8Array(MIB), { final: false });
  try {
    await client.send(clientFrame(1, "", { final: false }));
    for (let i = 0; i < 64; i++) await client.send(piece);
  } catch {
    // It was disconnected, which is as good.
  }
  assertEquals(await withTimeout(closed), 1009);
  const growth = (Deno.memoryUsage().rss - before) / MIB;
  assert(growth < 32, `memory grew by ${growth} MiB`);
  await withTimeout(opened.handler.until(() => opened.handler.present === 0));
});

Deno.test("empty fragments without an end are not accepted", async () => {
  await using opened = await OpenPort.with(listen);
  using client = await RawSocket.open(opened.port);
  const many = new Uint8Array(6 * 10_000);
  for (let i = 0; i < 10_000; i++) many.set(clientFrame(0, "", { final: false }), 6 * i);
  await client.send(clientFrame(1, "x", { final: false }));
  try {
    for (let i = 0; i < 5; i++) await client.send(many);
  } catch {
    // As good.
  }
  await withTimeout(opened.handler.until(() => opened.handler.present === 0));
});

Deno.test("connections with half-sent headers are closed in time, and an honest client is accepted meanwhile", async () => {
  await using opened = await OpenPort.with(listen, { headerTimeout: 800 });
  const { handler, port } = opened;
  using first = await RawSocket.open(port);
  const began = performance.now();
  const clients = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const client = await RawSocket.connect(port);
      await client.send(upgradeRequest().slice(0, i));
      return client;
    }),
  );
  using honest = await withTimeout(RawSocket.open(port), 1000);
  await withTimeout(Promise.all(clients.map((client) => client.head())));
  const took = performance.now() - began;
  assert(took > 700, `they were closed after ${took} ms already`);
  for (const client of clients) client.cut();
  // An accepted connection may be idle as long as it likes: this one was accepted before all others.
  await first.send(clientFrame(1, "still here"));
  await honest.send(clientFrame(1, "still here"));
  await withTimeout(
    handler.until(() => handler.peers.every(({ received }) => received.length === 1)),
  );
});

Deno.test("headers that arrive byte by byte must arrive in time as well", async () => {
  await using opened = await OpenPort.with(listen, { headerTimeout: 400 });
  using client = await RawSocket.connect(opened.port);
  let closed = false;
  const ended = client.head().then(() => closed = true);
  try {
    for (const byte of upgradeRequest()) {
      if (closed) break;
      await client.send(byte);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } catch {
    // It was disconnected.
  }
  await withTimeout(ended);
  assertEquals(opened.handler.peers, []);
});

Deno.test("a dropped peer is disconnected: data that it has not read never arrives", async () => {
  await using opened = await OpenPort.with(listen);
  using client = await RawSocket.open(opened.port);
  const { peer } = opened.handler.peers[0]!;
  for (let i = 0; i < 32; i++) peer.send("x".repeat(MIB));
  let read = await withTimeout(client.discard(MIB));
  peer.drop("it is a test");
  for (let count; (count = await withTimeout(client.discard(MIB))) > 0;) read += count;
  assert(read < 16 * MIB, `${read} bytes came`);
});

Deno.test("a peer that asks for pongs and reads none is disconnected", async () => {
  await using opened = await OpenPort.with(listen);
  using client = await RawSocket.open(opened.port);
  const ping = clientFrame(9, "x".repeat(125));
  const many = new Uint8Array(1000 * ping.length);
  for (let i = 0; i < 1000; i++) many.set(ping, i * ping.length);
  let pings = 0;
  try {
    while (pings < 256 * MIB) {
      await client.send(many);
      pings += many.length;
    }
  } catch {
    // It was disconnected, as it should be.
  }
  assert(pings < 256 * MIB, "it was never disconnected");
  await withTimeout(opened.handler.until(() => opened.handler.present === 0));
});

Deno.test("without permission for two variables, the hardened transport says in one line what it needs", async () => {
  const args = ["--allow-net", "--no-prompt", "mod.ts", "serve", "--port", "0"];
  await using refused = new Program([...args, "--transport", "hardened"]);
  const { code, stderr } = await refused.end();
  assertEquals([code, stderr.split("\n").length], [1, 1]);
  const flag = "--allow-env=WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE";
  assertStringIncludes(stderr, flag);
  await using served = new Program([flag, ...args, "--transport", "hardened", "--json"]);
  assertEquals(JSON.parse(await served.line() ?? "null").transport, "hardened");
});
