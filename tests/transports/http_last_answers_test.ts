/**
 * The last answer of a connection, over the hardened transport: its client can read it, and then the connection ends, whatever
 * the client does. Whether it has ended shows in the memory that it is counted with.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import { listen } from "../../transports/node.ts";
import { until } from "../support/bridge.ts";
import { HeldTimers } from "../support/held_timers.ts";
import { headerOf, httpMessage, readResponse, readRest } from "../support/http_client.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { standstill } from "../support/standstill.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What lets a client that was answered early, or refused, read its answer for a while. */
const EARLY = "transports/node_http_response.ts";
const REFUSED = "transports/node_http_refusal.ts";

const NO_REQUEST = "this is not HTTP\r\n\r\n";

/** A port, and whether a connection to it has not ended. */
async function open() {
  const partial = new Budget({ own: 8192, shared: 2 ** 20 });
  return { opened: await OpenPort.with(listen, { partial }), partial };
}

Deno.test("hardened: the rest of a body is dropped after an early answer, and the connection ends with it", async () => {
  const { opened, partial } = await open();
  await using _opened = opened;
  using timers = new HeldTimers(EARLY);
  opened.handler.http = () => new Response("enough", { status: 413 });
  using client = await RawSocket.connect(opened.port);
  await client.send(`${httpMessage("POST /", ["Content-Length: 300000"])}x`);
  assertEquals((await readResponse(client)).body, "enough");
  assertEquals([await readRest(client), timers.count, partial.holders], ["", 1, 1]);
  await client.send("x".repeat(299_999));
  await until(() => partial.holders === 0);
  assertEquals(timers.count, 0);
});

Deno.test("hardened: a client that goes on with its body after an early answer is cut after a while", async () => {
  const { opened, partial } = await open();
  await using _opened = opened;
  using timers = new HeldTimers(EARLY);
  opened.handler.http = () => new Response("enough", { status: 413 });
  using client = await RawSocket.connect(opened.port);
  await client.send(httpMessage("POST /", ["Transfer-Encoding: chunked"]));
  assertEquals((await readResponse(client)).body, "enough");
  assertEquals(await readRest(client), "");
  for (let i = 0; i < 20; i++) await client.send("5\r\nhello\r\n");
  assertEquals([timers.count, partial.holders], [1, 1]);
  timers.fire();
  await until(() => partial.holders === 0);
});

Deno.test("hardened: an early answer whose request is complete by its end ends the connection at once", async () => {
  const { opened, partial } = await open();
  await using _opened = opened;
  using timers = new HeldTimers(EARLY);
  let body!: ReadableStreamDefaultController<Uint8Array>;
  opened.handler.http = () => new Response(new ReadableStream({ start: (it) => void (body = it) }));
  using client = await RawSocket.connect(opened.port);
  await client.send(`${httpMessage("POST /", ["Content-Length: 5"])}he`);
  assertEquals(headerOf(await withTimeout(client.head()), "connection"), "close");
  await client.send("llo");
  // What was sent before this has been read.
  using other = await RawSocket.connect(opened.port);
  await other.send(NO_REQUEST);
  assertEquals((await readResponse(other)).status, 400);
  other.cut();
  body.close();
  assertEquals(await readRest(client), "0\r\n\r\n");
  await until(() => partial.holders === 0);
  assertEquals(timers.count, 0);
});

Deno.test("hardened: an answer while its body is still being read ends the connection", async () => {
  const { opened } = await open();
  await using _opened = opened;
  opened.handler.http = async (request) => {
    const reader = request.body!.getReader();
    await reader.read();
    // For the rest, which does not come.
    void reader.read().catch(() => {});
    return new Response("enough");
  };
  using client = await RawSocket.connect(opened.port);
  await client.send(`${httpMessage("POST /", ["Content-Length: 5"])}he`);
  assertEquals((await readResponse(client)).body, "enough");
  assertEquals(await readRest(client), "");
});

Deno.test("hardened: an answer says once that its connection ends, also if its handler says so", async () => {
  const { opened } = await open();
  await using _opened = opened;
  opened.handler.http = () => new Response("no", { headers: { connection: "close" } });
  for (const rest of ["", "x"]) {
    using client = await RawSocket.connect(opened.port);
    await client.send(httpMessage("POST /", rest === "" ? [] : ["Content-Length: 5"]) + rest);
    const { head } = await readResponse(client);
    assertEquals(head.match(/^connection:.*$/gim), ["connection: close"]);
  }
});

Deno.test("hardened: a client that was refused is cut after a while, if it does not leave", async () => {
  const { opened, partial } = await open();
  await using _opened = opened;
  using timers = new HeldTimers(REFUSED);
  using client = await RawSocket.connect(opened.port);
  await client.send(NO_REQUEST);
  const { status, head } = await readResponse(client);
  assertEquals([status, headerOf(head, "connection")], [400, "close"]);
  assertEquals([await readRest(client), partial.holders], ["", 1]);
  timers.fire();
  await until(() => partial.holders === 0);
});

Deno.test("hardened: a client that was refused and leaves is gone at once, whatever it has sent meanwhile", async () => {
  const { opened, partial } = await open();
  await using _opened = opened;
  using timers = new HeldTimers(REFUSED);
  using client = await RawSocket.connect(opened.port);
  await client.send(NO_REQUEST);
  assertEquals((await readResponse(client)).status, 400);
  await client.send("x".repeat(10_000));
  client.cut();
  await until(() => partial.holders === 0);
  assertEquals(timers.count, 0);
});

Deno.test("hardened: of what a refused client goes on to send, little is read", async () => {
  const { opened } = await open();
  await using _opened = opened;
  using timers = new HeldTimers(REFUSED);
  using client = await RawSocket.connect(opened.port);
  await client.send(NO_REQUEST);
  assertEquals((await readResponse(client)).status, 400);
  const [piece, most] = ["x".repeat(64 * 1024), 1024];
  let sent = 0;
  const sending = (async () => {
    for (; sent < most; sent++) await client.send(piece);
  })().catch(() => {});
  await standstill(() => sent);
  // What the system buffers.
  assert(sent < most / 2, `${sent} pieces of ${most} were taken`);
  timers.fire();
  await withTimeout(sending);
});
