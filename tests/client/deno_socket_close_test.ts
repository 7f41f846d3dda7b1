/**
 * How a WebSocket of the client for Deno ends, with servers that obey the RFC and servers that do not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { closeEarly, closeFrame, openSocket, SocketOwner } from "../support/socket_owner.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { handshake, serverFrame, WebSocketPeer } from "../support/ws_peer.ts";

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
    const { peer, owner } = await openSocket();
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
  const { peer, owner } = await openSocket();
  using _ = peer;
  await peer.send(serverFrame(8));
  assertEquals(await owner.end(), ["open", [1005, ""]]);
});

Deno.test("a close frame is sent behind all that was sent before, and the server's answer ends the connection", async () => {
  const { peer, owner } = await openSocket();
  using _ = peer;
  const texts = Array.from({ length: 50 }, (_, i) => `${i} `.repeat(i * 100));
  for (const text of texts) owner.socket.send(text);
  owner.socket.close(4001, "gone");
  owner.socket.send("too late");
  owner.socket.close();
  for (const text of texts) {
    assertEquals(new TextDecoder().decode((await peer.next())!.payload), text);
  }
  const closeBytes = new Uint8Array([4001 >> 8, 4001 & 255, ...new TextEncoder().encode("gone")]);
  assertEquals(await peer.next(), { final: true, opcode: 8, payload: closeBytes });
  await peer.send(serverFrame(1, "too late as well"));
  await peer.send(closeFrame(4001));
  assertEquals(await owner.end(), ["open", [4001, ""]]);
  assertEquals(await peer.next(), undefined);
});

Deno.test("a server that does not answer a close frame is left after a second", async () => {
  const { peer, owner } = await openSocket();
  using _ = peer;
  using second = closeEarly();
  owner.socket.close();
  assertEquals(await owner.end(), ["open", "error", 1006]);
  await withTimeout(second.over);
});

Deno.test("what is being written when a server breaks the rules is written to its end", async () => {
  const { peer, owner } = await openSocket();
  using _ = peer;
  const text = "0123456789".repeat(1_000_000);
  owner.socket.send(text);
  await peer.send(serverFrame(0, "a fragment of no message"));
  await owner.end();
  assertEquals(new TextDecoder().decode((await peer.next())!.payload), text);
  assertEquals((await peer.next())!.opcode, 8);
  assertEquals(await peer.next(), undefined);
});

for (
  const [name, breaks] of [["nothing", false], ["nothing and breaks the rules", true]] as const
) {
  Deno.test(`a server that reads ${name} is left all the same`, async () => {
    const { peer, owner } = await openSocket();
    using _ = peer;
    using second = closeEarly();
    owner.socket.send("0123456789".repeat(2_000_000));
    if (breaks) await peer.send(serverFrame(0, "a fragment of no message"));
    else owner.socket.close();
    await owner.end();
    await withTimeout(second.over);
    // What the system had accepted arrives; the rest was dropped.
    assertEquals(await peer.next(), undefined);
  });
}

Deno.test("a server that cuts the connection is reported as such", async () => {
  const { peer, owner } = await openSocket();
  using _ = peer;
  peer.cut();
  assertEquals(await owner.end(), ["open", "error", 1006]);
  owner.socket.send("lost");
  owner.socket.close();
  assertEquals(owner.events.length, 3);
});

Deno.test("a socket that is closed before it was open does not open any more", async () => {
  using never = new WebSocketPeer();
  const atOnce = new SocketOwner(never.url);
  atOnce.socket.send("lost");
  atOnce.socket.close();
  assertEquals(await atOnce.end(), ["error", 1006]);

  using peer = new WebSocketPeer();
  const inHandshake = new SocketOwner(peer.url);
  const request = await peer.accept();
  inHandshake.socket.close();
  assertEquals(await inHandshake.end(), ["error", 1006]);
  await peer.send(await handshake(request)).catch(() => {});
  assertEquals(await peer.next(), undefined);
  assertEquals(inHandshake.events.length, 2);
});
