/**
 * The end of a program whose `Deno.serve` a handler is mounted on, while clients have left their requests half done.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { networkPolled } from "../../budgets/after_network_poll.ts";
import { readResponse } from "../support/http_client.ts";
import { type MountedServer, openMounted } from "../support/mounted_server.ts";
import { ROOT } from "../support/program.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const HOST = "Host: localhost\r\n";
const SIZED = "Content-Length: 50\r\n\r\nhalf";
const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";

/** More than the buffers of loopback take. */
const LARGE = 12_000_000;

const LIMITS = {
  messageBytes: LARGE + 2,
  totalInFlightBytes: 40 * LARGE,
  totalUnreadBytes: 4 * LARGE,
};

/** A second or two: no client can keep a handler from stopping. */
const STOP_TIME = 4000;

/** What was sent, and the status that it gets; before the handler stops, unless it is `shutting_down`. */
type Left = readonly [sent: string, status: number];

/** What clients may leave half done without keeping `shutdown()` from ending. */
const ENDED: readonly Left[] = [
  [`POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: 50\r\n\r\n`, 503],
  [`POST /topics/t HTTP/1.1\r\n${HOST}${SIZED}`, 503],
  [`POST /topics/t HTTP/1.1\r\n${HOST}${CHUNKED}`, 503],
  [`POST /topics/t HTTP/1.1\r\n${HOST}Content-Type: application/x-ndjson\r\n${CHUNKED}`, 503],
  [`PUT /topics/t HTTP/1.1\r\n${HOST}${SIZED}`, 405],
  [`PUT /topics/t HTTP/1.1\r\n${HOST}${CHUNKED}`, 405],
  [`POST /nothing HTTP/1.1\r\n${HOST}${SIZED}`, 404],
  [`POST /topics/t HTTP/1.1\r\n${HOST}Content-Encoding: gzip\r\n${CHUNKED}`, 415],
  [`POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: ${2 * LARGE}\r\n\r\nhalf`, 413],
  [`OPTIONS /topics/t HTTP/1.1\r\n${HOST}${SIZED}`, 204],
  [`GET /topics/t?wait=60 HTTP/1.1\r\n${HOST}\r\n`, 503],
];

/** What a `shutdown()` waits for, and an aborted signal ends. */
const AWAITED: readonly string[] = [
  `GET /topics/large HTTP/1.1\r\n${HOST}\r\n`,
  `GET /topics/large?after=start HTTP/1.1\r\n${HOST}Accept: text/event-stream\r\n\r\n`,
  `GET /topics/t HTTP/1.1\r\n${HOST}${SIZED}`,
];

const STREAMS: readonly string[] = ["text/event-stream", "application/x-ndjson"].map((type) =>
  `GET /topics/t HTTP/1.1\r\n${HOST}Accept: ${type}\r\n\r\n`
);

/** Connects, and sends something. */
async function opened({ port }: MountedServer, sent: string): Promise<RawSocket> {
  const client = await RawSocket.connect(port);
  await client.send(sent);
  return client;
}

/** Leaves requests half done; returns one promise for each, that it gets its response. */
async function leave(
  mounted: MountedServer,
  stack: DisposableStack,
): Promise<{ readonly answers: readonly Promise<void>[] }> {
  const answers: Promise<void>[] = [];
  for (const [sent, status] of ENDED) {
    const client = stack.use(await opened(mounted, sent));
    const answer = readResponse(client).then((response) => assertEquals(response.status, status));
    if (status === 503) answers.push(answer);
    else await answer;
  }
  for (const sent of STREAMS) {
    const client = stack.use(await opened(mounted, sent));
    answers.push(
      readResponse(client).then(({ body, isWhole }) => {
        assert(isWhole && body.includes("shutting_down"), body);
      }),
    );
  }
  // What was sent before this has arrived.
  const response = await fetch(`http://127.0.0.1:${mounted.port}/topics/t`);
  assertEquals(response.status, 204);
  return { answers };
}

/** Ends what a handler is mounted on, and waits until Deno has closed the bodies that were being read. */
async function end(ended: Promise<void>): Promise<void> {
  await withTimeout(ended, STOP_TIME);
  await networkPolled();
}

Deno.test("once a handler has stopped, shutdown() of what it is mounted on waits for no body that is half sent", async () => {
  await using mounted = openMounted({ limits: LIMITS });
  await mounted.handler.ready;
  using stack = new DisposableStack();
  const { answers } = await leave(mounted, stack);
  await withTimeout(mounted.handler.shutdown(), STOP_TIME);
  await withTimeout(Promise.all(answers), STOP_TIME);
  // These come too late.
  for (const rest of [SIZED, CHUNKED]) {
    const late = stack.use(await opened(mounted, `POST /topics/t HTTP/1.1\r\n${HOST}${rest}`));
    assertEquals((await readResponse(late)).status, 503);
  }
  await end(mounted.server.shutdown());
});

Deno.test("a body that is refused unread is dropped as it comes, and its connection serves on", async () => {
  await using mounted = openMounted();
  using client = await opened(
    mounted,
    `PUT /topics/t HTTP/1.1\r\n${HOST}Content-Length: 4\r\n\r\nbody`,
  );
  assertEquals((await readResponse(client)).status, 405);
  await client.send(`GET /topics/t HTTP/1.1\r\n${HOST}\r\n`);
  assertEquals((await readResponse(client)).status, 204);
});

Deno.test("what shutdown() would wait for ends with the signal of a Deno.serve", async () => {
  const aborter = new AbortController();
  await using mounted = openMounted({ limits: LIMITS }, { signal: aborter.signal });
  const body = "x".repeat(LARGE);
  const put = await fetch(`http://127.0.0.1:${mounted.port}/topics/large`, {
    method: "POST",
    body,
  });
  assertEquals(put.status, 201);
  await put.body!.cancel();
  using stack = new DisposableStack();
  for (const sent of AWAITED) {
    const client = stack.use(await opened(mounted, sent));
    await withTimeout(client.head());
  }
  const { answers } = await leave(mounted, stack);
  await withTimeout(mounted.handler.shutdown(), STOP_TIME);
  await withTimeout(Promise.all(answers), STOP_TIME);
  aborter.abort();
  await end(mounted.server.finished);
});

Deno.test("so do connections over TLS whose handshake has not begun, or that read nothing", async () => {
  const [cert, key] = ["cert", "key"].map((what) =>
    Deno.readTextFileSync(new URL(`tests/fixtures/localhost_${what}.pem`, ROOT))
  ) as [string, string];
  const aborter = new AbortController();
  await using mounted = openMounted({}, { cert, key, signal: aborter.signal });
  using stack = new DisposableStack();
  const silent = stack.use(await RawSocket.connect(mounted.port));
  const half = stack.use(await RawSocket.connectTls(mounted.port, cert));
  await half.send(`PUT /topics/t HTTP/1.1\r\n${HOST}${SIZED}`);
  assertEquals((await readResponse(half)).status, 405);
  await withTimeout(mounted.handler.shutdown(), STOP_TIME);
  aborter.abort();
  await end(mounted.server.finished);
  // It keeps no program alive; but Deno ends it no sooner than its client.
  silent.cut();
});
