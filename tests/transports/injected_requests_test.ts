/**
 * What a client sends after it was refused is nobody's request, least of all that of another connection.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { listen as builtin } from "../../transports/deno.ts";
import { listen as hardened } from "../../transports/node.ts";
import { headerOf, httpMessage, readResponse } from "../support/http_client.ts";
import { openServer } from "../support/open_server.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What is refused, and its connection with it. */
const REFUSED: Readonly<Record<string, string>> = {
  "an unknown method": "Post / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "a header that is none": "GET / HTTP/1.1\r\nHost: localhost\r\nX Y: a\r\n\r\n",
  "two lengths": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 2\r\n\r\nab",
  "a chunk without a size":
    "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
};

const fixture = (name: string) =>
  Deno.readTextFileSync(new URL(`../fixtures/localhost_${name}.pem`, import.meta.url));
const TLS = { cert: fixture("cert"), key: fixture("key") };

/** A transport, and the certificate that it has, if any. */
const PORTS = {
  builtin: { listen: builtin, tls: undefined },
  hardened: { listen: hardened, tls: undefined },
  "builtin over TLS": { listen: builtin, tls: TLS },
  "hardened over TLS": { listen: hardened, tls: TLS },
} as const;

/** Connects, over TLS if the server has it. */
function dial(port: number, tls: typeof TLS | undefined): Promise<RawSocket> {
  return tls ? RawSocket.connectTls(port, tls.cert) : RawSocket.connect(port);
}

for (const [name, { listen, tls }] of Object.entries(PORTS)) {
  Deno.test(`${name}: what comes after a request that cannot be read is not taken for a request of another connection`, async () => {
    await using opened = await OpenPort.with(listen, {}, tls);
    opened.handler.http = async (request) => {
      await request.text().catch(() => {});
      return new Response(new URL(request.url).pathname);
    };
    for (const [what, refused] of Object.entries(REFUSED)) {
      using attacker = await dial(opened.port, tls);
      await attacker.send(refused);
      await attacker.head();
      const others = await Promise.all([1, 2, 3].map(() => dial(opened.port, tls)));
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

/** A request of the WebSocket, as a client sends it. */
const frame = (request: object) => clientFrame(1, JSON.stringify(request));

for (const transport of ["builtin", "hardened"] as const) {
  for (const tls of [undefined, TLS]) {
    Deno.test(`${transport}${tls ? " over TLS" : ""}: what comes after a request that cannot be read gets into no WebSocket`, async () => {
      await using server = await openServer({ transport, ...tls });
      for (const [what, refused] of Object.entries(REFUSED)) {
        using attacker = await dial(server.port, tls);
        await attacker.send(refused);
        await attacker.head();
        using other = await dial(server.port, tls);
        await other.send(httpMessage("GET /health"));
        assertEquals((await readResponse(other)).status, 200, what);
        // Before the handshake, and after it.
        await attacker.send(httpMessage("GET /injected")).catch(() => {});
        await other.send(upgradeRequest("Sec-WebSocket-Protocol: dsmq"));
        assertEquals((await withTimeout(other.head())).split(" ")[1], "101", what);
        await other.send(frame({ action: "hello", id: 1 }));
        assertEquals(JSON.parse(await replyOf(other)).id, 1, what);
        const put = { action: "put", topic: "t" };
        await attacker.send(frame({ ...put, id: 2, body: "injected" })).catch(() => {});
        await other.send(frame({ ...put, id: 3, body: what }));
        assertEquals(JSON.parse(await replyOf(other)).id, 3, what);
      }
      assertEquals(server.stats().stored, Object.keys(REFUSED).length);
    });
  }
}

/** The text of the next frame. */
async function replyOf(client: RawSocket): Promise<string> {
  const { opcode, payload } = (await withTimeout(client.next()))!;
  assertEquals(opcode, 1);
  return new TextDecoder().decode(payload);
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
