/**
 * A handler: the server on a `Deno.serve` that belongs to somebody else.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, createHandler, type Handler, type RequestInfo } from "@dsmq/server";
import { codeOf } from "../support/code_of.ts";
import { FileFolder } from "../support/file_folder.ts";
import { onFreedPort } from "../support/freed_port.ts";
import { openMounted } from "../support/mounted_server.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { RawClient } from "../support/raw_client.ts";
import { getRequest, UPGRADE } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { withoutModule } from "../support/without_module.ts";

async function page(url: string): Promise<string> {
  const response = await fetch(url.replace(/^ws/, "http"));
  return `${response.status} ${(await response.text()).trim()}`;
}

Deno.test("a handler under a path serves clients, and all other paths belong to the program", async () => {
  await using mounted = openMounted({ path: "/mq" });
  await using mq = await connect(mounted.url);
  const waiting = mq.getWait("t", { timeout: 5000 });
  assertEquals(await mq.put("t", "hello"), 1);
  assertEquals(await waiting, "hello");
  await using below = await connect(`${mounted.url}/any/path`);
  assertEquals(await below.put("t", "more"), 2);
  assertEquals(mounted.stats().connections, 2);
  const origin = `http://localhost:${mounted.port}`;
  assertEquals(await page(`${origin}/`), "200 theirs");
  assertEquals(await page(`${origin}/health`), "200 theirs");
  assert((await page(`${origin}/mq`)).startsWith("200 dsmq/"));
  assert((await page(`${origin}/mq/`)).startsWith("200 dsmq/"));
  assertEquals(await page(`${origin}/mq/health`), "200 ok");
  assertMatch(await page(`${origin}/mq/other`), /^404 .*"code":"not_found"/);
  // The program hands it on; the handler has another path.
  for (const path of ["/mqueue", "/m", "/"]) {
    await using other = openMounted({ path: "/mq" });
    const get = (request: Request) => other.handler.fetch(request, LOCAL);
    assertEquals((await get(new Request(`http://localhost${path}`))).status, 404, path);
  }
});

const LOCAL: RequestInfo = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1" } };

Deno.test("without a path a handler is what serve is: pages at the root, connections at any path", async () => {
  await using mounted = openMounted();
  await using server = await openServer();
  for (const path of ["/", "/health", "/favicon.ico", "/mq"]) {
    const [ours, theirs] = [mounted.port, server.port].map((port) =>
      page(`http://localhost:${port}${path}`)
    );
    assertEquals(await ours, await theirs, path);
  }
  await using mq = await connect(`${mounted.url}some/path`);
  assertEquals(await mq.put("t", "x"), 1);
});

Deno.test("a handler is there at once, and requests wait until its store is open", async () => {
  using folder = new FileFolder();
  await using mounted = openMounted({ store: `sqlite:${folder.path}` });
  const { handler } = mounted;
  assertEquals(handler.storeDescription, `sqlite:${folder.path}`);
  assertEquals(handler.stats().connections, 0);
  await using mq = await connect(mounted.url);
  assertEquals(await mq.put("t", "early"), 1);
  await handler.ready;
  assertStringIncludes(handler.storeDescription, `${folder.path} on `);
  assertEquals(handler.stats().stored, 1);
});

Deno.test("a store that cannot be opened is told by ready, by the log, and by status 503; nothing is left running", async () => {
  using folder = new FileFolder();
  const store = `sqlite:${folder.path}` as const;
  await using _server = await openServer({ store });
  const lines: string[] = [];
  const log = { ...quiet, error: (line: string) => void lines.push(line) };
  await using mounted = openMounted({ store, log });
  const { handler } = mounted;
  assertMatch(await page(mounted.url), /^503 .*"unavailable".*could not be started/);
  assertEquals(await codeOf(handler.ready), "store_in_use");
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, folder.path);
  assertEquals(await codeOf(handler.setAuth("token")), "store_in_use");
  await withTimeout(handler.finished);
  await withTimeout(handler.shutdown());
});

Deno.test("shutdown closes connections with code 1012 and finishes, and the server that it is on lives on", async () => {
  await using mounted = openMounted({ path: "/mq" });
  const { handler } = mounted;
  await using raw = await RawClient.open(mounted.url.replace("localhost", "127.0.0.1"));
  await withTimeout(Promise.all([handler.shutdown(), handler.shutdown()]));
  await withTimeout(handler.finished);
  assertEquals((await raw.closed).code, 1012);
  assertEquals(handler.stats().connections, 0);
  for (const path of ["/mq", "/mq/health", "/mq/other"]) {
    assertMatch(
      await page(`http://localhost:${mounted.port}${path}`),
      /^503 .*"shutting_down".*the message queue is stopping/,
    );
  }
  assertEquals(await codeOf(connect(mounted.url, { timeout: 100 })), "unreachable");
  assertEquals(await page(`http://localhost:${mounted.port}/`), "200 theirs");
});

Deno.test("shutdown before the store is open waits for it, and closes it", async () => {
  using folder = new FileFolder();
  const store = `sqlite:${folder.path}` as const;
  const handler = createHandler({ store, log: quiet });
  const early = handler.fetch(new Request("http://localhost/"), LOCAL);
  await withTimeout(handler.shutdown());
  assertEquals((await early).status, 503);
  await withTimeout(handler.finished);
  await (await openServer({ store })).shutdown();
});

Deno.test("clients find the handler again after their server was stopped and started", async () => {
  const handler = createHandler({ log: quiet });
  const listen = (port: number) =>
    Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, handler.fetch);
  const first = listen(0);
  const { port } = first.addr;
  await using mq = await connect(`ws://127.0.0.1:${port}`);
  await mq.put("t", "before");
  // Deno.serve ends its WebSockets without asking, and the handler takes note.
  const disconnected = mq.statusChanges()[Symbol.asyncIterator]();
  await first.shutdown();
  const left: string[] = [];
  while (left.at(-1) !== "reconnecting") left.push((await disconnected.next()).value!.status);
  const second = await onFreedPort(() => listen(port));
  assertEquals(await mq.put("t", "after"), 2);
  assertEquals(await mq.get("t"), "before");
  await mq.close();
  await second.shutdown();
  await withTimeout(handler.shutdown());
});

Deno.test("the signal of the options shuts a handler down, also while its store is being opened", async () => {
  const late = new AbortController();
  await using mounted = openMounted({ signal: late.signal });
  await mounted.handler.ready;
  late.abort();
  await withTimeout(mounted.handler.finished);
  const early = AbortSignal.abort(new Error("not any more"));
  const lines: unknown[] = [];
  const handler = createHandler({
    signal: early,
    log: { ...quiet, error: (line: string) => void lines.push(line) },
  });
  assertEquals((await assertRejects(() => handler.ready, Error)).message, "not any more");
  await withTimeout(handler.finished);
  assertEquals(lines, []);
});

Deno.test("a client that may stops the handler, not the server that it is on", async () => {
  await using mounted = openMounted({ path: "/mq", allowShutdown: true });
  await using raw = await RawClient.open(mounted.url.replace("localhost", "127.0.0.1"));
  assertEquals(await raw.request({ action: "shutdown", id: 1 }), { id: 1 });
  await withTimeout(mounted.handler.finished);
  assertEquals(await page(`http://localhost:${mounted.port}/`), "200 theirs");
});

Deno.test("a handler handles no signals, and keeps no program alive", async () => {
  using folder = new FileFolder();
  for (const store of ["memory", `sqlite:${folder.path}`]) {
    await using program = new Program(["-A", "tests/programs/mounted.ts", store]);
    const { code, stdout } = await withTimeout(program.end(), 10_000);
    assertEquals([code, stdout], [0, "stopped"]);
  }
});

Deno.test("a handler works without what looks for other threads of its process", async () => {
  const program = ["tests/programs/mounted.ts", "memory"];
  const outcome = await withoutModule("server/start/other_threads.ts", ...program);
  assertEquals(outcome, { code: 0, stdout: "stopped", stderr: "" });
});

Deno.test("setAuth counts at once, also before the store is open", async () => {
  await using mounted = openMounted();
  const { handler } = mounted;
  const set = handler.setAuth("secret");
  await set;
  assertEquals(await codeOf(connect(mounted.url)), "unauthorized");
  await using mq = await connect(mounted.url, { token: "secret" });
  assertEquals(await mq.put("t", "x"), 1);
  const wrong = handler.setAuth(undefined as unknown as string);
  await assertRejects(() => wrong, TypeError, "Cannot set auth: auth must be");
});

Deno.test("a handler asks auth.verify, as serve does", async () => {
  const verify = (token: string) =>
    token === "good" ? { permissions: ["read"] as const } : undefined;
  await using mounted = openMounted({ auth: { verify } });
  await using mq = await connect(mounted.url, { token: "good" });
  assertEquals(await mq.get("t"), "");
  assertEquals(await codeOf(mq.put("t", "x")), "permission_denied");
  assertEquals(await codeOf(connect(mounted.url, { token: "bad" })), "unauthorized");
});

Deno.test({
  ...ignoredIf(noPosix, "a handler serves a Unix socket, whose clients have no address"),
  async fn() {
    using folder = new FileFolder();
    const handler = createHandler({ log: quiet });
    const path = `${folder.root}/socket`;
    const server = Deno.serve({ path, onListen() {} }, handler.fetch);
    const socket = await Deno.connect({ transport: "unix", path });
    const headers = { Host: "localhost", ...UPGRADE };
    await socket.write(new TextEncoder().encode(getRequest(headers)));
    const head = new Uint8Array(12);
    await socket.read(head);
    assertEquals(new TextDecoder().decode(head), "HTTP/1.1 101");
    socket.close();
    await handler.shutdown();
    await server.shutdown();
  },
});

Deno.test("fetch, ready and the rest need no this", async () => {
  await using mounted = openMounted();
  const { fetch }: Handler = mounted.handler satisfies Deno.ServeDefaultExport;
  assertEquals((await fetch(new Request("http://localhost/health"), LOCAL)).status, 200);
});
