/**
 * Situations of a server that together bring each response that its OpenAPI document names.
 *
 * @module
 */

import { connect } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import type { Ask, DocumentedServer, OpenDocumented } from "./documented_server.ts";
import { readResponse } from "./http_client.ts";
import { HOST } from "./raw_http.ts";
import { RawSocket } from "./raw_socket.ts";

const ORIGIN = "https://app.test";
const TOKEN = "a-token-that-nobody-guesses";
const LONG = "x".repeat(18_000);
const EVENTS = "text/event-stream";
const LINES = "application/x-ndjson";
const ROUTES = ["/topics/{topic}", "/topics", "/messages", "/groups", "/metrics", "/status"];

/** What can be read, and its address with more parameters. */
const READS: readonly [path: string, address: (topic: string, query?: string) => string][] = [
  ["/topics/{topic}", (topic, query = "") => `/topics/${topic}?${query}`],
  ["/topics", (topic, query = "") => `/topics?topic=${topic}&${query}`],
  ["/messages", (topic, query = "") => `/messages?prefix=${topic}&${query}`],
];

/** Where messages can be put. */
const PUTS = READS.slice(0, 2);

const addressOf = (path: string) => path.replace("{topic}", "t").replace("{group}", "g");

/** Asks with both methods that read. */
async function askBoth(
  server: DocumentedServer,
  path: string,
  address: string,
  expected: Parameters<DocumentedServer["ask"]>[3],
  ask?: Ask,
): Promise<void> {
  for (const method of ["GET", "HEAD"]) await server.ask(method, path, address, expected, ask);
}

/** Asks each route with each method but OPTIONS. */
async function askRoutes(
  server: DocumentedServer,
  expected: Parameters<DocumentedServer["ask"]>[3],
  ask: Ask = {},
  paths = ROUTES,
): Promise<void> {
  for (const path of paths) await askBoth(server, path, addressOf(path), expected, ask);
  for (const [path, address] of PUTS) {
    await server.ask("POST", path, address("t"), expected, { ...ask, body: "x" });
  }
}

