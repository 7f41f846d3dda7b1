/**
 * The server: how it stops.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, serve, type Server } from "@dsmq/server";
import { RawPutter } from "../faults/raw_putter.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout } from "../support/with_timeout.ts";

const quiet = { info() {}, warn() {}, error() {} };

/** Asserts that nothing listens on the server's port. */
async function assertPortFree({ port }: Server): Promise<void> {
  await (await serve({ port })).shutdown();
}

Deno.test("await using stops the server, and frees its port", async () => {
  let stopped: Server;
  {
    await using server = await serve({ port: 0 });
    stopped = server;
    await using mq = await connect(server.url);
    await mq.put("t", "message");
  }
  await withTimeout(stopped.finished);
  await assertPortFree(stopped);
});

Deno.test("shutdown closes every connection with code 1012, and resolves finished", async () => {
  const server = await serve({ port: 0 });
  await using one = await RawClient.open(server.url);
  await using other = await RawClient.open(server.url);
  await withTimeout(server.shutdown());
  await withTimeout(server.finished);
  assertEquals([(await one.closed).code, (await other.closed).code], [1012, 1012]);
  assertEquals(server.stats().connections, 0);
  await assertPortFree(server);
});

Deno.test("finished is pending while the server runs", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const first = Promise.race([server.finished.then(() => "finished"), mq.put("t", "message")]);
  assert(typeof await first === "number");
});

Deno.test("shutdown may be called twice, at once and afterwards", async () => {
  const server = await serve({ port: 0 });
  await using _mq = await connect(server.url);
  await withTimeout(
    Promise.all([server.shutdown(), server.shutdown(), server[Symbol.asyncDispose]()]),
  );
  await withTimeout(server.shutdown());
});

Deno.test("shutdown finishes accepted work: all of a frame is answered before the close", async () => {
  const server = await serve({ port: 0, allowShutdown: true });
  await using raw = await RawClient.open(server.url);
  raw.send([
    { action: "put", id: 1, topic: "t", body: "before" },
    { action: "shutdown", id: 2 },
    { action: "put", id: 3, topic: "t", body: "after" },
    { action: "get", id: 4, topic: "t" },
    { action: "get", id: 5, topic: "t" },
  ]);
  const replies = await raw.next();
  await withTimeout(server.finished);
  assertEquals((await raw.closed).code, 1012);
  assertEquals(replies.map(({ id }: { id: number }) => id), [1, 2, 3, 4, 5]);
  assertEquals([replies[3].body, replies[4].body], ["before", "after"]);
});

