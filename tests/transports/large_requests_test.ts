import { assert, assertEquals } from "@std/assert";
import { listen as hardened } from "../../transports/node.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { openServer } from "../support/open_server.ts";
import { httpRequest } from "../support/raw_http.ts";
import { withTimeout } from "../support/with_timeout.ts";

const POST = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

Deno.test("hardened: a body in chunks of one byte, each of which takes as long as a large one, is answered, and others meanwhile", async () => {
  await using opened = await OpenPort.with(hardened);
  using client = await RawSocket.connect(opened.port);
  const sending = client.send(`${POST}${"1\r\nx\r\n".repeat(100_000)}0\r\n\r\n`);
  for (let i = 0; i < 5; i++) {
    const { status } = await httpRequest(opened.port, "GET / HTTP/1.1\r\nHost: localhost");
    assertEquals(status, 200);
  }
  await withTimeout(sending, 60_000);
  const head = await withTimeout(client.head(), 60_000);
  assert(head.startsWith("HTTP/1.1 200 "), head);
  assertEquals(opened.handler.failures, []);
});

Deno.test("hardened: a body in a few hundred small chunks is answered, and so is the next request", async () => {
  await using opened = await OpenPort.with(hardened);
  // Whoever answers before the body has come, which may be a turn later, ends the connection.
  opened.handler.http = async (request) => new Response(`${(await request.text()).length}`);
  using client = await RawSocket.connect(opened.port);
  const body = `${"1\r\nx\r\n".repeat(200)}0\r\n\r\n`;
  await client.send(POST + body + POST + body);
  for (let i = 0; i < 2; i++) {
    const head = await withTimeout(client.head());
    assert(head.startsWith("HTTP/1.1 200 "), head);
    assertEquals(await withTimeout(client.text(3)), "200");
  }
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: a URL of more than 16,384 characters is refused, and not read`, async () => {
    await using server = await openServer({ transport });
    const { parse } = URL;
    let longest = 0;
    URL.parse = (...args) => {
      longest = Math.max(longest, `${args[0]}`.length);
      return parse.apply(URL, args);
    };
    try {
      for (
        const [path, status] of [["/", 200], [`/?${"a".repeat(16_000)}`, 200], [
          `/${"../".repeat(20_000)}`,
          414,
        ]]
      ) {
        using client = await RawSocket.connect(server.port);
        await client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        assertEquals((await withTimeout(client.head())).split(" ")[1], `${status}`);
      }
    } finally {
      URL.parse = parse;
    }
    assert(longest < 18_000, `${longest} characters were read`);
  });
}
