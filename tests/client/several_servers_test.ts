/**
 * Clients of several servers that share a log: whatever becomes of one, they go on at another, and nothing is lost or comes twice.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import { type Faults, FaultyProxy } from "../faults/proxy.ts";
import { reconnect, turns, until } from "../support/bridge.ts";
import { heldJobs } from "../support/held_jobs.ts";
import type { HttpServer } from "../support/http_server.ts";
import { ServersOnLog } from "../support/servers_on_log.ts";
import { withTimeout } from "../support/with_timeout.ts";

const PUTS = 1000;
const JOBS = ["a", "b", "c", "d"];

/**
 * A client puts, reads, waits and works, and comes to another server meanwhile: nothing is lost, comes twice or out of order.
 *
 * @param mq the client
 * @param interrupt called in the middle of the puts
 */
async function goOn(mq: Connection, interrupt: () => void = () => {}): Promise<void> {
  const before = mq.url;
  const statuses: string[] = [];
  const watching = (async () => {
    for await (const { status, epochChanged } of mq.statusChanges()) {
      statuses.push(epochChanged ? "epoch changed" : status);
    }
  })();
  await mq.putMany("jobs", JOBS);
  const jobs = heldJobs();
  const worker = mq.work("jobs", jobs.handle, { concurrency: JOBS.length });
  await until(() => jobs.begun.length === JOBS.length);
  const stream = mq.subscribe("t");
  const waiting = mq.getWait("later", { timeout: 60_000 });
  const puts: Promise<number>[] = [];
  for (let i = 0; i < PUTS; i++) {
    puts.push(mq.put("t", `${i}`));
    if (i === PUTS / 2) interrupt();
    if (i % 20 === 0) await turns(1);
  }
  const seqs = await withTimeout(Promise.all(puts), 30_000);
  const texts = Array.from({ length: PUTS }, (_, i) => `${i}`);
  assertEquals(seqs, seqs.toSorted((a, b) => a - b), "in the order of the calls");
  assertEquals(new Set(seqs).size, PUTS);
  const streamed: string[] = [];
  while (streamed.length < PUTS) {
    const { value } = await withTimeout(stream.next());
    streamed.push(value!.body);
  }
  assertEquals(streamed, texts);
  const read: string[] = [];
  for (let body; (body = await mq.get("t")) !== "";) read.push(body);
  assertEquals(read, texts);
  await until(() => mq.url !== before && mq.status === "connected");
  await mq.put("later", "it comes");
  assertEquals(await withTimeout(waiting), "it comes");
  // They are held as before, and each is done once.
  assertEquals(jobs.begun.map(({ signal }) => signal.aborted), JOBS.map(() => false));
  jobs.finish();
  await until(() => worker.stats.done === JOBS.length);
  assertEquals([worker.stats.lost, worker.stats.retried], [0, 0]);
  assertEquals(jobs.begun.map(({ body }) => body), JOBS);
  const [group] = await mq.groups("jobs");
  assertEquals([group?.held, group?.depth], [0, 0]);
  await mq.close();
  await watching;
  assertEquals(statuses, ["connected", "reconnecting", "connected", "closed"]);
}

Deno.test("a server that stops is left for another: puts, reads, waits, streams and held jobs go on there", async () => {
  await using servers = await ServersOnLog.open(2);
  const mq = await connect(servers.urls, { reconnect });
  let stopping: Promise<void> | undefined;
  await goOn(mq, () => stopping = servers.at(mq.url).shutdown());
  await stopping;
});

Deno.test("a server that is cut off from the log is left for another, where everything goes on", async () => {
  await using servers = await ServersOnLog.open(2);
  const mq = await connect(servers.urls, { reconnect });
  await goOn(mq, () => servers.cutOff(servers.at(mq.url)));
});

Deno.test("a server that has not heard yet of what a client knows lets it go on all the same, and misses nothing", async () => {
  await using servers = await ServersOnLog.open(1);
  await servers.addReluctant();
  const [eager] = servers.urls as [string];
  // It has to begin at the one that is up to date.
  let isFirst = true;
  const dial = (url: string) => {
    const isTo = url === eager || !isFirst;
    isFirst &&= url !== eager;
    return new WebSocket(isTo ? url : "ws://127.0.0.1:1", ["dsmq"]);
  };
  await using mq = await connect(servers.urls, { dial, reconnect });
  await using putter = await connect(eager);
  for (const text of ["1", "2"]) await putter.put("t", text);
  const stream = mq.subscribe("t");
  const next = async () => (await withTimeout(stream.next())).value?.body;
  assertEquals([mq.url, await mq.get("t"), await next(), await next()], [eager, "1", "1", "2"]);
  servers.cutOff(servers.at(eager));
  await until(() => mq.url !== eager && mq.status === "connected");
  assertEquals([await mq.get("t"), await mq.get("t")], ["2", ""]);
  await using other = await connect((await servers.add()).url);
  await other.put("t", "3");
  assertEquals(await mq.get("t"), "3");
  assertEquals(await next(), "3");
});

