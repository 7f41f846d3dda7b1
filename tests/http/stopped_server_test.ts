/**
 * A server that stops while requests are open: each gets its end, and none holds the server up.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { networkPolled } from "../../budgets/after_network_poll.ts";
import { connect } from "@dsmq/server";
import { type HttpServer, testHttp } from "../support/http_server.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { headerOf, readResponse } from "../support/http_client.ts";
import { withTimeout } from "../support/with_timeout.ts";

const HOST = "Host: localhost\r\n";

/** More than the buffers of loopback take. */
const LARGE = 12_000_000;

const LIMITS = {
  messageBytes: LARGE + 2,
  totalInFlightBytes: 10 * LARGE,
  totalUnreadBytes: 40 * LARGE,
};

/** What is open while it stops, and never goes on. */
const STUCK: Readonly<Record<string, string>> = {
  "a request within its head": `GET /topics/t HTTP/1.1\r\nHost: loc`,
  "a request before its body": `POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: 50\r\n\r\n`,
  "a request within its body": `POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: 50\r\n\r\nhalf`,
  "a request within a large body":
    `POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: 500000\r\n\r\nhalf`,
  "a request within its lines":
    `POST /topics/t HTTP/1.1\r\n${HOST}Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"one"\r\n`,
  "a request that is refused before its body":
    `POST /nothing HTTP/1.1\r\n${HOST}Content-Length: 50\r\n\r\nhalf`,
  "a request that is refused within its chunks":
    `POST /topics/t HTTP/1.1\r\n${HOST}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
  "a stream that reads nothing":
    `GET /topics/large?after=start HTTP/1.1\r\n${HOST}Accept: text/event-stream\r\n\r\n`,
  "a file that nobody reads, however often it is asked for": `GET /page.js HTTP/1.1\r\n${HOST}\r\n`
    .repeat(400),
  "a compressed file that nobody reads, however often it is asked for":
    `GET /client.js HTTP/1.1\r\n${HOST}Accept-Encoding: gzip\r\n\r\n`.repeat(400),
  "a large response that nobody reads": `GET /topics/large HTTP/1.1\r\n${HOST}\r\n`,
};

/** Reads until the other end has gone. */
async function drain(client: RawSocket): Promise<void> {
  while (await withTimeout(client.discard(1 << 20)) > 0);
}

/** Opens a connection, and sends something on it. */
async function opened(server: HttpServer, what: string): Promise<RawSocket> {
  const client = await RawSocket.connect(server.port);
  await client.send(what);
  return client;
}

/** A second or two: no client can keep a server from stopping. */
const STOP_TIME = 4000;

for (const [what, sent] of Object.entries(STUCK)) {
  testHttp(`${what} does not keep a server from stopping`, async (open, kind) => {
    // Its server can answer it at least.
    const isAnswered = sent.startsWith("POST");
    let clients: RawSocket[];
    {
      const server = await open({ limits: LIMITS });
      const put = await server.post("/topics/large", "x".repeat(LARGE));
      assertEquals([put.status, (await put.json()).seq], [201, 1]);
      clients = await Promise.all([1, 2, 3].map(() => opened(server, sent)));
      // What was sent before this has arrived.
      assertEquals((await server.get("/topics/t")).status, 204);
      if (sent.startsWith("GET") && sent.endsWith("\r\n\r\n")) {
        for (const client of clients) assert((await withTimeout(client.head())).includes(" 200 "));
      }
      await withTimeout(server.shutdown(), STOP_TIME);
      assertEquals(server.stats().stored, 1);
      // What it is mounted on waits for those that read nothing.
      const isAwaited = kind === "mounted" && !isAnswered && sent.endsWith("\r\n\r\n");
      if (isAwaited) { for (const client of clients) client.cut(); }
      await withTimeout(Promise.resolve(server[Symbol.asyncDispose]()), STOP_TIME);
    }
    for (const client of clients) {
      if (isAnswered) await drain(client);
      client.cut();
    }
  });
}

testHttp(
  "a body in chunks that becomes too large is refused at that moment, its rest is dropped, and the server stops without its end",
  async (open) => {
    const chunk = `400\r\n${"x".repeat(1024)}\r\n`;
    const head = `POST /topics/t HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
    const server = await open({ limits: { messageBytes: 1024 } });
    using client = await opened(server, `${head}${chunk}${chunk}`);
    const refused = await readResponse(client);
    assertEquals([refused.status, JSON.parse(refused.body).code], [413, "too_large"]);
    assertEquals(headerOf(refused.head, "connection"), "close");
    for (let i = 0; i < 100; i++) await client.send(chunk);
    await withTimeout(Promise.resolve(server[Symbol.asyncDispose]()), STOP_TIME);
    // Deno closes then what it was reading.
    await networkPolled();
  },
);

testHttp(
  "waits and streams are told that the server stops, and then their connections end",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    using wait = await opened(server, `GET /topics/t?wait=60 HTTP/1.1\r\n${HOST}\r\n`);
    using events = await opened(
      server,
      `GET /topics/t HTTP/1.1\r\n${HOST}Accept: text/event-stream\r\n\r\n`,
    );
    using lines = await opened(
      server,
      `GET /messages HTTP/1.1\r\n${HOST}Accept: application/x-ndjson\r\n\r\n`,
    );
    while ((await mq.connections()).length < 4) await Promise.resolve();
    await mq.close();
    const stopping = server.shutdown();
    const [waited, event, line] = await Promise.all([wait, events, lines].map(readResponse));
    assertEquals([waited!.status, JSON.parse(waited!.body).code], [503, "shutting_down"]);
    assert(event!.isWhole && line!.isWhole);
    assertEquals(
      JSON.parse(/^event: end\ndata: (.*)$/m.exec(event!.body)![1]!).code,
      "shutting_down",
    );
    assertEquals(JSON.parse(line!.body).end.code, "shutting_down");
    await withTimeout(stopping, STOP_TIME);
  },
);
