/**
 * What a handler makes of requests: whose they are, what they have to bring, and how many there may be.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, createHandler, type RequestInfo } from "@dsmq/server";
import { openMounted } from "../support/mounted_server.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import { as } from "../support/untyped.ts";

const tcp = (hostname: string): RequestInfo => ({ remoteAddr: { transport: "tcp", hostname } });

/** What `fetch` makes of a request, on a server that changes it before. */
async function handled(
  change: (request: Request, info: RequestInfo) => [unknown, unknown],
  headers: Readonly<Record<string, string>> = UPGRADE,
): Promise<string> {
  await using handler = createHandler({ log: quiet });
  let result = "";
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request, info) => {
    return handler.fetch(...change(request, info) as [Request, RequestInfo]).catch((error) => {
      result = `${error.name}: ${error.message}`;
      return new Response("it failed", { status: 500 });
    });
  });
  using raw = await RawClient.handshake(server.addr.port, { Host: "localhost", ...headers });
  await server.shutdown();
  return result || String(raw.status);
}

const COPY =
  "TypeError: Cannot handle a request: it must be the very Request that Deno.serve gave, got a copy, which cannot become a WebSocket (in Hono: app.all(), not app.mount(), and c.req.raw)";

Deno.test("a copy of a request, which would give a broken WebSocket, is refused in a sentence; a page may be one", async () => {
  const copies: readonly ((request: Request) => Request)[] = [
    (request) => request.clone(),
    (request) => new Request(request),
    (request) => new Request(request.url, request),
    (request) => new Request(request, { headers: request.headers }),
  ];
  assertEquals(await handled((request, info) => [request, info]), "101");
  for (const copy of copies) {
    assertEquals(await handled((request, info) => [copy(request), info]), COPY);
    assertEquals(await handled((request, info) => [copy(request), info], {}), "200");
  }
});

Deno.test("what is no request, and info without an address, are refused in a sentence", async () => {
  const wrong = (got: string) =>
    `TypeError: Cannot handle a request: it must be the Request that Deno.serve gave, got ${got}`;
  assertEquals(await handled((_, info) => [undefined, info]), wrong("nothing"));
  assertEquals(await handled((_, info) => ["/mq", info]), wrong('"/mq"'));
  assertEquals(await handled((_, info) => [{}, info]), wrong("an object"));
  for (const [info, shown] of [[undefined, "nothing"], [{}, "an object"], [null, "null"]]) {
    const expected =
      `TypeError: Cannot handle a request: info must be what Deno.serve gave beside it, with remoteAddr (in Hono: c.env), got ${shown}`;
    for (const headers of [UPGRADE, {}] as const) {
      assertEquals(await handled((request) => [request, info], headers), expected);
    }
  }
});

Deno.test("a request that the program has upgraded already is a fault of the program", async () => {
  await using handler = createHandler({ log: quiet });
  const failed = Promise.withResolvers<unknown>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request, info) => {
    const { response } = Deno.upgradeWebSocket(request);
    handler.fetch(request, info).catch(({ message }) => failed.resolve(message));
    return response;
  });
  using raw = await RawClient.handshake(server.addr.port, { Host: "localhost", ...UPGRADE });
  assertEquals(raw.status, 101);
  assertEquals(
    await failed.promise,
    "Cannot handle a request: it must be one without an answer, got one that was upgraded or answered before",
  );
  assertEquals(handler.stats().connections, 0);
  raw[Symbol.dispose]();
  await server.shutdown();
});

/** A handler whose clients seem to be where a header says. */
function elsewhere(options: Parameters<typeof createHandler>[0] = {}) {
  const handler = createHandler({ log: quiet, ...options });
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) =>
      handler.fetch(
        request,
        as(JSON.parse(request.headers.get("x-info") ?? JSON.stringify(tcp("127.0.0.1")))),
      ),
  );
  const { port } = server.addr;
  return {
    handler,
    async status(from: string | object, headers: Readonly<Record<string, string>> = UPGRADE) {
      const info = typeof from === "string" ? tcp(from) : from;
      const all = { Host: "localhost", ...headers, "X-Info": JSON.stringify(info) };
      const raw = await RawClient.handshake(port, all);
      return { ...raw, raw, status: raw.status, text: raw.received.at(-1)! };
    },
    async [Symbol.asyncDispose]() {
      await handler.shutdown();
      await server.shutdown();
    },
  };
}

const LOCAL = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"];
const REMOTE = ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7", "fe80::1%eth0"];

Deno.test("without auth only clients of the same machine connect, since Deno.serve listens on all addresses by default", async () => {
  await using mounted = elsewhere();
  for (const from of [...LOCAL, { remoteAddr: { transport: "unix", path: "/run/mq" } }]) {
    using client = (await mounted.status(from)).raw;
    assertEquals(client.status, 101, JSON.stringify(from));
  }
  for (const from of REMOTE) {
    const { status, text } = await mounted.status(from);
    assertEquals([status, text], [
      403,
      "Cannot connect: without the option auth only clients of the same machine may (auth: { anonymous: {} } admits everybody)\n",
    ]);
    // Load balancers are elsewhere.
    assertEquals((await mounted.status(from, {})).status, 200);
  }
  assertEquals(mounted.handler.stats().refused, REMOTE.length);
});

Deno.test("who may connect from elsewhere is said with auth or setAuth, and then counts for all", async () => {
  await using open = elsewhere({ auth: { anonymous: {} } });
  await using closed = elsewhere({ auth: "secret" });
  await using later = elsewhere();
  await later.handler.setAuth({ anonymous: { permissions: ["read"] } });
  for (const from of [...LOCAL, ...REMOTE]) {
    for (const [mounted, expected] of [[open, 101], [closed, 401], [later, 101]] as const) {
      using client = (await mounted.status(from)).raw;
      assertEquals(client.status, expected, from);
    }
    using client = (await closed.status(from, { ...UPGRADE, Authorization: "Bearer secret" })).raw;
    assertEquals(client.status, 101, from);
  }
});

