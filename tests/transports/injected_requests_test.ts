/**
 * What a client sends after it was refused is nobody's request, least of all that of another connection.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { listen as builtin } from "../../transports/deno.ts";
import { listen as hardened } from "../../transports/node.ts";
import { headerOf, httpMessage, readResponse } from "../support/http_client.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";

/** What is refused, and its connection with it. */
const REFUSED: Readonly<Record<string, string>> = {
  "an unknown method": "Post / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "a header that is none": "GET / HTTP/1.1\r\nHost: localhost\r\nX Y: a\r\n\r\n",
  "two lengths": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 2\r\n\r\nab",
  "a chunk without a size":
    "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
};

for (const [name, listen] of Object.entries({ builtin, hardened })) {
  Deno.test(`${name}: what comes after a request that cannot be read is not taken for a request of another connection`, async () => {
    await using opened = await OpenPort.with(listen);
    opened.handler.http = async (request) => {
      await request.text().catch(() => {});
      return new Response(new URL(request.url).pathname);
    };
    for (const [what, refused] of Object.entries(REFUSED)) {
      using attacker = await RawSocket.connect(opened.port);
      await attacker.send(refused);
      await attacker.head();
      const others = await Promise.all([1, 2, 3].map(() => RawSocket.connect(opened.port)));
      // Each has sent something, and goes on.
      for (const other of others) {
        await other.send(httpMessage("GET /first"));
        assertEquals((await readResponse(other)).body, "/first", what);
      }
      await attacker.send(httpMessage("GET /injected")).catch(() => {});
      for (const other of others) {
        await other.send(httpMessage("GET /second"));
        assertEquals((await readResponse(other)).body, "/second", what);
        other.cut();
      }
    }
  });
}

Deno.test("hardened: what comes after a request that took too long is not taken for a request of another connection", async () => {
  await using opened = await OpenPort.with(hardened, { headerTimeout: 100 });
  opened.handler.http = ({ url }) => new Response(new URL(url).pathname);
  using attacker = await RawSocket.connect(opened.port);
  await attacker.send("GET / HTTP/1.1\r\nHo");
  assertEquals((await readResponse(attacker)).status, 408);
  using other = await RawSocket.connect(opened.port);
  await other.send(httpMessage("GET /first"));
  assertEquals((await readResponse(other)).body, "/first");
  await attacker.send(`st: localhost\r\n\r\n${httpMessage("GET /injected")}`).catch(() => {});
  await other.send(httpMessage("GET /second"));
  assertEquals((await readResponse(other)).body, "/second");
});

Deno.test("hardened: after a request for an upgrade that is ignored the connection ends, so that nothing behind it is lost unnoticed", async () => {
  await using opened = await OpenPort.with(hardened);
  opened.handler.http = ({ url }) => new Response(new URL(url).pathname);
  using client = await RawSocket.connect(opened.port);
  const upgrade = [
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABk",
  ];
  await client.send(httpMessage("GET /first", upgrade) + httpMessage("GET /second"));
  const { body, head } = await readResponse(client);
  assertEquals([body, headerOf(head, "connection")], ["/first", "close"]);
  assertEquals(await client.discard(1), 0);
});
