/**
 * Another certificate while the port is open. Both are for localhost, signed by themselves, and told apart by who
 * trusts them.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { listen as builtin } from "../transports/deno.ts";
import { listen as hardened } from "../transports/node.ts";
import type { Transport } from "../transports/transport.ts";
import { clientFrame, upgradeRequest } from "./support/bare_client.ts";
import { Opened } from "./support/inn.ts";
import { ROOT } from "./support/program.ts";
import { soon } from "./support/soon.ts";

async function fixture(name: string): Promise<{ cert: string; key: string }> {
  const read = (part: string) =>
    Deno.readTextFile(new URL(`tests/fixtures/${name}_${part}.pem`, ROOT));
  return { cert: await read("cert"), key: await read("key") };
}

const before = await fixture("localhost");
const after = await fixture("localhost_renewed");

/** Connects, trusting one certificate alone, and asks for a WebSocket; the first line of the answer. */
async function knock(port: number, { cert }: { cert: string }): Promise<Deno.TlsConn> {
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
  then: (opened: Opened, old: Deno.TlsConn) => Promise<void>,
) {
  await using opened = await Opened.with(listen, {}, before);
  const { port, inn } = opened;
  using old = await soon(knock(port, before));
  await soon(inn.until(() => inn.present === 1));
  await soon(opened.renew(after));
  using _new = await soon(knock(port, after));
  await soon(inn.until(() => inn.guests.length === 2));
  await assertRejects(() => knock(port, before), Error, "certificate");
  await then(opened, old);
  await soon(opened.renew(before));
  using _again = await soon(knock(port, before));
  assertEquals(inn.failures, []);
}

Deno.test("hardened: who comes after a renewal gets the new certificate, and who is in stays", async () => {
  await renewed(hardened, async ({ inn }, old) => {
    await old.write(clientFrame(1, "still here"));
    await soon(inn.until(() => inn.guests[0]!.said[0] === "still here"));
  });
});

Deno.test("builtin: who comes after a renewal gets the new certificate, and who was in is sent to it with 1001", async () => {
  await renewed(builtin, async ({ inn }, old) => {
    const frame = new Uint8Array(4);
    await soon(old.read(frame).then(() => {}));
    assertEquals([frame[0], frame[2]! * 256 + frame[3]!], [0x88, 1001]);
    await soon(inn.until(() => inn.guests[0]!.closed === 1));
  });
});

Deno.test("builtin: a certificate that cannot be used leaves the old one", async () => {
  await using opened = await Opened.with(builtin, {}, before);
  await assertRejects(() => opened.renew({ ...after, cert: "none" }), Error);
  using _new = await soon(knock(opened.port, before));
});

Deno.test("builtin: a port that cannot be opened anew for a certificate is opened as soon as that can be", async () => {
  await using opened = await Opened.with(builtin, {}, before);
  const { serve } = Deno;
  let fails = 4;
  Deno.serve = ((...args: Parameters<typeof serve>) => {
    if (fails-- > 0) throw new Error("Too many open files (os error 24)");
    return serve(...args);
  }) as typeof serve;
  try {
    await assertRejects(() => soon(opened.renew(after)), Error, "Too many open files");
    await soon(opened.inn.until(() => opened.inn.told.length > 0));
    await soon((async () => {
      while (fails >= 0) await new Promise((resolve) => setTimeout(resolve, 5));
    })());
    using _again = await soon(knock(opened.port, before));
    assertEquals(opened.inn.told, [
      "cannot take connections: Too many open files (os error 24); it goes on as soon as that is over",
    ]);
  } finally {
    Deno.serve = serve;
  }
});
