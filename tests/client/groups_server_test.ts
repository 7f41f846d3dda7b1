/**
 * Workers of the library, with a real server: over both transports, with each store.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connect,
  type Connection,
  dead,
  DsmqError,
  type GroupInfo,
  type Job,
  retry,
  type ServeOptions,
} from "@dsmq/server";
import { CuttableProxy } from "../support/cuttable_proxy.ts";
import { openServer } from "../support/open_server.ts";
import { QueueFile } from "../support/queue_file.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { ManualHandler } from "../support/scripted_group.ts";

/** Waits until something is so. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; !await isSo();) {
    assert(performance.now() < end, `It is not so: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const groupOf = async (mq: Connection): Promise<GroupInfo> => (await mq.groups())[0]!;
const finished = ({ stats: { done, retried, dead } }: ReturnType<Connection["work"]>) =>
  done + retried + dead;

/** Proves something over both transports, with each store. */
function onEachServer(
  promise: string,
  prove: (options: ServeOptions) => Promise<void>,
): void {
  for (const transport of ["builtin", "hardened"] as const) {
    Deno.test(`${promise} (${transport}, memory)`, () => prove({ transport }));
    Deno.test(`${promise} (${transport}, file)`, async () => {
      await using file = new QueueFile();
      await prove({ transport, store: `sqlite:${file.path}`, durability: "process" });
    });
  }
}

onEachServer(
  "each message is worked on once by one of a group, and by each group",
  async (options) => {
    await using server = await openServer(options);
    await using mq = await connect(server.url);
    await using other = await connect(server.url);
    const bodies = Array.from({ length: 500 }, (_, i) => `job ${i}`);
    await mq.putMany("t", bodies.slice(0, 250));
    const seen: Record<string, string[]> = { default: [], audit: [] };
    const work = (mq: Connection, group: string) =>
      mq.work("t", ({ body }) => void seen[group]!.push(body), { group, concurrency: 20 });
    const workers = [work(mq, "default"), work(other, "default"), work(other, "audit")];
    await mq.putMany("t", bodies.slice(250));
    await until(() => Object.values(seen).every(({ length }) => length === bodies.length));
    await Promise.all(workers.map((worker) => worker.stop()));
    for (const list of Object.values(seen)) assertEquals(list.sort(), [...bodies].sort());
    const totals = (await mq.groups("t")).map(({ group, done, depth, held }) => [
      ...[group, done, depth, held],
    ]);
    assertEquals(totals, [["audit", 500, 0, 0], ["default", 500, 0, 0]]);
    assertEquals(workers.reduce((sum, { stats }) => sum + stats.done, 0), 1000);
    // Readers notice nothing.
    await using reader = await connect(server.url, { since: "start" });
    assertEquals(await reader.get("t"), "job 0");
  },
);

onEachServer(
  "what fails is tried again, and is dead after its attempts, until it is put back",
  async (options) => {
    await using server = await openServer({
      ...options,
      log: { info() {}, warn() {}, error() {} },
    });
    await using mq = await connect(server.url);
    await mq.putMany("t", ["retried", "dead", "failing", "good"]);
    const attempts: string[] = [];
    const handler = ({ body, attempt }: Job) => {
      attempts.push(`${body} ${attempt}`);
      if (body === "retried" && attempt === 1) throw retry(1);
      if (body === "dead") throw dead("it is no use");
      if (body === "failing") throw new Error(`failure ${attempt}`);
    };
    const setup = { attempts: 3, backoff: { minDelay: 1, maxDelay: 1 }, onError: () => {} };
    const worker = mq.work("t", handler, setup);
    await until(() => finished(worker) === 7);
    await worker.stop();
    assertEquals(worker.stats, { running: 0, done: 2, retried: 3, dead: 2, lost: 0 });
    assertEquals(attempts.sort(), [
      ...["dead 1", "failing 1", "failing 2", "failing 3", "good 1", "retried 1", "retried 2"],
    ]);
    const found = [];
    for await (const job of mq.deadJobs("t")) found.push([job.body, job.attempt, job.reason]);
    assertEquals(found, [["dead", 1, "it is no use"], ["failing", 3, "failure 3"]]);
    assertEquals(await mq.redrive("t", { seq: 2 }), 1);
    assertEquals([(await groupOf(mq)).dead, await mq.redrive("t")], [1, 1]);
    const again = mq.work("t", () => {}, { concurrency: 2 });
    await until(() => again.stats.done === 2);
    await again.stop();
  },
);