/** Each situation by what it is about. */
export const SCENES: Readonly<Record<string, (open: OpenDocumented) => Promise<void>>> = {
  async "wrong addresses"(open) {
    await using server = await open();
    const all = new Map(
      server.contract.responses.map(({ path, method }) => [`${method} ${path}`, [method, path]]),
    );
    for (const [method, path] of all.values() as Iterable<[string, string]>) {
      const lines = method === "POST" ? ["Content-Length: 0"] : [];
      const ask = (address: string, expected: [number, string], host: string) =>
        server.askRaw(method, path, address, expected, [`Host: ${host}`, ...lines]);
      const address = addressOf(path);
      await ask(address, [400, "bad_request"], "localhost:99999");
      await ask(address, [403, "permission_denied"], "evil.test");
      await ask(`${address}?${LONG}`, [414, "bad_request"], "localhost");
    }
  },

  async "pages, and methods"(open) {
    await using server = await open({ allowedOrigins: [ORIGIN], metrics: true });
    const { paths } = server.contract.document as { paths: object };
    for (const path of Object.keys(paths)) {
      const address = addressOf(path);
      const headers = {
        origin: ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization, last-event-id",
        "access-control-request-private-network": "true",
      };
      await server.ask("OPTIONS", path, address, 204);
      await server.ask("OPTIONS", path, address, 204, { headers });
      if (READS.some(([read]) => read === path) || path.includes("{group}")) continue;
      await askBoth(server, path, address, 200);
      // On an open server only its own machine may administer it, which no page of another origin is.
      if (path === "/metrics") continue;
      await askBoth(server, path, address, 200, { headers: { origin: ORIGIN } });
    }
  },

  async "reading"(open) {
    await using server = await open({ allowedOrigins: [ORIGIN] });
    await using mq = await connect(server.url);
    const headers = { traceparent: "00-ab-cd-01" };
    const attributes = { messageId: "m", key: "k", headers, delay: 500 };
    await mq.put("t", "one", attributes);
    await mq.putMany("t", ["two", "three"]);
    await mq.put("half", "\ud800");
    const { position } = (await mq.read("t"))!;
    const [epoch] = position.split(":");
    for (const [path, address] of READS) {
      const both = askBoth.bind(undefined, server, path);
      await both(address("t"), 200);
      await both(address("t"), 200, { headers: { origin: ORIGIN } });
      await both(address("t"), 200, { headers: { accept: "application/json" } });
      for (const accept of [EVENTS, LINES]) {
        const ask = { headers: { accept }, until: (text: string) => text.includes("three") };
        await both(address("t", "after=start"), 200, ask);
      }
      await both(address("t", "after=now"), 204);
      await both(address("t", "after=yesterday"), [400, "bad_request"]);
      await both(address("%0A"), [400, "bad_topic"]);
      await both(address("t"), 406, { headers: { accept: "image/png" } });
      await both(address("half"), 406);
      await both(address("t", `after=${epoch}:99`), [410, "ahead"]);
      await both(address("t", `after=${"x".repeat(36)}:1`), [410, "epoch_changed"]);
    }
    await askBoth(server, "/topics", "/topics", 200);
    await askBoth(server, "/metrics", "/metrics", [404, "not_found"]);
    await mq.purge("t", { before: 3 });
    for (const [path, address] of READS) {
      await askBoth(server, path, address("t", `after=${position}`), [410, "trimmed"]);
      for (const accept of [EVENTS, LINES]) {
        const ask = { headers: { accept }, until: (text: string) => text.includes("three") };
        await server.ask("GET", path, address("t", `after=${position}`), 200, ask);
      }
    }
  },

  async "putting"(open) {
    await using server = await open({ allowedOrigins: [ORIGIN] });
    for (const [path, address] of PUTS) {
      const post = (expected: Parameters<DocumentedServer["ask"]>[3], ask: Ask, query?: string) =>
        server.ask("POST", path, address("t", query), expected, ask);
      await post(201, { body: "x", headers: { "idempotency-key": "m", "dsmq-header-a": "b" } });
      await post(201, { body: "x", headers: { "idempotency-key": "m", origin: ORIGIN } });
      const lines = '"one"\n{"body":"two","key":"k","messageId":"m","delay":0.5}\nbad\n';
      await post(200, { body: lines, headers: { "content-type": LINES } });
      await post(201, { body: "later" }, "delay=60");
      await post([400, "bad_request"], { body: "x" }, "delay=soon");
      await post([400, "bad_request"], { body: "x" }, "key=a&key=b");
      await post([400, "bad_message"], { body: Uint8Array.of(0xff) });
      await server.ask("POST", path, address("%0A"), [400, "bad_topic"], { body: "x" });
      await post(403, { body: "x", headers: { origin: "https://evil.test" } });
      await post(415, { body: "x", headers: { "content-type": "text/plain; charset=latin1" } });
      await post(415, { body: "x", headers: { "content-encoding": "gzip" } });
      await server.askRaw("POST", path, address("t"), 411, [HOST]);
    }
  },

  async "tokens"(open) {
    const grant = { token: TOKEN, permissions: ["read", "write"] as const };
    const auth = { tokens: [{ ...grant, topics: ["other"] }] };
    await using server = await open({ auth });
    await askRoutes(server, [401, "unauthorized"]);
    await askRoutes(server, [401, "unauthorized"], { headers: { authorization: "Bearer no" } });
    const headers = { authorization: `Bearer ${TOKEN}` };
    await askRoutes(server, [403, "permission_denied"], { headers }, [
      "/topics/{topic}",
      "/messages",
      "/groups",
      "/metrics",
    ]);
    await askBoth(server, "/topics", "/topics?topic=t", [403, "permission_denied"], { headers });
  },

  async "tokens that nobody can check"(open) {
    const verify = () => Promise.reject(new Error("the database is away"));
    await using server = await open({ auth: { verify } });
    await askRoutes(server, [503, "unavailable"], {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
  },

  async "no slots, no waits and no streams"(open) {
    const slots = ROUTES.filter((path) => path !== "/metrics");
    const until = (text: string) => text !== "";
    for (
      const [limits, expected] of [
        [{ connections: 1 }, [503, "limit_exceeded"]],
        [{ connectionsPerAddress: 1 }, [429, "limit_exceeded"]],
      ] as const
    ) {
      await using server = await open({ limits });
      const stream = await server.fetch("/topics/t", { headers: { accept: EVENTS } });
      // An administrator needs none for the status.
      await askRoutes(server, expected, { headers: { "x-forwarded-for": "192.0.2.1" } }, slots);
      await stream.body!.cancel();
    }
    await using server = await open({ limits: { totalWaits: 1, totalSubscriptions: 1 } });
    await using mq = await connect(server.url);
    const stream = await server.fetch("/topics/t", { headers: { accept: EVENTS } });
    const controller = new AbortController();
    const { signal } = controller;
    const wait = server.fetch("/topics/t?wait=600", { signal }).catch(() => {});
    while ((await mq.connections()).length < 3) await Promise.resolve();
    for (const [path, address] of READS) {
      const exceeded = [429, "limit_exceeded"] as const;
      await server.ask("GET", path, address("t", "wait=600"), exceeded);
      const accept = { headers: { accept: EVENTS }, until };
      await server.ask("GET", path, address("t"), exceeded, accept);
    }
    controller.abort();
    await wait;
    await stream.body!.cancel();
  },

  async "limits of messages"(open) {
    const limits = { messageBytes: 100, topics: 1, storedBytes: 400, frameRequests: 2 };
    const lines = { "content-type": LINES };
    for (const [path, address] of PUTS) {
      await using server = await open({ limits });
      const post = (expected: Parameters<DocumentedServer["ask"]>[3], ask: Ask, topic = "t") =>
        server.ask("POST", path, address(topic), expected, ask);
      await post(201, { body: "x" });
      await post([413, "too_large"], { body: "x".repeat(200) });
      await post([413, "too_large"], { body: "x", headers: { "dsmq-header-a": "b".repeat(100) } });
      await post([413, "too_large"], { body: '"a"\n"b"\n"c"', headers: lines });
      const stream = new Blob(["x".repeat(150)]).stream();
      await post([413, "too_large"], { body: stream });
      const declared = [HOST, `Content-Type: ${LINES}`, "Content-Length: 9000000"];
      await server.askRaw("POST", path, address("t"), [413, "too_large"], declared);
      await post([429, "limit_exceeded"], { body: "x" }, "u");
      await post(200, { body: `"${"x".repeat(90)}"\n"${"x".repeat(90)}"`, headers: lines });
      await post([507, "full"], { body: "x".repeat(90) });
    }
  },

  async "no memory for bodies"(open) {
    await using server = await open({ limits: { totalInFlightBytes: 1024 } });
    for (const [path, address] of PUTS) {
      const body = "x".repeat(20_000);
      await server.ask("POST", path, address("t"), [429, "limit_exceeded"], { body });
    }
  },

  async "bodies that do not arrive"(open) {
    const clock = new ManualClock();
    await using server = await open({ clock });
    for (const [path, address] of PUTS) {
      using client = await RawSocket.connect(server.port);
      const target = `POST ${server.base}${address("t")} HTTP/1.1`;
      await client.send(`${target}\r\n${HOST}\r\nContent-Length: 9\r\n\r\nhalf`);
      let answered = false;
      const response = readResponse(client).finally(() => answered = true);
      // The body has its time from when the server reads it, whenever that is.
      while (!answered) {
        clock.advance(1000);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      server.expectRaw(await response, "POST", path, [408, "bad_request"]);
    }
  },

  async "the end of a server"(open) {
    const server = await open();
    const mq = await connect(server.url);
    const readers = READS.flatMap(([path, address]) => [
      server.ask("GET", path, address("t", "wait=600"), [503, "shutting_down"]),
      ...[EVENTS, LINES].map((accept) =>
        server.ask("GET", path, address("t"), 200, { headers: { accept } })
      ),
    ]);
    while ((await mq.connections()).length < 1 + readers.length) await Promise.resolve();
    await mq.close();
    await server[Symbol.asyncDispose]();
    for (const { body } of await Promise.all(readers)) {
      if (!body.includes("shutting_down")) throw new Error(`it does not say why: ${body}`);
    }
  },
};
