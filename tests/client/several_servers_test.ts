/**
 * Clients of several servers that share a log: whatever becomes of one, they go on at another, and nothing is lost or comes twice.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, type Job } from "@dsmq/server";
import { type Faults, FaultyProxy } from "../faults/proxy.ts";
import { Bridge, reconnect, store, testServer, turns, until } from "../support/bridge.ts";
import { SharedLog } from "../support/memory_record_logs.ts";
import { openReplica, ServersOnLog } from "../support/servers_on_log.ts";
import { withTimeout } from "../support/with_timeout.ts";

const PUTS = 1000;
const JOBS = ["a", "b", "c", "d"];

/** Handlers that end when the test lets them. */
function heldJobs() {
  const begun: Job[] = [];
  const gate = Promise.withResolvers<void>();
  const handle = async (job: Job) => {
    begun.push(job);
    await gate.promise;
  };
  return { begun, handle, finish: gate.resolve };
}

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

/** A client of two servers in memory, whose frames the test holds: the bridge to where it is, and to the other. */
async function atOneOfTwo() {
  const log = new SharedLog(Date.now);
  /** What the records of each wait for. */
  const gates: (Promise<void> | undefined)[] = [];
  const open = async (i: number) =>
    await testServer(await openReplica(log, (what) => what === "append" ? gates[i] : undefined));
  const hosts = [await open(0), await open(1)];
  const bridges = hosts.map((host) => new Bridge(host));
  const urls = ["ws://server-0.test:1", "ws://server-1.test:1"];
  const dial = (url: string) => bridges[urls.indexOf(url)]!.dial();
  const mq = await connect(urls, { dial, reconnect });
  const [first, other] = mq.url === urls[0] ? bridges : bridges.toReversed();
  const contents = async (bridge: Bridge): Promise<string[]> => {
    const queries = [{ topic: "t", after: 0, count: 100, bytes: 1e6 }];
    const [page] = await bridge.host!.queue.store.read(queries);
    return page!.messages.map(({ body }) => JSON.parse(body));
  };
  const close = async () => {
    await withTimeout(mq.close());
    for (const host of hosts) await host[Symbol.asyncDispose]();
  };
  const holdRecordsOf = (bridge: Bridge): () => void => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gates[bridges.indexOf(bridge)] = promise;
    return resolve;
  };
  return { mq, first: first!, other: other!, contents, holdRecordsOf, close };
}

Deno.test("what a client had sent to a server that still believes to have it is stored once, though it arrives after the client went on elsewhere", async () => {
  const { mq, first, other, contents, close } = await atOneOfTwo();
  await mq.put("t", "0");
  first.holdsUp = (frame) => frame.includes('"put"');
  const puts = [mq.put("t", "1"), mq.put("t", "2"), mq.putMany("t", ["3", "4"])];
  await turns();
  first.cutClient();
  await withTimeout(Promise.all(puts));
  const last = await mq.put("t", "5");
  assertEquals([other.dials, first.host!.sessionOwners.size], [1, 1]);
  first.release();
  await turns();
  // It has noticed by now; and the session goes on where its client is.
  assertEquals([first.host!.sessionOwners.size, other.host!.sessionOwners.size], [0, 1]);
  assertEquals(await mq.put("t", "6"), last + 1);
  const all = ["0", "1", "2", "3", "4", "5", "6"];
  assertEquals([await contents(first), await contents(other)], [all, all]);
  assertEquals([mq.status, other.dials], ["connected", 1]);
  await close();
});

Deno.test("positions are the same at each server: reads, streams and waits continue where they were, and miss nothing", async () => {
  const { mq, first, other, close } = await atOneOfTwo();
  await store(first.host!, "t", "1", "2", "3", "4");
  const stream = mq.subscribe("t");
  const waiting = mq.getWait("w", { timeout: 60_000 });
  const next = async () => (await withTimeout(stream.next())).value?.body;
  assertEquals([await mq.get("t"), await next(), await next()], ["1", "1", "2"]);
  // Put at the other server, while the client hears nothing.
  first.holds = () => true;
  await store(other.host!, "t", "5");
  await store(other.host!, "w", "waited for");
  first.cut();
  const read = [];
  for (let i = 0; i < 4; i++) read.push(await mq.get("t"));
  const streamed = [];
  for (let i = 0; i < 3; i++) streamed.push(await next());
  assertEquals([read, streamed], [["2", "3", "4", "5"], ["3", "4", "5"]]);
  assertEquals([await mq.get("t"), await withTimeout(waiting), other.dials], ["", "waited for", 1]);
  await close();
});

for (
  const [when, releases] of [["before that notices", false], [
    "after that has noticed",
    true,
  ]] as const
) {
  Deno.test(`a worker that went on elsewhere gets all new jobs there, and none is given to its old connection: ${when}`, async () => {
    const { mq, first, other, holdRecordsOf, close } = await atOneOfTwo();
    await mq.put("jobs", "held");
    const jobs = heldJobs();
    const worker = mq.work("jobs", jobs.handle, { concurrency: 10 });
    await until(() => jobs.begun.length === 1);
    // What the server does not hear yet is that the connection has ended.
    first.holdsUp = () => true;
    const getting = mq.get("nothing");
    await turns();
    first.cutClient();
    await getting;
    await until(() => other.dials === 1 && mq.status === "connected");
    await mq.put("other", "so that the worker is there");
    if (releases) first.release();
    await turns(50);
    const texts = ["1", "2", "3", "4"];
    // The first server is the first to claim what it can.
    const letPass = holdRecordsOf(other);
    await store(first.host!, "jobs", ...texts);
    await turns();
    letPass();
    await until(() => jobs.begun.length === 5);
    assertEquals(jobs.begun.map(({ body }) => body).sort(), [...texts, "held"]);
    if (!releases) first.release();
    jobs.finish();
    await until(() => worker.stats.done === 5);
    assertEquals([worker.stats.lost, worker.stats.retried], [0, 0]);
    await close();
  });
}
