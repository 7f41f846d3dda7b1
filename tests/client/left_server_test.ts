/**
 * A server that a client has left for another one of the same log, and that does not know it yet: what it still does for its client.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { claim, open, stateOf } from "../../testing/store/group_support.ts";
import { Feed } from "../../testing/store/support.ts";
import { Bridge, reconnect, store, testServer, turns, until } from "../support/bridge.ts";
import { heldJobs } from "../support/held_jobs.ts";
import { SharedLog } from "../support/memory_record_logs.ts";
import { openReplica } from "../support/shared_log_servers.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** The group of the workers. */
const JOBS = { topic: "jobs", group: "default" };

/** A client of two servers in memory, whose frames the test holds: the bridge to where it is, and to the other. */
async function atOneOfTwo() {
  const log = new SharedLog(Date.now);
  /** What the records of each wait for. */
  const gates: (Promise<void> | undefined)[] = [];
  /** What the tail of each waits for. */
  const tails: (Promise<void> | undefined)[] = [];
  const open = async (i: number) => {
    const held: Readonly<Record<string, typeof gates>> = { append: gates, tail: tails };
    return await testServer(await openReplica(log, (what) => held[what]?.[i]));
  };
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
  const hold = (what: (Promise<void> | undefined)[]) => (bridge: Bridge): () => void => {
    const { promise, resolve } = Promise.withResolvers<void>();
    what[bridges.indexOf(bridge)] = promise;
    return resolve;
  };
  const [holdRecordsOf, holdTailOf] = [hold(gates), hold(tails)];
  return { mq, first: first!, other: other!, contents, holdRecordsOf, holdTailOf, close };
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

Deno.test("what a server has claimed for a worker that has left it since is worked where the worker is, and given to nobody else", async () => {
  const { mq, first, other, holdTailOf, close } = await atOneOfTwo();
  const jobs = heldJobs();
  const worker = mq.work("jobs", jobs.handle);
  await mq.put("other", "so that the worker is there");
  const { store: shared } = other.host!.queue;
  // It claims what it sees, and does not see what it gets.
  let letSee = () => {};
  using _feed = await Feed.open(first.host!.queue.store, () => letSee = holdTailOf(first));
  await store(other.host!, "jobs", "1");
  const claimed = async () => (await stateOf(shared, JOBS)).held === 1;
  while (!await claimed()) await turns();
  assertEquals(jobs.begun.length, 0);
  first.cut();
  await until(() => jobs.begun.length === 1);
  // Only now does the first server learn what it has got, and its worker is gone.
  letSee();
  await turns(50);
  await open(shared, "another", { name: JOBS });
  assertEquals(await claim(shared, "another", 1, JOBS), []);
  jobs.finish();
  await until(() => worker.stats.done === 1);
  assertEquals([jobs.begun.length, worker.stats.lost, other.dials], [1, 0, 1]);
  await close();
});