Deno.test("a client in the middle of many puts gets every reply, and the close, before the end", async () => {
  for (let i = 0; i < 5; i++) {
    const server = await serve({ port: 0 });
    const putter = await RawPutter.open(server.port, "t", "raw");
    while (putter.acknowledged.size < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
    await withTimeout(server.shutdown());
    await withTimeout(putter.over);
    assertEquals(putter.code, 1012);
    assert(putter.ordered);
    assertEquals(putter.acknowledged.size, server.stats().stored);
  }
});

Deno.test("shutdown tells pending waits that the server is shutting down", async () => {
  const server = await serve({ port: 0, log: quiet });
  await using raw = await RawClient.open(server.url);
  raw.send([
    { action: "get_wait", id: 1, topic: "t", timeout: 60_000 },
    { action: "hello", id: 2 },
  ]);
  assertEquals((await raw.next())[0].id, 2);
  await withTimeout(server.shutdown());
  const reply = await raw.next();
  assertEquals([reply.id, reply.error.code], [1, "shutting_down"]);
});

Deno.test("a server that is shutting down is not healthy, and accepts nobody", async () => {
  const server = await serve({ port: 0 });
  await using raw = await RawClient.open(server.url);
  const address = server.url.replace("ws:", "http:");
  const stopping = server.shutdown();
  const [health] = await Promise.allSettled([
    fetch(`${address}/health`).then(async (response) => {
      await response.text();
      return response.status;
    }),
  ]);
  await withTimeout(stopping);
  // Either it says so, or the port is already closed.
  if (health.status === "fulfilled") assertEquals(health.value, 503);
  assertEquals((await raw.closed).code, 1012);
  await assertRejects(() => connect(server.url, { timeout: 50 }), Error);
});

Deno.test("a client may stop a server that allows it", async () => {
  const server = await serve({ port: 0, allowShutdown: true });
  await using mq = await connect(server.url);
  await mq.shutdownServer();
  await withTimeout(server.finished);
  await assertPortFree(server);
});

Deno.test("a client may not stop a server that does not allow it", async () => {
  await using server = await serve({ port: 0, log: quiet });
  await using mq = await connect(server.url);
  await assertRejects(() => mq.shutdownServer(), Error, "does not allow");
  assert(await mq.put("t", "message") > 0);
});

Deno.test("an abort of the signal option stops the server", async () => {
  const controller = new AbortController();
  const server = await serve({ port: 0, signal: controller.signal });
  await using raw = await RawClient.open(server.url);
  controller.abort();
  await withTimeout(server.finished);
  assertEquals((await raw.closed).code, 1012);
  await assertPortFree(server);
});

Deno.test("a signal that has aborted already keeps the server from starting", async () => {
  const reason = new Error("never mind");
  const signal = AbortSignal.abort(reason);
  assert(await assertRejects(() => serve({ port: 0, signal }), Error) === reason);
});

Deno.test("a request whose body does not end does not prevent a stop", async () => {
  const server = await serve({ port: 0 });
  using conn = await Deno.connect({ hostname: server.host, port: server.port });
  const request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nonly this";
  await conn.write(new TextEncoder().encode(request));
  // It has been answered: the server waits for the rest of it.
  await conn.read(new Uint8Array(1024));
  await withTimeout(server.shutdown());
});

/**
 * Servers of one process: two, of which one is in a worker, that end at the first signal, before a second one ends the
 * process.
 */
const PROGRAM = `
  import { serve } from "@dsmq/server";
  const worker = new Worker(URL.createObjectURL(new Blob([\`
    import { serve } from "@dsmq/server";
    const server = await serve({ port: 0, handleSignals: true });
    postMessage(server.url);
    await server.finished;
    postMessage("finished");
  \`], { type: "text/javascript" })), { type: "module" });
  const told = () => new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  await told();
  const server = await serve({ port: 0, handleSignals: true });
  const finished = told();
  console.log(server.url);
  await server.finished;
  console.log(await finished);
  worker.terminate();
  // No listener is left for it.
  Deno.kill(Deno.pid, Deno.args[0]);
  setTimeout(() => console.log("not ended"), 1000);
`;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    ...ignoredIf(
      noPosix,
      `${signal} stops all servers of a process that handle it, with close code 1012, and then has its default effect again`,
    ),
    async fn() {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["eval", "--no-lock", PROGRAM, signal],
        cwd: new URL("../..", import.meta.url),
        stdin: "null",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      try {
        const url = (await lines.read()).value!.trim();
        await using raw = await RawClient.open(url);
        await raw.request({ action: "put", id: 1, topic: "t", body: "message" });
        child.kill(signal);
        assertEquals((await withTimeout(raw.closed)).code, 1012);
        assertEquals((await withTimeout(lines.read())).value, "finished\n");
        assertEquals((await withTimeout(child.status)).signal, signal);
      } finally {
        await lines.cancel();
        try {
          child.kill("SIGKILL");
        } catch {
          // It has ended.
        }
        await child.status;
      }
    },
  });
}

/** Counts the listeners of signals, while it is in use. */
function listeners(): { readonly count: number } & Disposable {
  const { addSignalListener, removeSignalListener } = Deno;
  let count = 0;
  Deno.addSignalListener = (...args) => {
    count++;
    addSignalListener(...args);
  };
  Deno.removeSignalListener = (...args) => {
    count--;
    removeSignalListener(...args);
  };
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => Object.assign(Deno, { addSignalListener, removeSignalListener }),
  };
}

Deno.test("a server ignores signals unless told to handle them, and removes its listeners", async () => {
  using there = listeners();
  await using plain = await serve({ port: 0 });
  assertEquals(there.count, 0);
  const handling = await serve({ port: 0, handleSignals: true });
  assert(there.count > 0);
  await handling.shutdown();
  assertEquals(there.count, 0);
  // A server that cannot start removes them, too.
  await assertRejects(() => serve({ port: plain.port, handleSignals: true }), Error, "taken");
  assertEquals(there.count, 0);
});

Deno.test({
  ...ignoredIf(noPosix, "a signal during the start of a server stops it once it has started"),
  async fn() {
    const starting = serve({ port: 0, handleSignals: true });
    Deno.kill(Deno.pid, "SIGTERM");
    await withTimeout((await starting).finished);
  },
});
