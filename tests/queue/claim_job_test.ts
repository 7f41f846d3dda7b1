/**
 * A call that claims one job gets it, waits for it, or goes without it.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { claimJob } from "../../queue/claim_job.ts";
import { Queue } from "../../queue/queue.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { FinishJobs, GroupName } from "../../stores/groups/group_commands.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { StoreError } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { turns } from "../support/bridge.ts";

const NAME: GroupName = { topic: "t", group: "default" };
const TERMS = { lease: 5000, timeout: 60_000, attempts: 2 };
const NEVER = new AbortController().signal;

async function scene() {
  const clock = new ManualClock();
  const store = new MemoryStore({ engine: nodeSqlite, retention: 600_000, clock });
  const queue = await Queue.open(store, clock, { write() {} });
  const claim = (wait: number, signal = NEVER) =>
    claimJob(queue, { name: NAME, ...TERMS, wait }, signal);
  const put = (body: string) =>
    queue.put([{ type: "put", topic: "t", body: JSON.stringify(body), bytes: body.length + 2 }]);
  const finish = (command: Omit<FinishJobs, "type" | "name">) =>
    queue.groups.finish({ type: "finish", name: NAME, ...command });
  const group = async () => (await store.groups({ count: 1 }))[0]!;
  /** Lets time pass, with all that it brings. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(Math.min(500, ms - passed));
      await turns(1);
    }
  };
  return {
    ...{ clock, store, queue, claim, put, finish, group, pass },
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

Deno.test("a call that does not wait gets a job that is there, and otherwise none", async () => {
  await using at = await scene();
  assertEquals(await at.claim(0), undefined);
  await at.put("one");
  const job = await at.claim(0);
  assertEquals([job!.message.body, job!.attempt], ['"one"', 1]);
  assertEquals(await at.claim(0), undefined);
  await at.finish({ done: [job!.claim], outcomes: [] });
  assertEquals((await at.group()).done, 1);
  assertEquals(at.store.holdsJobs, false, "no lease is left");
  assertEquals(at.queue.groups.size, 0);
});

Deno.test("calls that wait get the next jobs, each one, in the order in which they came", async () => {
  await using at = await scene();
  const calls = [at.claim(60_000), at.claim(60_000)];
  await turns(1);
  assertEquals(at.queue.groups.workersOf(NAME), 2);
  await at.put("one");
  assertEquals((await calls[0])!.message.body, '"one"');
  await at.put("two");
  assertEquals((await calls[1])!.message.body, '"two"');
  assertEquals(at.queue.groups.size, 0);
});

Deno.test("a call that waits ends after its time, and by its signal, with no job and no lease", async () => {
  await using at = await scene();
  const leave = new AbortController();
  const calls = [at.claim(3000), at.claim(60_000, leave.signal)];
  await turns(1);
  await at.pass(3000);
  assertEquals(await calls[0], undefined);
  leave.abort();
  assertEquals(await calls[1], undefined);
  await turns(1);
  assertEquals([at.queue.groups.size, at.store.holdsJobs, at.queue.timers.size], [0, false, 0]);
  await at.put("one");
  assertEquals((await at.group()).depth, 1);
});

Deno.test("a call whose signal is aborted while its job is claimed gives the job back", async () => {
  await using at = await scene();
  await at.put("one");
  const leave = new AbortController();
  const call = at.claim(0, leave.signal);
  leave.abort();
  assertEquals(await call, undefined);
  await turns(1);
  const job = await at.claim(0);
  assertEquals([job!.message.body, job!.attempt], ['"one"', 1], "it was never delivered");
});

Deno.test("a call that waits for longer than its lease gets its job all the same, and has its whole lease for it", async () => {
  await using at = await scene();
  const call = at.claim(600_000);
  await turns(1);
  await at.pass(20_000);
  await at.put("one");
  await turns(1);
  const job = await call;
  assertEquals(job!.message.body, '"one"');
  await at.pass(4000);
  assertEquals((await at.group()).held, 1);
  await at.pass(2000);
  assertEquals((await at.group()).held, 0, "its lease has ended");
});

Deno.test("a job whose lease ends, or that comes due, goes to a call that waits for one", async () => {
  await using at = await scene();
  await at.put("one");
  const first = await at.claim(0);
  const second = at.claim(60_000);
  await turns(1);
  await at.pass(5500);
  const job = await second;
  assertEquals([job!.message.seq, job!.attempt], [first!.message.seq, 2]);
  const third = at.claim(60_000);
  await at.finish({ done: [], outcomes: [{ claim: job!.claim, outcome: "release" }] });
  const again = await third;
  const fourth = at.claim(60_000);
  await at.finish({ done: [], outcomes: [{ claim: again!.claim, outcome: "release" }] });
  assertEquals((await fourth)!.attempt, 2);
});

Deno.test("a call that waits learns that its group is deleted", async () => {
  await using at = await scene();
  const call = at.claim(60_000);
  await turns(1);
  const rejected = assertRejects(() => call, StoreError, "deleted");
  await at.queue.groups.apply([{ type: "delete_group", name: NAME }]);
  await rejected;
  assertEquals(at.queue.groups.size, 0);
});
