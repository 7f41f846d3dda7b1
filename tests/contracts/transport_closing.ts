/**
 * The contract of a transport: how connections end.
 *
 * @module
 */

import { Budget } from "../../budgets/budget.ts";
import { assert, assertEquals } from "@std/assert";
import type { Transport } from "../../transports/transport.ts";
import { onFreedPort } from "../support/freed_port.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Each promise, and its test. */
export const closing: Readonly<Record<string, (listen: Transport) => Promise<void>>> = {
  async "a close arrives with its code after everything that was sent, and ends the connection once"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const { handler, clock } = opened;
    using client = await RawSocket.open(opened.port);
    const [fakePeer] = handler.peers;
    fakePeer!.peer.send("last frame");
    fakePeer!.peer.close(1012, "the server is stopping");
    fakePeer!.peer.close(1011, "twice");
    fakePeer!.peer.send("too late");
    assertEquals(
      new TextDecoder().decode((await withTimeout(client.next()))!.payload),
      "last frame",
    );
    assertEquals(await withTimeout(client.closeCode()), 1012);
    await client.send(clientFrame(8, new Uint8Array([3, 244])));
    client.cut();
    await withTimeout(handler.until(() => fakePeer!.closed === 1));
    assertEquals([handler.reasons, handler.failures, clock.waiting], [[], [], 0]);
  },

  async "a peer that does not answer the close is dropped"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, clock } = opened;
    using _client = await RawSocket.open(opened.port);
    handler.peers[0]!.peer.close(1008, "go");
    for (let i = 0; i < 9; i++) clock.advance(1000);
    assertEquals([handler.peers[0]!.closed, handler.reasons.length, clock.waiting], [1, 1, 0]);
  },

  async "a peer that closes, one that disconnects, and one that is dropped each end once"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    using closingPeer = await RawSocket.open(port);
    await closingPeer.send(clientFrame(8, new Uint8Array([3, 232])));
    assertEquals(await withTimeout(closingPeer.closeCode()), 1000);
    closingPeer.cut();
    const silentPeer = await RawSocket.open(port);
    silentPeer.cut();
    using _dropped = await RawSocket.open(port);
    await withTimeout(handler.until(() => handler.peers.length === 3));
    handler.peers[2]!.peer.drop("it is unwelcome");
    handler.peers[2]!.peer.drop("twice");
    await withTimeout(handler.until(() => handler.present === 0));
    assertEquals(handler.peers.map(({ closed }) => closed), [1, 1, 1]);
    assertEquals(handler.reasons, ["it is unwelcome"]);
  },

  async "an event handler that throws at the end affects nobody"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    handler.connect = () => ({
      receive() {},
      end() {
        throw new Error("boom");
      },
    });
    (await RawSocket.open(port)).cut();
    await withTimeout(handler.until(() => handler.failures.length === 1));
    using _other = await RawSocket.open(port);
  },

  async "peers that disconnect during their handshake leave nothing behind"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port, clock } = opened;
    const request = upgradeRequest();
    for (let i = 0; i < 200; i++) {
      using client = await RawSocket.connect(port);
      // Anywhere in it, and right after it.
      await client.send(request.slice(0, (i * 7) % (request.length + 7)));
    }
    using _honest = await RawSocket.open(port);
    await withTimeout(handler.until(() => handler.present === 1));
    assertEquals([handler.failures, handler.reasons, clock.waiting], [[], [], 0]);
  },

  async "stopping disconnects every peer, and frees the port"(listen) {
    const opened = await OpenPort.with(listen);
    const { handler, port, clock } = opened;
    using silent = await RawSocket.connect(port);
    using half = await RawSocket.connect(port);
    await half.send("GET / HTTP/1.1\r\nHost: ");
    using other = await RawSocket.connect(port);
    await other.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert((await withTimeout(other.head())).startsWith("HTTP/1.1 200"));
    using client = await RawSocket.open(port);
    const { peer } = handler.peers[0]!;
    for (let i = 0; i < 32; i++) peer.send("x".repeat(1024 * 1024));
    await withTimeout(opened.stop());
    await withTimeout(opened.stop());
    assertEquals(clock.waiting, 0);
    for (const one of [silent, half, other, client]) {
      const ended = async () => {
        while (await one.discard(1024 * 1024) > 0);
      };
      await withTimeout(ended());
    }
    await withTimeout(handler.until(() => handler.present === 0));
    const bounds = {
      frameBytes: 1024,
      partial: new Budget({ own: 8192, shared: 2 ** 27 }),
      unread: new Budget({ own: 16_384, shared: 2 ** 27 }),
      headerTimeout: 8000,
      idlePingInterval: Infinity,
      slowReaderTimeout: 8000,
      after: () => () => {},
    };
    const again = await onFreedPort(() => listen({ host: "127.0.0.1", port }, handler, bounds));
    await again.stop();
  },
};
