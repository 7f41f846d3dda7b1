/**
 * Several addresses of one queue: a server that dies, one that takes over its file, and one that never answers.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { FaultyProxy } from "../faults/proxy.ts";
import { quiet } from "../support/open_server.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";
import { Program } from "../support/program.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
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
    await using mq = await connect([{ port }, second.url.replace("ws://", "")], {
      since: "start",
      reconnect: { minDelay: 1, maxDelay: 20 },
    });
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

/** Dials one of two scripted servers, as the host of the address says, and remembers which. */
function scripted(): {
  dial(url: string): ReturnType<ScriptedServer["dial"]>;
  dials: string[];
  a: ScriptedServer;
  b: ScriptedServer;
} {
  const [a, b] = [new ScriptedServer(), new ScriptedServer()];
  const dials: string[] = [];
  const dial = (url: string) => {
    dials.push(new URL(url).host);
    return (url.includes("a.test") ? a : b).dial();
  };
  return { dial, dials, a, b };
}

const URLS = ["ws://a.test:1", "ws://b.test:1"];

Deno.test("after a break the address that answered last comes first, then the next; one that is stuck costs its attempt once", () =>
  inVirtualTime(async () => {
    const { dial, dials, a, b } = scripted();
    const mq = await connect(URLS, { dial, reconnect: { minDelay: 1, maxDelay: 1 } });
    const changes = mq.statusChanges();
    const statuses = async (count: number) => {
      const seen = [];
      for (let i = 0; i < count; i++) seen.push((await changes.next()).value!.status);
      return seen;
    };
    await statuses(1);
    a.hangUp();
    assertEquals(await statuses(2), ["reconnecting", "connected"]);
    assertEquals(dials.splice(0), ["a.test:1", "a.test:1"]);
    // The machine is gone: nothing comes from it, not even a refusal.
    a.hangUp();
    a.stuck = true;
    const begin = performance.now();
    assertEquals(await statuses(2), ["reconnecting", "connected"]);
    assertEquals([mq.url, dials.splice(0)], [URLS[1], ["a.test:1", "b.test:1"]]);
    assertEquals(Math.round((performance.now() - begin) / 1000), 5);
    // Where it is now comes first, and the one that is stuck is not waited for again.
    const later = performance.now();
    b.hangUp();
    assertEquals(await statuses(2), ["reconnecting", "connected"]);
    assertEquals([mq.url, dials.splice(0)], [URLS[1], ["b.test:1"]]);
    assertEquals(performance.now() - later < 100, true);
    // It comes back when it is needed.
    a.stuck = false;
    b.unreachable = true;
    b.hangUp();
    assertEquals(await statuses(2), ["reconnecting", "connected"]);
    assertEquals([mq.url, dials.splice(0)], [URLS[0], ["b.test:1", "a.test:1"]]);
    await mq.close();
  }));
