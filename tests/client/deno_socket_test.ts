/**
 * The WebSocket of the client for Deno, with servers that obey the RFC and servers that do not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { DenoSocket } from "../../client/deno/deno_socket.ts";
import { closeFrame, openSocket, SocketOwner } from "../support/socket_owner.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { handshake, serverFrame, WebSocketPeer } from "../support/ws_peer.ts";

Deno.test("it requests a WebSocket as RFC 6455 prescribes", async () => {
  using peer = new WebSocketPeer();
  const owner = new SocketOwner(peer.url.replace("ws://", "ws://user:secret@") + "a%20b?c=d", [
    "one",
    "two",
  ]);
  const [request, ...lines] = (await peer.accept()).trimEnd().split("\r\n");
  const key = lines.find((line) => line.startsWith("Sec-WebSocket-Key: "))!;
  assertEquals(request, "GET /a%20b?c=d HTTP/1.1");
  assertEquals(atob(key.split(": ")[1]!).length, 16);
  assertEquals(lines.filter((line) => line !== key), [
    `Host: ${new URL(peer.url).host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Authorization: Basic dXNlcjpzZWNyZXQ=",
    "Sec-WebSocket-Protocol: one, two",
  ]);
  peer.cut();
  assertEquals(await owner.end(), ["error", 1006]);
});

for (
  const [name, reply] of Object.entries<(request: string) => string | Promise<string>>({
    "another status": () => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "a false key": (request) => handshake(request, { "Sec-WebSocket-Accept": "bm8=" }),
    "no upgrade": (request) => handshake(request, { Upgrade: undefined }),
    "no upgrade of the connection": (request) => handshake(request, { Connection: "close" }),
    "an extension": (request) => handshake(request, { "Sec-WebSocket-Extensions": "x" }),
    "a protocol not asked for": (request) => handshake(request, { "Sec-WebSocket-Protocol": "x" }),
    "a header without an end": (request) => handshake(request, { X: "x".repeat(17_000) }),
    "what is not HTTP": () => "hello\r\n\r\n",
    "a line that is not a header": () => "HTTP/1.1 101 Fine\r\nhello\r\n\r\n",
    "an end in the middle": () => "HTTP/1.1 101 Swi",
  })
) {
  Deno.test(`an answer with ${name} opens nothing, and is reported once`, async () => {
    using peer = new WebSocketPeer();
    const owner = new SocketOwner(peer.url);
    await peer.send(await reply(await peer.accept()));
    if (name.startsWith("an end")) peer.cut();
    assertEquals(await owner.end(), ["error", 1006]);
  });
}

Deno.test("when nothing listens, nothing opens", async () => {
  const peer = new WebSocketPeer();
  peer[Symbol.dispose]();
  assertEquals(await new SocketOwner(peer.url).end(), ["error", 1006]);
});

Deno.test("what arrives in one packet with the answer is not lost", async () => {
  using peer = new WebSocketPeer();
  const owner = new SocketOwner(peer.url);
  await peer.open(serverFrame(1, "first"), serverFrame(1, "second"), closeFrame(1000));
  assertEquals(await owner.end(), ["open", "first", "second", [1000, ""]]);
});

Deno.test("a message arrives in fragments, with a ping among them that is answered", async () => {
  const { peer, owner } = await openSocket();
  using _ = peer;
  await peer.send(serverFrame(1, "one, ", { final: false }));
  await peer.send(serverFrame(9, "ping"));
  // All before it was read: what comes now has a packet of its own.
  assertEquals(await peer.next(), {
    final: true,
    opcode: 10,
    payload: new TextEncoder().encode("ping"),
  });
  await peer.send(serverFrame(10, "unasked"));
  await peer.send(serverFrame(0, "two, ", { final: false }));
  await peer.send(serverFrame(0, "three"));
  await peer.send(serverFrame(2, new Uint8Array([1, 2])));
  await peer.send(closeFrame(4000, "enough"));
  assertEquals(await peer.next(), { final: true, opcode: 8, payload: new Uint8Array([15, 160]) });
  const data = new Uint8Array([1, 2]).buffer;
  assertEquals(await owner.end(), ["open", "one, two, three", data, [4000, "enough"]]);
  assertEquals(await peer.next(), undefined);
});

Deno.test("a large message arrives whole, even if the other end is slow", async () => {
  const { peer, owner } = await openSocket();
  using _ = peer;
  const text = "0123456789".repeat(300_000);
  owner.socket.send(text);
  owner.socket.send("small");
  assertEquals(new TextDecoder().decode((await peer.next())!.payload), text);
  assertEquals(new TextDecoder().decode((await peer.next())!.payload), "small");
  await peer.send(serverFrame(1, text));
  await peer.send(closeFrame(1000));
  assertEquals(await owner.end(), ["open", text, [1000, ""]]);
});

Deno.test("what a handler throws is reported, and the socket goes on", async () => {
  const { peer, owner } = await openSocket();
  using _ = peer;
  const reported: unknown[] = [];
  const report = (event: ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error);
  };
  addEventListener("error", report);
  try {
    const error = new Error("a defect of the owner");
    const { onmessage } = owner.socket;
    owner.socket.onmessage = () => {
      owner.socket.onmessage = onmessage;
      throw error;
    };
    await peer.send(serverFrame(1, "one"));
    await peer.send(serverFrame(1, "two"));
    await peer.send(closeFrame(1000));
    assertEquals(await owner.end(), ["open", "two", [1000, ""]]);
    assertEquals(reported, [error]);
  } finally {
    removeEventListener("error", report);
  }
});

Deno.test("wss: does not open to a server that does not speak TLS", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const owner = new SocketOwner(`wss://127.0.0.1:${listener.addr.port}`);
  using conn = await listener.accept();
  await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
  assertEquals(await owner.end(), ["error", 1006]);
});

Deno.test("messages of any size pass through connect unchanged", async () => {
  await using server = await serve({ port: 0, limits: { messageBytes: 7_000_000 } });
  await using mq = await connect(server.url);
  const messages = [0, 1, 1_024, 1_025, 65_535, 70_000, 1_000_000].flatMap((length) => [
    "m".repeat(length),
    "€\0\ud800".repeat(length / 3),
  ]);
  for (const message of messages) await mq.put("t", message);
  for (const message of messages) assertEquals(await mq.get("t"), message);
});

for (const secure of [false, true]) {
  Deno.test(`it sends without delay, also to an IPv6 address, ${secure ? "" : "not "}over TLS`, async () => {
    const done: unknown[] = [];
    const ended = Promise.withResolvers<void>();
    const conn = {
      read: () => Promise.resolve(null),
      write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
      close: () => {},
    };
    const socket = new DenoSocket(
      {
        connect({ hostname, port }) {
          done.push(["connect", hostname, port]);
          const setNoDelay = (on: boolean) => void done.push(["setNoDelay", on]);
          return Promise.resolve({ ...conn, setNoDelay });
        },
        startTls(_, { hostname, alpnProtocols }) {
          done.push(["startTls", hostname, ...alpnProtocols]);
          return Promise.resolve({ ...conn, handshake: () => Promise.resolve() });
        },
      },
      `${secure ? "wss" : "ws"}://[::1]/`,
      [],
    );
    socket.onclose = () => ended.resolve();
    await withTimeout(ended.promise);
    assertEquals(done, [
      ["connect", "::1", secure ? 443 : 80],
      ["setNoDelay", true],
      ...(secure ? [["startTls", "::1", "http/1.1"]] : []),
    ]);
  });
}