Deno.test("who is elsewhere, or behind a proxy, makes the handler warn once of what Deno.serve cannot limit", async () => {
  for (const [from, headers] of [["192.0.2.7", {}], ["127.0.0.1", { Via: "1.1 proxy" }]] as const) {
    const lines: string[] = [];
    const log = { ...quiet, warn: (line: string) => void lines.push(line) };
    await using mounted = elsewhere({ auth: { anonymous: {} }, log });
    using _local = (await mounted.status("127.0.0.1")).raw;
    using _unix = (await mounted.status({ remoteAddr: { transport: "unix" } })).raw;
    assertEquals(lines, []);
    for (let i = 0; i < 3; i++) {
      using _client = (await mounted.status(from, { ...UPGRADE, ...headers })).raw;
    }
    assertEquals(lines.length, 1);
    assertStringIncludes(lines[0]!, "untrusted clients can block this process");
  }
});

Deno.test("connections are counted by the address of info", async () => {
  await using mounted = elsewhere({
    auth: { anonymous: {} },
    limits: { connectionsPerAddress: 2 },
  });
  for (const from of ["192.0.2.1", "192.0.2.2", { remoteAddr: { transport: "unix" } }]) {
    using stack = new DisposableStack();
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      statuses.push(stack.use((await mounted.status(from)).raw).status);
    }
    assertEquals(statuses, [101, 101, 429], JSON.stringify(from));
  }
});

Deno.test("with TLS the own origin begins with https, without it with http, as each request tells", async () => {
  const read = (name: string) => Deno.readTextFileSync(new URL(`tests/fixtures/${name}`, ROOT));
  const [cert, key] = [read("localhost_cert.pem"), read("localhost_key.pem")];
  await using plain = openMounted();
  await using secure = openMounted({}, { cert, key });
  using client = Deno.createHttpClient({ caCerts: [cert], http2: true });
  const health = `https://localhost:${secure.port}/health`;
  assertEquals(await (await fetch(health, { client })).text(), "ok\n");
  for (const [mounted, scheme] of [[plain, "http"], [secure, "https"]] as const) {
    const authority = `localhost:${mounted.port}`;
    for (const origin of [`http://${authority}`, `https://${authority}`]) {
      const isOwn = origin.startsWith(`${scheme}:`);
      const address = { hostname: "localhost", port: mounted.port };
      using connection = scheme === "http"
        ? await Deno.connect(address)
        : await Deno.connectTls({ ...address, caCerts: [cert], alpnProtocols: ["http/1.1"] });
      const headers = Object.entries({ Host: authority, Origin: origin, ...UPGRADE })
        .map(([name, value]) => `${name}: ${value}\r\n`).join("");
      await connection.write(new TextEncoder().encode(`GET / HTTP/1.1\r\n${headers}\r\n`));
      const head = new Uint8Array(12);
      await connection.read(head);
      assertEquals(new TextDecoder().decode(head), `HTTP/1.1 ${isOwn ? 101 : 403}`, origin);
    }
  }
});

Deno.test("a handler has the limits of serve: a frame that is too large, and the peer that sent it, end as there", async () => {
  const limits = { messageBytes: 1000 };
  await using mounted = openMounted({ limits });
  await using server = await openServer({ limits });
  const outcomes = [];
  for (const url of [mounted.url, server.url]) {
    await using mq = await connect(url);
    const put = (length: number) => mq.put("t", "x".repeat(length)).catch(({ code }) => code);
    outcomes.push([await put(1000), await put(1001)]);
  }
  assertEquals(outcomes[0], outcomes[1]);
});

Deno.test("what a port alone has is refused, and every other wrong option has its sentence", async () => {
  const failed = (options: unknown) =>
    assertRejects(() => Promise.resolve().then(() => createHandler(as(options))), Error)
      .then(({ name, message }) => `${name}: ${message}`);
  for (const name of ["host", "port", "cert", "key", "transport", "handleSignals"]) {
    const message = await failed({ [name]: name === "port" ? 0 : "x" });
    assertStringIncludes(message, `TypeError: Cannot create a handler: ${name} is an option of`);
  }
  for (
    const path of [
      "mq",
      "",
      "/m q",
      "/mq?x",
      "/mq#x",
      "/mq/..",
      "http://host/mq",
      "*",
      "//",
      "/mq//",
    ]
  ) {
    assertEquals(
      await failed({ path }),
      `RangeError: Cannot create a handler: path must be a path such as "/mq", got ${
        JSON.stringify(path)
      }`,
    );
  }
  assertStringIncludes(await failed({ path: 1 }), 'path must be a path such as "/mq", got 1');
  assertStringIncludes(
    await failed({ retention: 0 }),
    "Cannot create a handler: retention must be",
  );
  assertStringIncludes(await failed({ auth: "" }), "Cannot create a handler: auth must be");
  const unknown = await failed({ pth: "/" });
  assertStringIncludes(
    unknown,
    'Cannot create a handler: there is no option "pth" (there are: path, store, ',
  );
  assertStringIncludes(unknown, "log, clock)");
  assertStringIncludes(await failed({ token: "x" }), 'there is no option "token": write auth: "');
  assertStringIncludes(await failed("/mq"), 'options must be an object, got "/mq"');
  assertStringIncludes(await failed(null), "options must be an object, got null");
});
