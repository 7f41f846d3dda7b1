/**
 * Unauthenticated connections: what they may send, and that nothing else is done for them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { ServeOptions, Server } from "@dsmq/server";
import { MAX_HELLO_LENGTH, parseFirstHello } from "../../protocol/first_hello.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const OFFERED = "Sec-WebSocket-Protocol: dsmq";
const GOOD = "Authorization: Bearer good";
const hello = { action: "hello", id: 1 };
const put = (id: number) => ({ action: "put", topic: "t", body: "m", id });

/** A hello of this length, with a valid token. */
const longHello = (length: number) => {
  const short = JSON.stringify({ ...hello, token: "good", more: "" });
  return short.replace('"more":""', `"more":"${"x".repeat(length - short.length)}"`);
};

async function sendFrames(client: RawSocket, ...frames: unknown[]): Promise<void> {
  const text = (frame: unknown) => typeof frame === "string" ? frame : JSON.stringify(frame);
  for (const frame of frames) {
    await client.send(frame instanceof Uint8Array ? frame : clientFrame(1, text(frame)));
  }
}

// deno-lint-ignore no-explicit-any -- a test reads what it expects
async function nextFrame(client: RawSocket): Promise<any> {
  const frame = await withTimeout(client.next());
  assertEquals(frame?.opcode, 1);
  return JSON.parse(new TextDecoder().decode(frame!.payload));
}

/** Asserts that a connection with a valid token is served. */
async function assertServes(server: Server): Promise<void> {
  using client = await RawSocket.open(server.port, OFFERED, GOOD);
  await sendFrames(client, put(1));
  assertEquals((await nextFrame(client)).id, 1);
}

Deno.test("a frame that is too long or does not begin with a hello is not parsed; one that does is parsed once", () => {
  const parse = JSON.parse;
  let parsed = 0;
  JSON.parse = (...args) => (parsed++, parse(...args));
  try {
    const others = [
      longHello(MAX_HELLO_LENGTH + 1),
      "[".repeat(4000),
      `["hello"]`,
      `"hello"`,
      '{"action":"put","id":1}',
      "",
      new Uint8Array(9),
    ];
    for (const other of others) assertEquals(parseFirstHello(other), undefined);
    assertEquals(parsed, 0);
    const read = { id: 1, token: "good", batched: false };
    assertEquals(parseFirstHello(longHello(MAX_HELLO_LENGTH)), read);
    assertEquals(parsed, 1);
    assertEquals(parseFirstHello(JSON.stringify([{ ...hello, token: {} }, 0])), {
      ...read,
      token: "",
      batched: true,
    });
  } finally {
    JSON.parse = parse;
  }
  const none = [
    '{"id":"hello"}',
    '[{},{"action":"hello","id":1}]',
    '{"action":"hello"}',
    '{"hello"',
  ];
  for (const other of none) assertEquals(parseFirstHello(other), undefined, other);
});

