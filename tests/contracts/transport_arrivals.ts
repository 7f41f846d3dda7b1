/**
 * The contract of a transport: how peers connect, and what they send.
 *
 * @module
 */

import { Budget } from "../../budgets/budget.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ConnectionHandler, Transport } from "../../transports/transport.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** The status of an HTTP response. */
async function status(port: number, request: string): Promise<number> {
  using client = await RawSocket.connect(port);
  await client.send(request);
  return Number((await withTimeout(client.head())).split(" ")[1]);
}

/** Each promise, and its test. */
export const arrivals: Readonly<Record<string, (listen: Transport) => Promise<void>>> = {
  async "what a peer sends arrives as it was sent: text, bytes, and fragments put together"(
    listen,
  ) {
    await using opened = await OpenPort.with(listen);
    using client = await RawSocket.open(opened.port);
    await client.send(clientFrame(1, "é😀"));
    await client.send(clientFrame(1, "one, ", { final: false }));
    await client.send(clientFrame(0, "two", { final: true }));
    await client.send(clientFrame(2, new Uint8Array([1, 2])));
    const { handler } = opened;
    await withTimeout(handler.until(() => handler.peers[0]?.received.length === 3));
    const { received } = handler.peers[0]!;
    assertEquals(received.slice(0, 2), ["é😀", "one, two"]);
    assert(typeof received[2] !== "string");
  },

  async "what a peer sends together with its upgrade request arrives"(listen) {
    await using opened = await OpenPort.with(listen);
    using client = await RawSocket.connect(opened.port);
    const request = new TextEncoder().encode(upgradeRequest());
    await client.send(new Uint8Array([...request, ...clientFrame(1, "early")]));
    const { handler } = opened;
    await withTimeout(handler.until(() => handler.peers[0]?.received.length === 1));
    assertEquals(handler.peers[0]!.received, ["early"]);
  },

  async "what is sent to a peer arrives in order"(listen) {
    await using opened = await OpenPort.with(listen);
    using client = await RawSocket.open(opened.port);
    const { peer } = opened.handler.peers[0]!;
    const frames = ["one", "é", "x".repeat(200_000), ""];
    for (const frame of frames) peer.send(frame);
    for (const frame of frames) {
      assertEquals(new TextDecoder().decode((await withTimeout(client.next()))!.payload), frame);
    }
  },

  async "of the offered subprotocols, only dsmq is echoed"(listen) {
    await using opened = await OpenPort.with(listen);
    const echoed = async (...headers: string[]) => {
      using client = await RawSocket.connect(opened.port);
      await client.send(upgradeRequest(...headers));
      return /^sec-websocket-protocol: (.*)\r$/im.exec(await withTimeout(client.head()))?.[1];
    };
    assertEquals(await echoed(), undefined);
    assertEquals(await echoed("Sec-WebSocket-Protocol: chat, dsmq.token.c2VjcmV0"), undefined);
    assertEquals(await echoed("Sec-WebSocket-Protocol: dsmq.token.c2VjcmV0, dsmq"), "dsmq");
  },

  async "the handler sees the request of a peer with its headers"(listen) {
    await using opened = await OpenPort.with(listen);
    const seen: { path: string; headerValues: (string | null)[] }[] = [];
    opened.handler.admit = ({ url, headers }) => {
      const headerValues = ["host", "origin", "authorization"].map((name) => headers.get(name));
      seen.push({ path: new URL(url).pathname, headerValues });
      return Promise.resolve(new Response("no\n", { status: 403, headers: { "x-why": "so" } }));
    };
    using client = await RawSocket.connect(opened.port);
    await client.send(
      upgradeRequest("Origin: https://a.example", "Authorization: Bearer x").replace(
        " / ",
        " /p?q ",
      ),
    );
    const head = await withTimeout(client.head());
    assert(head.startsWith("HTTP/1.1 403 "), head);
    assert(/^x-why: so\r$/im.test(head), head);
    assertEquals(seen, [{
      path: "/p",
      headerValues: ["localhost", "https://a.example", "Bearer x"],
    }]);
  },

  async "a request without an upgrade gets an HTTP response"(listen) {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = ({ method, url }) =>
      new Response(`${method} ${new URL(url).pathname}\n`, {
        status: 404,
        headers: { "x-a": "b" },
      });
    const response = await fetch(`http://127.0.0.1:${opened.port}/where`);
    assertEquals([response.status, response.headers.get("x-a")], [404, "b"]);
    assertEquals(await response.text(), "GET /where\n");
    const head = await fetch(`http://127.0.0.1:${opened.port}/`, { method: "HEAD" });
    assertEquals(await head.text(), "");
  },

  async "a request for a WebSocket is one in any case of its words"(listen) {
    await using opened = await OpenPort.with(listen);
    const request = upgradeRequest().replace("Upgrade: websocket", "UPGRADE: WebSocket");
    assertEquals(await status(opened.port, request), 101);
  },

  async "an upgrade to another protocol and a malformed one are refused"(listen) {
    await using opened = await OpenPort.with(listen);
    const { port, handler } = opened;
    const other = upgradeRequest().replace("Upgrade: websocket", "Upgrade: h2c");
    assertEquals(await status(port, other), 200);
    assertEquals(await status(port, upgradeRequest().replace(/Sec-WebSocket-Key.*\r\n/, "")), 400);
    assertEquals([handler.present, handler.failures], [0, []]);
  },

  async "a handler that throws is answered with 500, and the next peer is accepted"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    const { admit, http } = handler;
    const boom = () => {
      throw new Error("boom");
    };
    handler.admit = boom as ConnectionHandler["admit"];
    assertEquals(await status(port, upgradeRequest()), 500);
    handler.admit = () => Promise.reject(new Error("boom"));
    assertEquals(await status(port, upgradeRequest()), 500);
    handler.http = boom;
    assertEquals(await status(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 500);
    assertEquals(handler.failures.length, 3);
    Object.assign(handler, { admit, http });
    using _client = await RawSocket.open(port);
    assertEquals(handler.present, 1);
  },

  async "an event handler that throws closes its own connection with 1011, and no other"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    using client = await RawSocket.open(port);
    using other = await RawSocket.open(port);
    handler.receive = ({ received }, data) => {
      if (data === "boom") throw new Error("boom");
      received.push(data);
    };
    await client.send(clientFrame(1, "boom"));
    assertEquals(await withTimeout(client.closeCode()), 1011);
    await other.send(clientFrame(1, "well"));
    await withTimeout(
      handler.until(() => handler.peers.some(({ received }) => received[0] === "well")),
    );
    assertEquals(handler.failures.length, 1);
  },

  async "a connection whose first event fails is closed with 1011"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    handler.connect = () => {
      throw new Error("boom");
    };
    using client = await RawSocket.connect(port);
    await client.send(upgradeRequest());
    await withTimeout(client.head());
    assertEquals(await withTimeout(client.closeCode()), 1011);
    assertEquals(handler.failures.length, 1);
  },

  async "a port in use and an address of another machine are errors"(listen) {
    await using opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    const bounds = {
      frameBytes: 1024,
      partial: new Budget({ own: 8192, shared: 2 ** 27 }),
      unread: new Budget({ own: 16_384, shared: 2 ** 27 }),
      headerTimeout: 8000,
      idlePingInterval: Infinity,
      slowReaderTimeout: 8000,
      after: () => () => {},
    };
    const error = await assertRejects(
      () => listen({ host: "127.0.0.1", port }, handler, bounds),
      Error,
    );
    assertEquals((error as { code?: string }).code, "EADDRINUSE");
    await assertRejects(() => listen({ host: "192.0.2.1", port: 0 }, handler, bounds), Error);
  },
};
