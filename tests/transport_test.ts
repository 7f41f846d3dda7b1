import { assert, assertEquals } from "@std/assert";
import { listen } from "../transports/deno.ts";
import type { House, Peer } from "../transports/transport.ts";
import { soon } from "./support/soon.ts";

Deno.test("a peer that does not read has more and more buffered, and is told of once it reads", async () => {
  const arrived = Promise.withResolvers<Peer>();
  const house: House = {
    http: () => new Response(),
    admit: () =>
      Promise.resolve((peer: Peer) => {
        arrived.resolve(peer);
        return { receive() {}, closed() {} };
      }),
    gaveUp() {},
    failed: (error) => arrived.reject(error),
  };
  const after = () => () => {};
  const listener = await listen({ host: "127.0.0.1", port: 0 }, house, {
    frameBytes: 1024,
    headerTime: 8000,
    patience: 8000,
    after,
  });
  const conn = await Deno.connect({ port: listener.port });
  const lines = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${btoa("0123456789abcdef")}`,
  ];
  await conn.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const peer = await soon(arrived.promise);
  assertEquals(peer.buffered, 0);

  // Far more than the system takes for a peer that does not read.
  const frame = "x".repeat(1024 * 1024);
  for (let i = 0; i < 32; i++) peer.send(frame);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(peer.buffered > 16 * frame.length, `${peer.buffered} bytes are buffered`);
  let drained = false;
  const whenDrained = peer.drained().then(() => drained = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(drained, false);

  const into = new Uint8Array(1024 * 1024);
  for (let left = 32 * frame.length; left > 0;) left -= await conn.read(into) ?? left;
  await soon(whenDrained);
  assert(peer.buffered < 64 * 1024, `${peer.buffered} bytes are buffered`);
  conn.close();
  await listener.stop();
});
