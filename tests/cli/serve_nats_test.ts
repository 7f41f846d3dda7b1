/**
 * Servers of the command line that share a log in NATS.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { ignoredIf } from "../support/ignored_if.ts";
import { NatsServer, noNats } from "../support/nats_server.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";
import { withTimeout } from "../support/with_timeout.ts";

const serveAt = (nats: NatsServer, ...options: string[]) =>
  new Program([
    ...["-A", "cli.ts", "serve", "--port", "0", "--json", "--engine", "node:sqlite"],
    ...["--store", `nats://${nats.host}/orders?sync=always`, ...options],
  ]);

/** In how long a server has started, or says why not, and in how long it notices what happens to its log, in milliseconds. */
const [START_TIMEOUT, NOTICED] = [20_000, 20_000];

/** The line of JSON that a server prints once it takes clients. */
const started = async (program: Program): Promise<{ url: string; port: number; store: string }> =>
  JSON.parse((await program.line())!);

Deno.test({
  ...ignoredIf(
    noNats,
    "what is put at one server is read at the other, by the command line and by a client of both",
  ),
  async fn() {
    await using nats = await NatsServer.start({ syncAlways: true });
    await using a = serveAt(nats);
    const first = await started(a);
    await using b = serveAt(nats, "--metrics");
    const second = await started(b);
    assertMatch(
      first.store,
      /^nats:\/\/127\.0\.0\.1:\d+\/orders, a replica on node:sqlite \(an acknowledged message survives a power failure/,
    );
    const [put, get] = await runCommands([
      ["put", "--port", `${first.port}`, "t", "hello"],
      ["get", "--port", `${second.port}`, "--since", "start", "t"],
    ]);
    assertEquals([put!.code, put!.stderr, get!.code, get!.stdout], [0, "", 0, "hello"]);
    await using mq = await connect([first.url, second.url], { since: "start" });
    assertEquals(await mq.get("t"), "hello");
    for (const { port } of [first, second]) {
      const status = await (await fetch(`http://127.0.0.1:${port}/status`)).json();
      assertEquals([status.durability, status.operation.store], ["disk", "nats"]);
    }
    const metrics = await (await fetch(`http://127.0.0.1:${second.port}/metrics`)).text();
    assertMatch(metrics, /^dsmq_info\{.*store="nats",durability="disk".*\} 1$/m);
    for (const program of [a, b]) {
      program.child.kill("SIGTERM");
      assertEquals((await program.end()).code, 0);
    }
  },
});

Deno.test({
  ...ignoredIf(noNats, "with --freshness session, reads do not wait for a log that stands still"),
  async fn() {
    await using nats = await NatsServer.start();
    await using server = serveAt(nats, "--freshness", "session");
    const { url } = await started(server);
    await using mq = await connect(url);
    await mq.put("t", "1");
    await nats.pause();
    try {
      // Sooner than a fence is given up.
      assertEquals(await withTimeout(mq.get("t"), 4000), "1");
    } finally {
      nats.resume();
    }
  },
});

Deno.test({
  ...ignoredIf(noNats, "a server with other options refuses to start, and is told how it may"),
  async fn() {
    await using nats = await NatsServer.start();
    await using a = serveAt(nats);
    await started(a);
    await using b = serveAt(nats, "--retention", "60");
    const { code, stderr } = await withTimeout(b.end(), START_TIMEOUT);
    assertEquals(code, 1);
    assertMatch(stderr, /--reconfigure/);
    await using c = serveAt(nats, "--retention", "60", "--reconfigure");
    const { port } = await started(c);
    const status = await (await fetch(`http://127.0.0.1:${port}/status`)).json();
    assertEquals(status.retention, 60_000);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a replica in a file is left for the next start, and one in a temporary file is deleted",
  ),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await using nats = await NatsServer.start();
      for (
        const [options, left] of [[[], 0], [["--replica", `${folder}/replica.db`], 1]] as const
      ) {
        const server = new Program([
          ...["-A", "cli.ts", "serve", "--port", "0", "--json", "--engine", "node:sqlite"],
          ...["--store", `nats://${nats.host}/orders`, ...options],
        ], { TMPDIR: folder });
        await started(server);
        server.child.kill("SIGTERM");
        assertEquals((await server.end()).code, 0);
        const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
        assertEquals(names.filter((name) => name === "replica.db").length, left);
        if (left === 0) assertEquals(names, []);
        else assert(names.length > 0);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Waits until a server says that it is ready, or is not. */
async function untilReady(port: number, isReady: boolean): Promise<string> {
  for (const end = performance.now() + NOTICED;;) {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`);
    const line = await response.text();
    if (response.ok === isReady) return line;
    assert(performance.now() < end, `it still says ${line}`);
  }
}

Deno.test({
  ...ignoredIf(
    noNats,
    "servers that lose NATS say behind, lose nothing, and are back by themselves once it is",
  ),
  async fn() {
    await using nats = await NatsServer.start({ syncAlways: true });
    await using a = serveAt(nats);
    await using b = serveAt(nats);
    const servers = [await started(a), await started(b)];
    await using mq = await connect(servers.map(({ url }) => url), {
      since: "start",
      reconnect: { minDelay: 10, maxDelay: 50 },
    });
    await mq.put("t", "before");
    assertEquals(await mq.get("t"), "before");
    await nats.kill();
    for (const { port } of servers) {
      assertMatch(await untilReady(port, false), /^behind/);
      const live = await fetch(`http://127.0.0.1:${port}/health/live`);
      assertEquals([live.status, await live.text()], [200, "ok\n"]);
      const read = await fetch(`http://127.0.0.1:${port}/topics/t`);
      assertEquals([read.status, (await read.json()).code], [503, "behind"]);
    }
    // Kept by the client until one of them is back.
    const put = mq.put("t", "after");
    // What fails before is told in its place.
    put.catch(() => {});
    await nats.run();
    for (const { port } of servers) await untilReady(port, true);
    await put;
    assertEquals([await mq.get("t"), await mq.get("t")], ["after", ""]);
    for (const { port } of servers) {
      const response = await fetch(`http://127.0.0.1:${port}/messages?after=start&count=10`);
      const { messages } = await response.json();
      assertEquals(messages.map(({ body }: { body: string }) => body), ["before", "after"]);
    }
  },
});
