/**
 * Several addresses of one queue: a server that dies, one that takes over its file, and one that never answers.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { FaultyProxy } from "../faults/proxy.ts";
import { quiet } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A server process on a file, and its port, once it listens. */
async function serveFile(path: string): Promise<{ program: Program; port: number }> {
  const store = ["--store", `sqlite:${path}`, "--durability", "process"];
  const program = new Program(["-A", "cli.ts", "serve", "--port", "0", "--json", ...store]);
  const { port } = JSON.parse((await program.line())!);
  return { program, port };
}

Deno.test("when a server is killed, the client goes on at the next address, where another has taken over the file", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const { program, port } = await serveFile(`${folder}/queue.db`);
    await using first = program;
    // Nobody is behind the second address yet. It is kept, so that no other program takes its port.
    await using second = new FaultyProxy(1);
    const options = { since: "start", reconnect: { minDelay: 1, maxDelay: 20 } } as const;
    await using mq = await connect([{ port }, second.url.replace("ws://", "")], options);
    assertEquals(mq.url, `ws://127.0.0.1:${port}`);
    await using stream = mq.subscribe("t");
    await mq.put("t", "1");
    assertEquals((await stream.next()).value?.body, "1");
    const changes = mq.statusChanges();
    assertEquals((await changes.next()).value?.status, "connected");
    first.child.kill("SIGKILL");
    const put = mq.put("t", "2");
    assertEquals((await changes.next()).value?.status, "reconnecting");
    await first.child.status;
    const heir = await serveFile(`${folder}/queue.db`);
    await using _heir = heir.program;
    second.target = heir.port;
    assertEquals((await withTimeout(changes.next(), 20_000)).value, {
      status: "connected",
      url: second.url,
      epochChanged: false,
    });
    await put;
    assertEquals(mq.url, second.url);
    // Once, in order, and no gap.
    await mq.put("t", "3");
    assertEquals([(await stream.next()).value?.body, (await stream.next()).value?.body], [
      "2",
      "3",
    ]);
    assertEquals([await mq.get("t"), await mq.get("t"), await mq.get("t")], ["1", "2", "3"]);
    assertEquals(await mq.get("t"), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an address that never answers keeps nobody from the others, wherever it stands", async () => {
  // It accepts connections, and says nothing.
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of silent) conns.push(conn);
  })();
  const { port } = silent.addr as Deno.NetAddr;
  await using server = await serve({ port: 0, log: quiet });
  for (const urls of [[{ port }, server.url], [server.url, { port }]]) {
    // Each has half of it, and a busy machine may be slow.
    await using mq = await connect(urls, { timeout: 4000 });
    assertEquals([mq.url, await mq.put("t", "m") > 0], [server.url, true]);
  }
  silent.close();
  await accepting.catch(() => {});
  for (const conn of conns) conn.close();
});