onEachServer("one job can be taken without a handler", async (options) => {
  await using server = await openServer(options);
  await using mq = await connect(server.url);
  assertEquals(await mq.claim("t"), undefined);
  await mq.put("t", "first", { key: "k", headers: { a: "b" } });
  const job = await mq.claim("t");
  assert(job);
  const { topic, body, seq, attempt, key, headers } = job;
  assertEquals([topic, body, seq, attempt, key, headers], ["t", "first", 1, 1, "k", { a: "b" }]);
  assertEquals([await mq.claim("t"), (await groupOf(mq)).held], [undefined, 1]);
  await job.extend();
  await job.release();
  const again = await mq.claim("t", { wait: 1000 });
  assert(again && again.claim > job.claim);
  assertEquals(again.attempt, 1);
  await again.retry(0, "not now");
  const third = await mq.claim("t", { wait: 1000 });
  assertEquals(third?.attempt, 2);
  await third?.dead("no use");
  assertEquals((await groupOf(mq)).dead, 1);
  await mq.redrive("t");
  const last = await mq.claim("t", { wait: 1000 });
  await last?.done();
  // One that waits gets what comes.
  const waiting = mq.claim("t", { wait: 20_000 });
  await until(async () => (await groupOf(mq)).workers === 1);
  await mq.put("t", "second");
  const second = await withTimeout(waiting);
  assertEquals(second?.body, "second");
  await second?.done();
  const { done, depth, held } = await groupOf(mq);
  assertEquals([done, depth, held], [2, 0, 0]);
});

onEachServer(
  "a worker stops when its handlers have ended, and others get the rest",
  async (options) => {
    await using server = await openServer(options);
    await using mq = await connect(server.url);
    await mq.putMany("t", Array.from({ length: 10 }, (_, i) => String(i)));
    const handler = new ManualHandler();
    const worker = mq.work("t", handler.handle, { concurrency: 3 });
    await until(() => handler.jobs.length === 3);
    const stopped = worker.stop();
    for (const job of handler.jobs) job.done();
    await stopped;
    const { held, depth, done } = await groupOf(mq);
    assertEquals([held, depth, done, handler.jobs.length], [0, 7, 3, 3]);
    const rest = mq.work("t", () => {}, { concurrency: 2 });
    await until(() => rest.stats.done === 7);
    await rest.stop();
  },
);

onEachServer("closing a connection gives its jobs back at once", async (options) => {
  await using server = await openServer(options);
  await using mq = await connect(server.url);
  await mq.putMany("t", ["1", "2"]);
  const leaving = await connect(server.url);
  const handler = new ManualHandler();
  leaving.work("t", handler.handle, { concurrency: 2 });
  await until(() => handler.jobs.length === 2);
  await leaving.close();
  assert(handler.jobs.every(({ signal }) => signal.aborted));
  const seen: string[] = [];
  await using worker = mq.work("t", ({ body }) => void seen.push(body), { concurrency: 2 });
  await until(() => worker.stats.done === 2);
  assertEquals(seen.sort(), ["1", "2"]);
});

onEachServer("jobs go on through breaks, and each outcome counts once", async (options) => {
  await using server = await openServer(options);
  await using proxy = new CuttableProxy(server.port);
  await using mq = await connect(server.url);
  const reconnect = { minDelay: 1, maxDelay: 5 };
  await using cut = await connect(proxy.url, { reconnect });
  const count = 300;
  await mq.putMany("t", Array.from({ length: count }, (_, i) => String(i)));
  const runs = new Map<string, number>();
  const handler = async ({ body }: Job) => {
    runs.set(body, (runs.get(body) ?? 0) + 1);
    if (Number(body) % 60 === 7) proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, Number(body) % 5));
  };
  const worker = cut.work("t", handler, { concurrency: 8 });
  await until(() => worker.stats.done === count);
  await worker.stop();
  assertEquals([...runs.values()].every((times) => times === 1), true);
  const { done, depth, held } = await groupOf(mq);
  assertEquals([runs.size, done, depth, held, worker.stats.lost], [count, count, 0, 0, 0]);
});

