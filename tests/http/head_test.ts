/**
 * `HEAD`: the headers of `GET`, without its body.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { curl, noCurl } from "../support/curl.ts";
import { headerOf, httpMessage, readResponse } from "../support/http_client.ts";
import { testHttp } from "../support/http_server.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openMounted } from "../support/mounted_server.ts";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const [EVENTS, LINES] = ["text/event-stream", "application/x-ndjson"] as const;

/** Addresses, of which the topic `t` has a message of five bytes, with the status of each, and the media type to accept. */
const CASES: readonly (readonly [path: string, status: number, accept?: string])[] = [
  ["/topics/t", 200],
  ["/topics/empty", 200],
  ["/topics/none", 204],
  ["/topics/t?count=2", 200],
  ["/topics/t?count=0", 400],
  ["/topics/t?after=nonsense", 400, EVENTS],
  ["/topics/t", 406, "image/png"],
  ["/topics", 200],
  ["/messages", 200],
  ["/nothing", 404],
  ["/", 200],
  ["/health", 200],
  ["/health/live", 200],
  ["/health/ready", 200],
  ["/openapi.json", 200],
];

/** The same of streams. */
const STREAMS: readonly (readonly [path: string, accept: string])[] = [
  ["/topics/t", EVENTS],
  ["/topics/t?after=start", LINES],
  ["/messages?prefix=t", EVENTS],
  ["/messages", LINES],
];

async function fill(post: (path: string, body: string) => Promise<unknown>): Promise<void> {
  await post("/topics/t", "h\u00e9llo");
  await post("/topics/empty", "");
  await post("/topics/large", "\u00e9".repeat(50_000));
}

testHttp("HEAD has the status and the length of GET, and no body", async (open) => {
  await using server = await open();
  await fill(async (path, body) => await (await server.post(path, body)).body?.cancel());
  using client = await RawSocket.connect(server.port);
  for (const [path, status, accept = "*/*"] of CASES) {
    await client.send(httpMessage(`GET ${path}`, [`Accept: ${accept}`]));
    const got = await readResponse(client);
    await client.send(httpMessage(`HEAD ${path}`, [`Accept: ${accept}`]));
    // A body would be taken for the next head.
    const head = await withTimeout(client.head());
    const length = status === 204 ? undefined : `${new TextEncoder().encode(got.body).length}`;
    const expected = [`${status}`, length, headerOf(got.head, "content-type")];
    for (const one of [got.head, head]) {
      const shown = [one.split(" ")[1], headerOf(one, "content-length")];
      assertEquals([...shown, headerOf(one, "content-type")], expected, `${path} ${accept}`);
    }
  }
});

testHttp("HEAD of a stream says no length, and begins none", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  await mq.put("t", "hello");
  using client = await RawSocket.connect(server.port);
  for (const [path, accept] of STREAMS) {
    await client.send(httpMessage(`HEAD ${path}`, [`Accept: ${accept}`]));
    const head = await withTimeout(client.head());
    const names = ["content-length", "transfer-encoding", "content-type", "x-accel-buffering"];
    const shown = names.map((name) => headerOf(head, name));
    // That of GET comes in chunks: to HEAD neither has to be said.
    assert(["chunked", undefined].includes(shown[1]), shown[1]);
    assertEquals(shown.toSpliced(1, 1), [undefined, accept, "no"], path);
    assertEquals((await mq.connections()).filter(({ own }) => !own), []);
  }
  await client.send(httpMessage("GET /topics/t"));
  assertEquals((await readResponse(client)).body, "hello");
});

testHttp("HEAD of a large message has its length, and of metrics theirs", async (open) => {
  await using server = await open({ metrics: true });
  await fill(async (path, body) => await (await server.post(path, body)).body?.cancel());
  const large = await server.get("/topics/large", { method: "HEAD" });
  assertEquals([large.status, large.headers.get("content-length")], [200, "100000"]);
  assertEquals(await (await server.get("/topics/large")).text(), "\u00e9".repeat(50_000));
  const metrics = await server.get("/metrics", { method: "HEAD" });
  assert(Number(metrics.headers.get("content-length")) > 1000);
});

testHttp("HEAD neither waits nor takes anything", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  await mq.put("t", "hello");
  const head = await server.get("/topics/t", { method: "HEAD" });
  assertEquals([head.headers.get("dsmq-seq"), await head.text()], ["1", ""]);
  const none = await server.get("/topics/none?wait=3600", { method: "HEAD" });
  assertEquals(none.status, 204);
  assertEquals(server.stats().delivered, 0);
});

const TLS = `${ROOT.pathname}tests/fixtures/localhost`;

/** The certificate of a server, and its key. */
async function certificate(): Promise<{ cert: string; key: string }> {
  const read = (what: string) => Deno.readTextFile(`${TLS}_${what}.pem`);
  return { cert: await read("cert"), key: await read("key") };
}

/** Asks with `HEAD` over HTTP/2: tells version, status and length. `curl` fails at a body. */
async function headOverHttp2(url: string, accept = "*/*"): Promise<string> {
  const shown = "%{http_version} %{http_code} %header{content-length}";
  const options = ["--http2", "--cacert", `${TLS}_cert.pem`, "-H", `accept: ${accept}`];
  return await curl(...options, "-I", "-o", "/dev/null", "-w", shown, url);
}

for (
  const [kind, open] of [
    ["builtin", async () => await openServer(await certificate())],
    ["mounted", async () => openMounted({}, await certificate())],
  ] as const
) {
  Deno.test({
    ...ignoredIf(
      noCurl,
      `HEAD over HTTP/2 has the status and the length of GET, and no body (${kind})`,
    ),
    async fn() {
      const { cert } = await certificate();
      await using server = await open();
      using client = Deno.createHttpClient({ caCerts: [cert] });
      const origin = `https://localhost:${server.port}`;
      await fill(async (path, body) => {
        const response = await fetch(`${origin}${path}`, { method: "POST", body, client });
        await response.body?.cancel();
      });
      for (const [path, status, accept] of CASES) {
        const init = { headers: { accept: accept ?? "*/*" }, client };
        const { length } = await (await fetch(`${origin}${path}`, init)).bytes();
        const expected = `2 ${status} ${status === 204 ? "" : length}`;
        assertEquals(await headOverHttp2(`${origin}${path}`, accept), expected, path);
      }
      for (const [path, accept] of STREAMS) {
        assertEquals(await headOverHttp2(`${origin}${path}`, accept), "2 200 ", path);
      }
    },
  });
}

Deno.test({
  ...ignoredIf(noCurl, "HEAD over HTTP/2 has no body, also while a handler is stopping"),
  async fn() {
    await using server = openMounted({}, await certificate());
    await server.handler.shutdown();
    const told = await headOverHttp2(`https://localhost:${server.port}/`);
    assertEquals(/^2 503 \d+$/.test(told), true, told);
  },
});