for (const transport of ["builtin", "hardened"] as const) {
  const serve = (options: ServeOptions = {}) => openServer({ transport, auth: "good", ...options });

  Deno.test(`${transport}: an unauthenticated connection that sends anything but hello is closed with 4401 at once`, async () => {
    const clock = new ManualClock();
    await using server = await serve({ clock });
    const frames: [string, unknown][] = [
      ["a put of dsmq 1.x", { action: "put", topic: "t", message: "m" }],
      ["a get of dsmq 1.x", { action: "get", topic: "t" }],
      ["a put", put(2)],
      ["an unknown action", { action: "dance", id: 1 }],
      ["a hello after another request", [put(2), { ...hello, token: "good" }]],
      ["a hello without an id", { action: "hello", token: "good" }],
      ["a hello that is too long", longHello(MAX_HELLO_LENGTH + 1)],
      ["deep nesting", "[".repeat(100_000)],
      ["many objects", `[${'{"id":1},'.repeat(100_000)}1]`],
      ["no JSON", "{hello"],
      ["nothing", ""],
      ["binary data", clientFrame(2, "hello")],
      ["nine frames", [0]],
    ];
    for (const [what, frame] of frames) {
      using client = await RawSocket.open(server.port, OFFERED);
      if (what === "nine frames") {
        await sendFrames(
          client,
          ...Array.from({ length: 8 }, () => ({ action: "heartbeat" })),
          hello,
        );
      } else await sendFrames(client, frame);
      assertEquals(await withTimeout(client.closeCode()), 4401, what);
      // It does not answer the close, and is dropped.
      await until(() => server.stats().pendingConnections === 1);
      clock.advance(500);
      await until(() => server.stats().pendingConnections === 0);
    }
    assertEquals(server.stats().stored, 0);
    await assertServes(server);
  });

  Deno.test(`${transport}: a hello with a valid token may be long and late, and more may come with it and after it`, async () => {
    await using server = await serve();
    using client = await RawSocket.open(server.port, OFFERED);
    await sendFrames(client, hello, { action: "heartbeat" }, [{ ...hello, id: 2 }, put(3)]);
    assertEquals((await nextFrame(client)).error.code, "unauthorized");
    const [refused, ...none] = await nextFrame(client);
    assertEquals([refused.id, refused.error.code, none], [2, "unauthorized", []]);
    await sendFrames(client, longHello(MAX_HELLO_LENGTH), put(4), [put(5), put(6)], put(7));
    const replies = [];
    while (replies.length < 5) replies.push(...[await nextFrame(client)].flat());
    assertEquals(replies.map(({ id }) => id), [1, 4, 5, 6, 7]);
    assertEquals(server.stats().stored, 4);

    using together = await RawSocket.open(server.port, OFFERED);
    await sendFrames(together, [{ ...hello, token: "good" }, put(2), {
      action: "get",
      topic: "t",
    }]);
    assertEquals((await nextFrame(together)).map(({ id }: { id?: number }) => id), [
      1,
      2,
      undefined,
    ]);
    // Nothing of that counts from now on.
    await sendFrames(
      together,
      ...Array.from({ length: 20 }, (_, i) => put(i)),
      put(20),
      { action: "dance", id: 21, more: "x".repeat(80_000) },
    );
    for (let id = 0; id < 21; id++) assertEquals((await nextFrame(together)).id, id);
    assertEquals((await nextFrame(together)).error.code, "unknown_action");
    assertEquals(server.stats().pendingConnections, 0);
  });

  Deno.test(`${transport}: a hello with an invalid token is answered and closed with 4401, and nothing that comes with it is done`, async () => {
    await using server = await serve();
    for (const token of ["bad", "", "x".repeat(5000), 5, null, {}]) {
      using client = await RawSocket.open(server.port, OFFERED);
      await sendFrames(client, { ...hello, token }, put(2), { ...hello, token: "good" });
      const { id, error } = await nextFrame(client);
      assertEquals([id, error.code], [1, "unauthorized"]);
      assertEquals(await withTimeout(client.closeCode()), 4401);
    }
    assertEquals(server.stats().stored, 0);
  });

  Deno.test(`${transport}: tokens that change while connections are unauthenticated apply to their next hello`, async () => {
    await using server = await serve();
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await RawSocket.open(server.port, OFFERED));
    await server.setAuth("new");
    for (const [i, client] of clients.entries()) {
      await sendFrames(client, { ...hello, token: i % 2 === 0 ? "good" : "new" });
      assertEquals((await nextFrame(client)).error?.code, i % 2 === 0 ? "unauthorized" : undefined);
    }
    const late = await RawSocket.open(server.port, OFFERED);
    await server.setAuth({ tokens: [{ token: "new" }], anonymous: { permissions: ["read"] } });
    await sendFrames(late, hello);
    assertEquals((await nextFrame(late)).start, 0);
    for (const client of [...clients, late]) client.cut();
    await until(() => server.stats().connections === 0);
  });

  Deno.test(`${transport}: unauthenticated connections take no place: one with a valid token is accepted`, async () => {
    await using server = await serve({ limits: { connections: 2, pendingConnections: 3 } });
    const unauthenticated = [];
    for (let i = 0; i < 10; i++) unauthenticated.push(await RawSocket.open(server.port, OFFERED));
    await until(() => server.stats().pendingConnections === 3);
    assertEquals(server.stats().connections, 0);
    // The oldest had to go; the newest are still here.
    for (const client of unauthenticated.slice(0, 7)) {
      assertEquals(await withTimeout(client.closeCode()), 1013);
    }
    await assertServes(server);
    for (const client of unauthenticated.slice(8)) {
      await sendFrames(client, { ...hello, token: "good" }, put(2));
      assertEquals([(await nextFrame(client)).id, (await nextFrame(client)).id], [1, 2]);
    }
    await sendFrames(unauthenticated[7]!, { ...hello, token: "good", session: "0123456789abcdef" });
    assertEquals(await withTimeout(unauthenticated[7]!.closeCode()), 1013);
    for (const client of unauthenticated) client.cut();
    await until(() => server.stats().connections === 0 && server.stats().pendingConnections === 0);
  });

  Deno.test(`${transport}: a server that stops tells unauthenticated connections, and does not wait long for them`, async () => {
    const server = await serve();
    using client = await RawSocket.open(server.port, OFFERED);
    using disconnected = await RawSocket.open(server.port, OFFERED, "Authorization: Bearer bad");
    assertEquals(await withTimeout(disconnected.closeCode()), 4401);
    const stopped = server.shutdown();
    assertEquals(await withTimeout(client.closeCode()), 1012);
    await withTimeout(stopped);
  });
}

