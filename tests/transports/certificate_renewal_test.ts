/**
 * Another certificate while the port is open. Both are for localhost and self-signed, and are distinguished by who
 * trusts them.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { listen as builtin } from "../../transports/deno.ts";
import { listen as hardened } from "../../transports/node.ts";
import type { Transport } from "../../transports/transport.ts";
import { openServer } from "../support/open_server.ts";
import { clientFrame, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

async function fixture(name: string): Promise<{ cert: string; key: string }> {
  const read = (part: string) =>
    Deno.readTextFile(new URL(`tests/fixtures/${name}_${part}.pem`, ROOT));
  return { cert: await read("cert"), key: await read("key") };
}

const before = await fixture("localhost");
const after = await fixture("localhost_renewed");

/** Connects, trusts one certificate alone, and requests an upgrade. Returns the first line of the response. */
async function connectTls(port: number, { cert }: { cert: string }): Promise<Deno.TlsConn> {
  const conn = await Deno.connectTls({
    hostname: "localhost",
    port,
    caCerts: [cert],
    alpnProtocols: ["http/1.1"],
  });
  try {
    await conn.handshake();
    await conn.write(new TextEncoder().encode(upgradeRequest()));
    await conn.read(new Uint8Array(4096));
    return conn;
  } catch (error) {
    conn.close();
    throw error;
  }
}

async function renewed(
  listen: Transport,
  then: (opened: OpenPort, old: Deno.TlsConn) => Promise<void>,
) {
  await using opened = await OpenPort.with(listen, {}, before);
  const { port, handler } = opened;
  using old = await withTimeout(connectTls(port, before));
  await withTimeout(handler.until(() => handler.present === 1));
  await withTimeout(opened.renew(after));
  using _new = await withTimeout(connectTls(port, after));
  await withTimeout(handler.until(() => handler.peers.length === 2));
  await assertRejects(() => connectTls(port, before), Error, "certificate");
  await then(opened, old);
  await withTimeout(opened.renew(before));
  using _again = await withTimeout(connectTls(port, before));
  assertEquals(handler.failures, []);
}

Deno.test("hardened: new connections get the renewed certificate, and open ones stay", async () => {
  await renewed(hardened, async ({ handler }, old) => {
    await old.write(clientFrame(1, "still here"));
    await withTimeout(handler.until(() => handler.peers[0]!.received[0] === "still here"));
  });
});

Deno.test("builtin: new connections get the renewed certificate, and open ones are sent to it with 1001", async () => {
  await renewed(builtin, async ({ handler }, old) => {
    const frame = new Uint8Array(4);
    await withTimeout(old.read(frame).then(() => {}));
    assertEquals([frame[0], frame[2]! * 256 + frame[3]!], [0x88, 1001]);
    await withTimeout(handler.until(() => handler.peers[0]!.closed === 1));
  });
});

Deno.test("builtin: the old certificate stays if the new one cannot be used", async () => {
  await using opened = await OpenPort.with(builtin, {}, before);
  await assertRejects(() => opened.renew({ ...after, cert: "none" }), Error);
  using _new = await withTimeout(connectTls(opened.port, before));
});

Deno.test("builtin: a port that cannot be reopened for a new certificate is opened as soon as possible", async () => {
  await using opened = await OpenPort.with(builtin, {}, before);
  const { serve } = Deno;
  let fails = 4;
  Deno.serve = ((...args: Parameters<typeof serve>) => {
    if (fails-- > 0) throw new Error("Too many open files (os error 24)");
    return serve(...args);
  }) as typeof serve;
  try {
    await assertRejects(() => withTimeout(opened.renew(after)), Error, "Too many open files");
    await withTimeout(opened.handler.until(() => opened.handler.logged.length > 0));
    await withTimeout((async () => {
      while (fails >= 0) await new Promise((resolve) => setTimeout(resolve, 5));
    })());
    using _again = await withTimeout(connectTls(opened.port, before));
    assertEquals(opened.handler.logged, [
      "cannot accept connections: Too many open files (os error 24); it continues as soon as that is over",
    ]);
  } finally {
    Deno.serve = serve;
  }
});

const hello = new TextEncoder().encode("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");

/** Deno keeps the TCP connection of such a peer until that leaves, or continues. */
const WITHOUT_TLS = "without a handshake";