onEachServer(
  "the jobs of a worker whose permission is withdrawn go to another at once; one whose token is revoked says that it cannot work on",
  async (options) => {
    const auth = (topics: string[]) => ({
      tokens: [{ token: "the-worker", topics }, { token: "the-other" }],
    });
    await using server = await openServer({ ...options, auth: auth(["a", "b"]) });
    await using mq = await connect(server.url, { token: "the-worker" });
    await using other = await connect(server.url, { token: "the-other" });
    await other.putMany("a", ["1", "2"]);
    const handler = new ManualHandler();
    const worker = mq.work("a", handler.handle, { concurrency: 2, lease: 600_000 });
    const ended = assertRejects(() => worker.closed, DsmqError, "Cannot work on topic");
    await until(() => handler.jobs.length === 2);
    await server.setAuth(auth(["b"]));
    assertEquals((await ended).code, "permission_denied");
    const seen: string[] = [];
    await using _ = other.work("a", ({ body }) => void seen.push(body));
    await until(() => seen.length === 2);
    // What it was doing counts for nothing.
    for (const job of handler.jobs) job.done();
    assertEquals((await groupOf(other)).done, 2);
    const revoked = assertRejects(() => mq.work("b", () => {}).closed, DsmqError);
    await until(async () => (await other.groups("b"))[0]?.workers === 1);
    await server.setAuth({ tokens: [{ token: "the-other" }] });
    const { code, message } = await revoked;
    assertEquals([code, message.slice(0, 15)], ["unauthorized", "Cannot work on:"], message);
  },
);

onEachServer(
  "a worker that may not work on a topic, or whose group is deleted, ends with that",
  async (options) => {
    const auth = {
      tokens: [
        { token: "the-reader", permissions: ["read", "write"] as const },
        { token: "the-worker", permissions: ["work"] as const, prefixes: ["mails."] },
        { token: "the-administrator" },
      ],
    };
    await using server = await openServer({ ...options, auth });
    await using reader = await connect(server.url, { token: "the-reader" });
    await using mq = await connect(server.url, { token: "the-worker" });
    await using admin = await connect(server.url, { token: "the-administrator" });
    const codeOf = async (work: Promise<unknown>) =>
      (await assertRejects(() => work, DsmqError)).code;
    assertEquals(await codeOf(reader.work("mails.a", () => {}).closed), "permission_denied");
    assertEquals(await codeOf(mq.work({ prefix: "" }, () => {}).closed), "permission_denied");
    assertEquals(await codeOf(reader.claim("mails.a")), "permission_denied");
    const seen: string[] = [];
    const worker = mq.work({ prefix: "mails." }, ({ topic }) => void seen.push(topic));
    await admin.put("mails.a", "1");
    await admin.put("other", "2");
    await until(() => worker.stats.done === 1);
    assertEquals(seen, ["mails.a"]);
    const ended = codeOf(worker.closed);
    assertEquals(await codeOf(mq.deleteGroup({ prefix: "mails." })), "permission_denied");
    assertEquals(await admin.deleteGroup({ prefix: "mails." }), true);
    assertEquals(await ended, "not_found");
  },
);

Deno.test("a group that is made beforehand has what is put before its first worker, and only that", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("t", "before");
  assertEquals(await mq.createGroup("t", { group: "g", since: "now" }), true);
  assertEquals(await mq.createGroup("t", { group: "g" }), false);
  await mq.put("t", "after");
  const job = await mq.claim("t", { group: "g" });
  assertEquals(job?.body, "after");
  await job?.done();
  assertEquals(await mq.deleteGroup("t", { group: "g" }), true);
  assertEquals(await mq.deleteGroup("t", { group: "g" }), false);
  const missing = await assertRejects(() => mq.redrive("t", { group: "g" }), DsmqError);
  assertEquals([missing.code, (await mq.groups()).length], ["not_found", 0]);
});