Deno.test("a connection without read permission does not learn how many messages there were at what time", async () => {
  const tokens = [{ token: "good" }, { token: "writer", permissions: ["write" as const] }];
  const clock = new ManualClock();
  await using server = await openServer({ auth: { tokens }, clock });
  const begin = clock.now();
  using first = await RawSocket.open(server.port, OFFERED, GOOD);
  for (let id = 1; id < 6; id++) {
    await sendFrames(first, put(id));
    await nextFrame(first);
    clock.advance(1000);
  }
  for (const [token, expected] of [["good", 2], ["writer", 5]]) {
    using client = await RawSocket.open(server.port, OFFERED, `Authorization: Bearer ${token}`);
    await sendFrames(client, { ...hello, since: { time: begin + 2000 } });
    assertEquals((await nextFrame(client)).start, expected, `${token}`);
  }
});

Deno.test("hardened: an unauthenticated connection that sends more than 32 KiB or many partial frames is disconnected, in any form", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ transport: "hardened", auth: "good", clock });
  const part = new Uint8Array(16 * 1024);
  const many = (frame: Uint8Array) => {
    const all = new Uint8Array(frame.length * Math.ceil(part.length / frame.length));
    for (let i = 0; i < all.length; i += frame.length) all.set(frame, i);
    return all;
  };
  const unfinished = clientFrame(1, new Uint8Array(3_000_000)).subarray(0, part.length);
  const cases: [string, Uint8Array, Uint8Array][] = [
    ["a frame without an end", unfinished, part],
    ["fragments", clientFrame(1, part, { final: false }), clientFrame(0, part, { final: false })],
    [
      "one-byte fragments",
      clientFrame(1, "x", { final: false }),
      many(clientFrame(0, "x", { final: false })),
    ],
    ["pongs", clientFrame(10), many(clientFrame(10, "x".repeat(100)))],
  ];
  for (const [what, first, next] of cases) {
    using client = await RawSocket.open(server.port, OFFERED);
    await client.send(first);
    for (let sent = 0; sent < 48 * 1024; sent += next.length) await client.send(next);
    assertEquals(await withTimeout(client.closeCode()), 4401, what);
    // Nothing more is read from it: what it sends stays in the system's buffers.
    let accepted = 0;
    const pinging = (async () => {
      for (; accepted < 64 * 1024 * 1024; accepted += part.length) await client.send(part);
    })().catch(() => {});
    clock.advance(500);
    await withTimeout(pinging);
    assert(accepted < 64 * 1024 * 1024, what);
    assertEquals(server.stats().pendingConnections, 0);
  }
});
