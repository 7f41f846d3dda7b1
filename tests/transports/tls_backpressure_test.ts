/**
 * The hardened transport over TLS: a peer that is not read cannot keep sending.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { listen as hardened } from "../../transports/node.ts";
import { clientFrame, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MIB = 1024 * 1024;

const [cert, key] = ["cert", "key"].map((what) =>
  Deno.readTextFileSync(new URL(`tests/fixtures/localhost_${what}.pem`, ROOT))
) as [string, string];

/** An accepted connection. */
async function connectTls({ port }: OpenPort): Promise<Deno.TlsConn> {
  const conn = await Deno.connectTls({ hostname: "localhost", port, caCerts: [cert] });
  await conn.write(new TextEncoder().encode(upgradeRequest()));
  await conn.read(new Uint8Array(1024));
  return conn;
}

/** Sends frames of this size, up to this many bytes. */
class Sending {
  sent = 0;
  readonly ended: Promise<void>;

  constructor(conn: Deno.TlsConn, max: number) {
    const frame = clientFrame(1, new Uint8Array(MIB).fill(0x78));
    this.ended = (async () => {
      while (this.sent < max) {
        for (let at = 0; at < frame.length;) {
          const written = await conn.write(frame.subarray(at));
          at += written;
          this.sent += written;
        }
      }
    })().catch(() => {});
  }
}

Deno.test("hardened: over TLS, nothing is read from a peer that is paused", async () => {
  await using opened = await OpenPort.with(hardened, {}, { cert, key });
  opened.handler.receive = () => {};
  using paused = await connectTls(opened);
  await withTimeout(opened.handler.until(() => opened.handler.peers.length === 1));
  const [{ peer }] = opened.handler.peers as [OpenPort["handler"]["peers"][number]];
  peer.closeAndStopReading(4401, "nothing more is read");
  using other = await connectTls(opened);
  const sending = new Sending(paused, 64 * MIB);
  // Another one that sends at the same time has sent everything, and the server has read that.
  const all = new Sending(other, 64 * MIB);
  await withTimeout(all.ended, 30_000);
  assertEquals(all.sent >= 64 * MIB, true);
  // What the system buffers at both ends.
  assert(sending.sent < 32 * MIB, `${sending.sent} bytes were sent`);
  peer.drop("the test is over");
  await withTimeout(sending.ended);
});

Deno.test("hardened: over TLS, a peer whose turn is late is read further in its turn, and gets all replies", async () => {
  await using opened = await OpenPort.with(hardened, {}, { cert, key });
  let replyCount = 0;
  opened.handler.receive = (fakePeer) => {
    // As for a slow peer: its input has to wait.
    for (const end = performance.now() + 1; performance.now() < end;);
    fakePeer.peer.send(`${++replyCount}`);
  };
  using conn = await connectTls(opened);
  const frame = clientFrame(1, "x".repeat(10_000));
  const count = 300;
  const writing = (async () => {
    for (let i = 0; i < count; i++) {
      for (let at = 0; at < frame.length;) at += await conn.write(frame.subarray(at));
    }
  })();
  const buffer = new Uint8Array(64 * 1024);
  let bytes = 0;
  const expected = Array.from({ length: count }, (_, i) => 2 + `${i + 1}`.length);
  const all = expected.reduce((sum, one) => sum + one);
  while (bytes < all) bytes += await withTimeout(conn.read(buffer), 20_000) ?? all;
  await writing;
  assertEquals([bytes, replyCount], [all, count]);
});