/** Opens a connection that would last, and returns it. */
const peers: Readonly<Record<string, (port: number) => Promise<Deno.Conn>>> = {
  [`is ${WITHOUT_TLS}`]: (port) => Deno.connect({ hostname: "localhost", port }),
  async [`is in the middle of TLS, ${WITHOUT_TLS}`](port) {
    const conn = await Deno.connect({ hostname: "localhost", port });
    await conn.write(new Uint8Array([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]));
    return conn;
  },
  async "has an HTTP connection"(port) {
    const conn = await secure(port);
    await conn.write(hello);
    await conn.read(new Uint8Array(4096));
    return conn;
  },
  async "has an HTTP/2 connection"(port) {
    const conn = await secure(port, "h2");
    await conn.write(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    await conn.write(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    return conn;
  },
  async "is in the middle of an upload"(port) {
    const conn = await secure(port);
    const head = "POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx";
    await conn.write(new TextEncoder().encode(head));
    return conn;
  },
  "has a WebSocket": (port) => connectTls(port, before),
};

/** A connection that trusts the first certificate alone. */
async function secure(port: number, protocol = "http/1.1"): Promise<Deno.TlsConn> {
  const conn = await Deno.connectTls({
    hostname: "localhost",
    port,
    caCerts: [before.cert],
    alpnProtocols: [protocol],
  });
  try {
    await conn.handshake();
    return conn;
  } catch (error) {
    conn.close();
    throw error;
  }
}

/** Resolves once the other end has gone. */
async function ended(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    while (await conn.read(buffer) !== null) { /* what was sent before */ }
  } catch {
    // A reset is an end as well.
  }
}

for (const [name, open] of Object.entries(peers)) {
  Deno.test(`builtin: a peer that ${name} hinders neither a renewal nor a stop at any moment of it`, async () => {
    for (let turns = 0; turns < 8; turns++) {
      await using opened = await OpenPort.with(builtin, {}, before);
      using old = await withTimeout(open(opened.port));
      const renewal = opened.renew(after);
      if (turns === 0) {
        await withTimeout(renewal);
        if (!name.includes(WITHOUT_TLS)) await withTimeout(ended(old));
        using _new = await withTimeout(connectTls(opened.port, after));
      }
      for (let turn = 1; turn < turns; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await withTimeout(opened.stop());
      await withTimeout(renewal);
      if (!name.includes(WITHOUT_TLS)) await withTimeout(ended(old));
      assertEquals(opened.handler.failures, []);
    }
  });
}

Deno.test("builtin: a peer that begins TLS after a renewal of the port that it came to is closed", async () => {
  await using opened = await OpenPort.with(builtin, {}, before);
  const conn = await Deno.connect({ hostname: "localhost", port: opened.port });
  await withTimeout(opened.renew(after));
  using late = await withTimeout(
    Deno.startTls(conn, { hostname: "localhost", caCerts: [before.cert] }),
  );
  await late.write(hello).catch(() => {});
  assertEquals(await withTimeout(late.read(new Uint8Array(16)).catch(() => null)), null);
});

Deno.test("builtin: of hundreds of connections each is told with 1001 that the port is reopened", async () => {
  await using opened = await OpenPort.with(builtin, {}, before);
  const { port, handler } = opened;
  const clients = await Promise.all(Array.from({ length: 200 }, () => connectTls(port, before)));
  await withTimeout(handler.until(() => handler.present === clients.length));
  // What was sent before arrives before.
  for (const { peer } of handler.peers) peer.send("a message");
  await withTimeout(opened.renew(after));
  await withTimeout(handler.until(() => handler.present === 0));
  for (const client of clients) {
    const received: number[] = [];
    const buffer = new Uint8Array(4096);
    for (let read; (read = await withTimeout(client.read(buffer).catch(() => null))) !== null;) {
      received.push(...buffer.subarray(0, read));
    }
    client.close();
    const text = String.fromCharCode(...received);
    assertEquals(text.slice(0, 15), "\x81\x09a message\x88\x16\x03\xe9");
  }
});

Deno.test("builtin: a handshake in the middle of a renewal is refused or cut, and leaves no WebSocket behind", async () => {
  const { upgradeWebSocket } = Deno;
  const sockets: WebSocket[] = [];
  Deno.upgradeWebSocket = (...args) => {
    const upgraded = upgradeWebSocket(...args);
    sockets.push(upgraded.socket);
    return upgraded;
  };
  try {
    await using opened = await OpenPort.with(builtin, {}, before);
    const { handler, port } = opened;
    const { admit } = handler;
    const [arrived, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    handler.admit = async (...args) => {
      arrived.resolve();
      await gate.promise;
      return admit(...args);
    };
    using slow = await secure(port);
    await slow.write(new TextEncoder().encode(upgradeRequest()));
    await withTimeout(arrived.promise);
    handler.admit = admit;
    // Some are answered just before, others in the middle.
    const others = Array.from({ length: 20 }, async () => {
      using conn = await secure(port);
      await conn.write(new TextEncoder().encode(upgradeRequest()));
      await ended(conn);
    });
    await withTimeout(handler.until(() => handler.present > 0));
    await withTimeout(opened.renew(after));
    await withTimeout(Promise.allSettled(others));
    gate.resolve();
    await withTimeout(handler.until(() => handler.present === 0));
    assertEquals(sockets.filter(({ readyState }) => readyState === WebSocket.CONNECTING), []);
    using _new = await withTimeout(connectTls(port, after));
    await withTimeout(handler.until(() => handler.present === 1));
    assertEquals(handler.failures, []);
  } finally {
    Deno.upgradeWebSocket = upgradeWebSocket;
  }
});

Deno.test("builtin: a stop ends a renewal that waits for its port", async () => {
  await using opened = await OpenPort.with(builtin, {}, before);
  const { serve } = Deno;
  const waiting = Promise.withResolvers<void>();
  Deno.serve = (() => {
    waiting.resolve();
    throw new Deno.errors.AddrInUse("Address already in use (os error 98)");
  }) as unknown as typeof serve;
  try {
    const renewal = opened.renew(after);
    await withTimeout(waiting.promise);
    await withTimeout(opened.stop());
    await withTimeout(renewal);
  } finally {
    Deno.serve = serve;
  }
});

Deno.test("renewals one after another leave the last certificate, and no message is lost", async () => {
  await using server = await openServer({ ...before });
  using _silent = await Deno.connect({ hostname: "localhost", port: server.port });
  const all = [after, before, after, before, after].map(({ cert, key }) =>
    server.setCertificate(cert, key)
  );
  await withTimeout(Promise.all(all));
  await assertRejects(() => secure(server.port), Error, "certificate");
  using renewed = await withTimeout(connectTls(server.port, after));
  const put = JSON.stringify({ action: "put", id: 1, topic: "t", body: "m" });
  await renewed.write(clientFrame(1, put));
  await withTimeout(renewed.read(new Uint8Array(4096)));
  await server.setCertificate(before.cert, before.key);
  using _again = await secure(server.port);
  assertEquals(server.stats().stored, 1);
});
