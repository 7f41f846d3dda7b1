/**
 * The contract of a transport: how peers arrive, and what they say.
 *
 * @module
 */

import { Budget } from "../budgets/budget.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { House, Transport } from "../transports/transport.ts";
import { BareClient, clientFrame, upgradeRequest } from "./support/bare_client.ts";
import { Opened } from "./support/inn.ts";
import { soon } from "./support/soon.ts";

/** The status of an answer. */
async function status(port: number, request: string): Promise<number> {
  using client = await BareClient.connect(port);
  await client.say(request);
  return Number((await soon(client.head())).split(" ")[1]);
}

/** Each promise, and its proof. */
export const arriving: Readonly<Record<string, (listen: Transport) => Promise<void>>> = {
  async "what a peer says arrives as it was said: text, bytes, and pieces put together"(listen) {
    await using opened = await Opened.with(listen);
    using client = await BareClient.open(opened.port);
    await client.say(clientFrame(1, "é😀"));
    await client.say(clientFrame(1, "one, ", { final: false }));
    await client.say(clientFrame(0, "two", { final: true }));
    await client.say(clientFrame(2, new Uint8Array([1, 2])));
    const { inn } = opened;
    await soon(inn.until(() => inn.guests[0]?.said.length === 3));
    const { said } = inn.guests[0]!;
    assertEquals(said.slice(0, 2), ["é😀", "one, two"]);
    assert(typeof said[2] !== "string");
  },

  async "what a peer says together with its request for a WebSocket arrives"(listen) {
    await using opened = await Opened.with(listen);
    using client = await BareClient.connect(opened.port);
    const request = new TextEncoder().encode(upgradeRequest());
    await client.say(new Uint8Array([...request, ...clientFrame(1, "early")]));
    const { inn } = opened;
    await soon(inn.until(() => inn.guests[0]?.said.length === 1));
    assertEquals(inn.guests[0]!.said, ["early"]);
  },

  async "what is sent to a peer arrives in order"(listen) {
    await using opened = await Opened.with(listen);
    using client = await BareClient.open(opened.port);
    const { peer } = opened.inn.guests[0]!;
    const frames = ["one", "é", "x".repeat(200_000), ""];
    for (const frame of frames) peer.send(frame);
    for (const frame of frames) {
      assertEquals(new TextDecoder().decode((await soon(client.next()))!.payload), frame);
    }
  },

  async "of the subprotocols that are offered dsmq alone is echoed"(listen) {
    await using opened = await Opened.with(listen);
    const echoed = async (...headers: string[]) => {
      using client = await BareClient.connect(opened.port);
      await client.say(upgradeRequest(...headers));
      return /^sec-websocket-protocol: (.*)\r$/im.exec(await soon(client.head()))?.[1];
    };
    assertEquals(await echoed(), undefined);
    assertEquals(await echoed("Sec-WebSocket-Protocol: chat, dsmq.token.c2VjcmV0"), undefined);
    assertEquals(await echoed("Sec-WebSocket-Protocol: dsmq.token.c2VjcmV0, dsmq"), "dsmq");
  },

  async "the house sees the request of who arrives, headers and all"(listen) {
    await using opened = await Opened.with(listen);
    const seen: { path: string; told: (string | null)[] }[] = [];
    opened.inn.admit = ({ url, headers }) => {
      const told = ["host", "origin", "authorization"].map((name) => headers.get(name));
      seen.push({ path: new URL(url).pathname, told });
      return Promise.resolve(new Response("no\n", { status: 403, headers: { "x-why": "so" } }));
    };
    using client = await BareClient.connect(opened.port);
    await client.say(
      upgradeRequest("Origin: https://a.example", "Authorization: Bearer x").replace(
        " / ",
        " /p?q ",
      ),
    );
    const head = await soon(client.head());
    assert(head.startsWith("HTTP/1.1 403 "), head);
    assert(/^x-why: so\r$/im.test(head), head);
    assertEquals(seen, [{ path: "/p", told: ["localhost", "https://a.example", "Bearer x"] }]);
  },

  async "a request that is for no WebSocket is answered by HTTP"(listen) {
    await using opened = await Opened.with(listen);
    opened.inn.http = ({ method, url }) =>
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

  async "an upgrade to something else, and one that is malformed, let nobody in"(listen) {
    await using opened = await Opened.with(listen);
    const { port, inn } = opened;
    const other = upgradeRequest().replace("Upgrade: websocket", "Upgrade: h2c");
    assertEquals(await status(port, other), 200);
    assertEquals(await status(port, upgradeRequest().replace(/Sec-WebSocket-Key.*\r\n/, "")), 400);
    assertEquals([inn.present, inn.failures], [0, []]);
  },

  async "a house that throws is answered for with 500, and the next is let in"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, port } = opened;
    const { admit, http } = inn;
    const boom = () => {
      throw new Error("boom");
    };
    inn.admit = boom as House["admit"];
    assertEquals(await status(port, upgradeRequest()), 500);
    inn.admit = () => Promise.reject(new Error("boom"));
    assertEquals(await status(port, upgradeRequest()), 500);
    inn.http = boom;
    assertEquals(await status(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 500);
    assertEquals(inn.failures.length, 3);
    Object.assign(inn, { admit, http });
    using _client = await BareClient.open(port);
    assertEquals(inn.present, 1);
  },

  async "a visit that throws closes its own connection with 1011, and no other"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, port } = opened;
    using client = await BareClient.open(port);
    using other = await BareClient.open(port);
    inn.receive = ({ said }, data) => {
      if (data === "boom") throw new Error("boom");
      said.push(data);
    };
    await client.say(clientFrame(1, "boom"));
    assertEquals(await soon(client.closeCode()), 1011);
    await other.say(clientFrame(1, "well"));
    await soon(inn.until(() => inn.guests.some(({ said }) => said[0] === "well")));
    assertEquals(inn.failures.length, 1);
  },

  async "a visit that cannot begin closes its connection with 1011"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, port } = opened;
    inn.enter = () => {
      throw new Error("boom");
    };
    using client = await BareClient.connect(port);
    await client.say(upgradeRequest());
    await soon(client.head());
    assertEquals(await soon(client.closeCode()), 1011);
    assertEquals(inn.failures.length, 1);
  },

  async "a port that is taken, and an address of another machine, are errors"(listen) {
    await using opened = await Opened.with(listen);
    const { inn, port } = opened;
    const bounds = {
      frameBytes: 1024,
      partial: new Budget({ own: 8192, shared: 2 ** 27 }),
      unread: new Budget({ own: 16_384, shared: 2 ** 27 }),
      headerTime: 8000,
      rest: Infinity,
      patience: 8000,
      after: () => () => {},
    };
    const error = await assertRejects(
      () => listen({ host: "127.0.0.1", port }, inn, bounds),
      Error,
    );
    assertEquals((error as { code?: string }).code, "EADDRINUSE");
    await assertRejects(() => listen({ host: "192.0.2.1", port: 0 }, inn, bounds), Error);
  },
};
