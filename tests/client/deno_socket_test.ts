/**
 * The WebSocket of the client for Deno, with servers that obey the RFC and servers that do not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { denoNet } from "../../client/deno/socket_opening.ts";
import { DenoSocket } from "../../client/deno/deno_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { handshake, serverFrame, WebSocketPeer } from "../support/ws_peer.ts";

const utf8 = new TextEncoder();

/** What a socket reports to its owner, one event after another. */
class Owner {
  readonly socket: DenoSocket;
  readonly events: unknown[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #news = Promise.withResolvers<void>();

  constructor(url: string, protocols: string[] = []) {
    this.socket = new DenoSocket(denoNet()!, url, protocols);
    this.socket.onopen = () => this.#record("open");
    this.socket.onmessage = ({ data }) => this.#record(data);
    this.socket.onerror = () => this.#record("error");
    this.socket.onclose = ({ code, reason, wasClean }) => {
      this.#record(wasClean ? [code, reason] : code);
      this.#closed.resolve();
    };
  }

  /** Resolves once this many events were reported. */
  async receivedCount(many: number): Promise<void> {
    while (this.events.length < many) await withTimeout(this.#news.promise);
  }

  /** Resolves once it has reported its close, with all its events. */
  async end(): Promise<unknown[]> {
    await withTimeout(this.#closed.promise);
    return this.events;
  }

  #record(what: unknown): void {
    this.events.push(what);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/** An open socket, and its peer. */
async function open(): Promise<{ peer: WebSocketPeer; owner: Owner }> {
  const peer = new WebSocketPeer();
  const owner = new Owner(peer.url);
  await peer.open();
  await owner.receivedCount(1);
  return { peer, owner };
}

/** Makes timers of a second fire at once, until disposed of; reports when one has. */
function closeEarly(): { readonly over: Promise<void> } & Disposable {
  const { setTimeout } = globalThis;
  const { promise, resolve } = Promise.withResolvers<void>();
  globalThis.setTimeout = ((callback: () => void, ms?: number) => {
    if (ms !== 1000) return setTimeout(callback, ms);
    return setTimeout(() => {
      callback();
      resolve();
    }, 0);
  }) as typeof setTimeout;
  return { over: promise, [Symbol.dispose]: () => void (globalThis.setTimeout = setTimeout) };
}

function closeFrame(code: number, reason = ""): Uint8Array<ArrayBuffer> {
  return serverFrame(8, new Uint8Array([code >> 8, code & 255, ...utf8.encode(reason)]));
}

Deno.test("it requests a WebSocket as RFC 6455 prescribes", async () => {
  using peer = new WebSocketPeer();
  const owner = new Owner(peer.url.replace("ws://", "ws://user:secret@") + "a%20b?c=d", [
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
    const owner = new Owner(peer.url);
    await peer.send(await reply(await peer.accept()));
    if (name.startsWith("an end")) peer.cut();
    assertEquals(await owner.end(), ["error", 1006]);
  });
}

Deno.test("when nothing listens, nothing opens", async () => {
  const peer = new WebSocketPeer();
  peer[Symbol.dispose]();
  assertEquals(await new Owner(peer.url).end(), ["error", 1006]);
});

Deno.test("what arrives in one packet with the answer is not lost", async () => {
  using peer = new WebSocketPeer();
  const owner = new Owner(peer.url);
  await peer.open(serverFrame(1, "first"), serverFrame(1, "second"), closeFrame(1000));
  assertEquals(await owner.end(), ["open", "first", "second", [1000, ""]]);
});

Deno.test("a message arrives in fragments, with a ping among them that is answered", async () => {
  const { peer, owner } = await open();
  using _ = peer;
  await peer.send(serverFrame(1, "one, ", { final: false }));
  await peer.send(serverFrame(9, "ping"));
  // All before it was read: what comes now has a packet of its own.
  assertEquals(await peer.next(), { final: true, opcode: 10, payload: utf8.encode("ping") });
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

for (
  const [name, bytes, code] of [
    ["text that is not UTF-8", serverFrame(1, new Uint8Array([0xff])), 1007],
    ["a fragment of no message", serverFrame(0, "m"), 1002],
    ["a frame that is masked", serverFrame(1, "m", { masked: true }), 1002],
    ["half a close code", serverFrame(8, "x"), 1002],
    ["a close with code 0", closeFrame(0), 1002],
    ["a close with code 1005, which is never sent", closeFrame(1005), 1002],
    ["a close with code 1015, which is never sent", closeFrame(1015), 1002],
    ["a close with code 5000", closeFrame(5000), 1002],
    ["a reason that is not UTF-8", serverFrame(8, new Uint8Array([3, 232, 0xff])), 1007],
  ] as const
) {
  Deno.test(`${name} is answered with ${code}, and ends it`, async () => {
    const { peer, owner } = await open();
    using _ = peer;
    await peer.send(
      new Uint8Array([...serverFrame(1, "before"), ...bytes, ...serverFrame(1, "after")]),
    );
    const { opcode, payload } = (await peer.next())!;
    assertEquals([opcode, payload[0]! << 8 | payload[1]!], [8, code]);
    const [, before, error, [closed]] = await owner.end() as [string, string, string, [number]];
    assertEquals([before, error, closed, owner.events.length], ["before", "error", code, 4]);
    assertEquals(await peer.next(), undefined);
  });
}

Deno.test("a close without a code is valid", async () => {
  const { peer, owner } = await open();
  using _ = peer;
  await peer.send(serverFrame(8));
  assertEquals(await owner.end(), ["open", [1005, ""]]);
});

Deno.test("a close frame is sent behind all that was sent before, and the server's answer ends the connection", async () => {
  const { peer, owner } = await open();
  using _ = peer;
  const texts = Array.from({ length: 50 }, (_, i) => `${i} `.repeat(i * 100));
  for (const text of texts) owner.socket.send(text);
  owner.socket.close(4001, "gone");
  owner.socket.send("too late");
  owner.socket.close();
  for (const text of texts) {
    assertEquals(new TextDecoder().decode((await peer.next())!.payload), text);
  }
  const closeBytes = new Uint8Array([4001 >> 8, 4001 & 255, ...utf8.encode("gone")]);
  assertEquals(await peer.next(), { final: true, opcode: 8, payload: closeBytes });
  await peer.send(serverFrame(1, "too late as well"));
  await peer.send(closeFrame(4001));
  assertEquals(await owner.end(), ["open", [4001, ""]]);
  assertEquals(await peer.next(), undefined);
});

Deno.test("a server that does not answer a close frame is left after a second", async () => {
  const { peer, owner } = await open();
  using _ = peer;
  const begin = performance.now();
  owner.socket.close();
  assertEquals(await owner.end(), ["open", "error", 1006]);
  assert(performance.now() - begin >= 990);
});

Deno.test("what is being written when a server breaks the rules is written to its end", async () => {
  const { peer, owner } = await open();
  using _ = peer;
  const text = "0123456789".repeat(1_000_000);
  owner.socket.send(text);
  await peer.send(serverFrame(0, "a part of no message"));
  await owner.end();
  assertEquals(new TextDecoder().decode((await peer.next())!.payload), text);
  assertEquals((await peer.next())!.opcode, 8);
  assertEquals(await peer.next(), undefined);
});

for (
  const [name, breaks] of [["nothing", false], ["nothing and breaks the rules", true]] as const
) {
  Deno.test(`a server that reads ${name} is left all the same`, async () => {
    const { peer, owner } = await open();
    using _ = peer;
    using second = closeEarly();
    owner.socket.send("0123456789".repeat(2_000_000));
    if (breaks) await peer.send(serverFrame(0, "a part of no message"));
    else owner.socket.close();
    await owner.end();
    await withTimeout(second.over);
    // What the system had accepted arrives; the rest was dropped.
    assertEquals(await peer.next(), undefined);
  });
}

Deno.test("a server that cuts the connection is reported as such", async () => {
  const { peer, owner } = await open();
  using _ = peer;
  peer.cut();
  assertEquals(await owner.end(), ["open", "error", 1006]);
  owner.socket.send("in vain");
  owner.socket.close();
  assertEquals(owner.events.length, 3);
});

Deno.test("a socket that is closed before it was open does not open any more", async () => {
  using never = new WebSocketPeer();
  const atOnce = new Owner(never.url);
  atOnce.socket.send("in vain");
  atOnce.socket.close();
  assertEquals(await atOnce.end(), ["error", 1006]);

  using peer = new WebSocketPeer();
  const inHandshake = new Owner(peer.url);
  const request = await peer.accept();
  inHandshake.socket.close();
  assertEquals(await inHandshake.end(), ["error", 1006]);
  await peer.send(await handshake(request)).catch(() => {});
  assertEquals(await peer.next(), undefined);
  assertEquals(inHandshake.events.length, 2);
});

Deno.test("a large message arrives whole, even if the other end is slow", async () => {
  const { peer, owner } = await open();
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
  const { peer, owner } = await open();
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
  const owner = new Owner(`wss://127.0.0.1:${listener.addr.port}`);
  using conn = await listener.accept();
  await conn.write(utf8.encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
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
