/**
 * Requests whose headers come in part. The hardened transport ends them in time. `Deno.serve` does not: it keeps their
 * connections, until they are whole, their clients leave, or it stops; the server itself knows nothing of them, and keeps nothing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import { listen as builtin } from "../../transports/deno.ts";
import { listen as hardened } from "../../transports/node.ts";
import { until } from "../support/bridge.ts";
import { exchangeHttp, httpMessage, readResponse, readRest } from "../support/http_client.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A request, and where its client may fall silent. */
const REQUEST = httpMessage("POST /half", ["X-Long: value"], "hello");
const HALVES: Readonly<Record<string, string>> = {
  "within its first line": "POST /ha",
  "behind its first line": "POST /half HTTP/1.1\r\n",
  "within the name of a header": "POST /half HTTP/1.1\r\nHo",
  "within a header": REQUEST.slice(0, REQUEST.indexOf("value") + 3),
  "behind its last header": REQUEST.slice(0, REQUEST.indexOf("\r\n\r\n") + 2),
  "within the empty line": REQUEST.slice(0, REQUEST.indexOf("\r\n\r\n") + 3),
};

/** Sends one half on each of as many connections as there are. */
function halfSent(port: number): Promise<RawSocket[]> {
  return Promise.all(
    Object.values(HALVES).map(async (half) => {
      const client = await RawSocket.connect(port);
      await client.send(half);
      return client;
    }),
  );
}

for (const [name, listen] of [["builtin", builtin], ["hardened", hardened]] as const) {
  Deno.test(`${name}: half-sent headers of a POST hold nobody up, are no request until the rest comes, and end with the server`, async () => {
    const opened = await OpenPort.with(listen);
    const { handler, port } = opened;
    const seen: string[] = [];
    handler.http = async (request) => {
      seen.push(new URL(request.url).pathname);
      return new Response(await request.text());
    };
    const clients = await halfSent(port);
    for (let i = 0; i < 3; i++) {
      assertEquals((await exchangeHttp(port, httpMessage("POST /other", [], "hi"))).body, "hi");
    }
    assertEquals(seen, ["/other", "/other", "/other"]);
    for (const [i, half] of Object.values(HALVES).entries()) {
      // The others go on to be silent.
      if (i % 2 === 1) continue;
      await clients[i]!.send(REQUEST.slice(half.length));
      const { body } = await readResponse(clients[i]!);
      assertEquals(body, "hello", Object.keys(HALVES)[i]);
    }
    assertEquals(seen.slice(3), ["/half", "/half", "/half"]);
    await withTimeout(opened.stop());
    for (const client of clients) {
      assertEquals(await withTimeout(client.head()), "");
      client.cut();
    }
    assertEquals([handler.failures, handler.refusals], [[], []]);
    await opened[Symbol.asyncDispose]();
  });
}

Deno.test("hardened: half-sent headers of a POST are answered with 408 in time, once, and leave nothing", async () => {
  const partial = new Budget({ own: 8192, shared: 2 ** 20 });
  await using opened = await OpenPort.with(hardened, { headerTimeout: 300, partial });
  const { handler, port } = opened;
  let count = 0;
  handler.http = () => new Response(`${++count}`);
  const clients = await halfSent(port);
  assertEquals((await exchangeHttp(port, httpMessage("POST /other", [], "hi"))).body, "1");
  for (const client of clients) {
    const { status, body } = await readResponse(client);
    assertEquals([status, JSON.parse(body).code], [408, "bad_request"]);
    assertEquals(await readRest(client), "");
    client.cut();
  }
  const told = Array(clients.length).fill("Cannot read a request: it took too long");
  assertEquals([count, handler.refusals], [1, told]);
  await until(() => partial.holders === 0);
  assertEquals((await exchangeHttp(port, httpMessage("POST /other", [], "hi"))).body, "2");
});
