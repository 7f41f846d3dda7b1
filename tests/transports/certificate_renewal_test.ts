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