Deno.test("servers that are cut off are passed over, and if all are, connect says so of each", async () => {
  await using servers = await ServersOnLog.open(3);
  const [one, two, three] = servers.all as [HttpServer, HttpServer, HttpServer];
  servers.cutOff(one);
  servers.cutOff(two);
  for (let i = 0; i < 5; i++) {
    await using mq = await connect(servers.urls);
    assertEquals([mq.url, typeof await mq.put("t", "m")], [three.url, "number"]);
  }
  servers.cutOff(three);
  const error = await assertRejects(() => connect(servers.urls, { timeout: 200 }), DsmqError);
  for (const url of servers.urls) assert(error.message.includes(url), error.message);
  assertMatch(error.message, /the server is cut off from its log/);
  assertEquals([error.code, error.retryable], ["behind", true]);
});

/** Ways to lose a server behind a proxy, after so many bytes. */
const BREAKS: Readonly<Record<string, (bytes: number) => Faults>> = {
  "is cut off while it answers": (bytes) => ({ cutAfterDown: bytes }),
  "is cut off while it is asked": (bytes) => ({ cutAfterUp: bytes }),
  "falls silent": (bytes) => ({ dropAfterDown: bytes }),
};

for (const [name, faults] of Object.entries(BREAKS)) {
  for (const bytes of [4000, 9000, 14_000]) {
    Deno.test(`a server that ${name} after ${bytes} bytes is left for another, and goes on itself`, async () => {
      await using servers = await ServersOnLog.open(2);
      // The first connection has the fault, to whichever it is.
      const coming = [faults(bytes)];
      const faultsOfNext = () => coming.pop() ?? {};
      await using one = new FaultyProxy(servers.all[0]!.port, faultsOfNext);
      await using two = new FaultyProxy(servers.all[1]!.port, faultsOfNext);
      const mq = await connect([one.url, two.url], { reconnect, heartbeatInterval: 100 });
      const left = servers.all[mq.url === one.url ? 0 : 1]!;
      await goOn(mq);
      assertEquals([one.connections, two.connections], [1, 1]);
      await using other = await connect(left.url, { since: "start" });
      assertEquals([await other.get("t"), await other.get("later")], ["0", "it comes"]);
    });
  }
}

Deno.test("when all servers are restarted, one after the other, puts and readers of many clients go on, and nothing is lost or comes twice", async () => {
  await using servers = await ServersOnLog.open(3);
  await using network = new AsyncDisposableStack();
  const proxies = servers.all.map(({ port }) => network.use(new FaultyProxy(port)));
  const urls = proxies.map(({ url }) => url);
  const clients = await Promise.all(Array.from({ length: 6 }, () => connect(urls, { reconnect })));
  const streams = clients.map((mq) => mq.subscribe("t"));
  let isOver = false;
  const putting = clients.map(async (mq, client) => {
    const seqs: number[] = [];
    for (let i = 0; !isOver; i++) seqs.push(await mq.put("t", `${client} ${i}`));
    return seqs;
  });
  const moves = clients.map(async (mq) => {
    let count = 0;
    for await (const { status } of mq.statusChanges()) if (status === "reconnecting") count++;
    return count;
  });
  for (const [i, proxy] of proxies.entries()) {
    await servers.all[i]!.shutdown();
    proxy.target = (await servers.add()).port;
    // All are somewhere again before the next one stops.
    await withTimeout(Promise.all(clients.map((mq) => mq.put("progress", ""))), 30_000);
  }
  isOver = true;
  const stored = await withTimeout(Promise.all(putting), 30_000);
  const order = stored.flatMap((seqs, client) =>
    seqs.map((seq, i) => ({ seq, text: `${client} ${i}` }))
  )
    .sort((a, b) => a.seq - b.seq);
  for (const stream of streams) {
    const streamed = [];
    while (streamed.length < order.length) {
      const { seq, body } = (await withTimeout(stream.next())).value!;
      streamed.push({ seq, text: body });
    }
    assertEquals(streamed, order);
  }
  await Promise.all(clients.map((mq) => mq.close()));
  // Each was at one of them, at least.
  for (const count of await Promise.all(moves)) assert(count >= 1, `${count} moves`);
});
