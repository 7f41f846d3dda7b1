/**
 * Dead jobs are redriven in parts, and others have their turn meanwhile.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Queue } from "../../queue/queue.ts";
import { redriveJobs } from "../../queue/redrive_jobs.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type Store, StoreError } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { claim, finish, open, stateOf, T } from "../../testing/store/group_support.ts";
import { append, put, RETENTION } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";

const COUNT = 5000;

async function scene(store: Store, clock: ManualClock) {
  await append(store, Array.from({ length: COUNT }, (_, i) => put("t", `${i}`)));
  await open(store, "a");
  /** The newest die first: so the order of deaths is not that of the messages. */
  const die = async (count: number) => {
    const jobs = await claim(store, "a", count);
    const outcomes = jobs.map((job) => ({ claim: job.claim, outcome: "dead" as const }));
    await finish(store, [], outcomes.reverse());
    return jobs.map(({ message }) => message.seq);
  };
  await die(COUNT);
  clock.advance(1000);
  const queue = await Queue.open(store, clock, { write() {} });
  const counted: number[] = [];
  const redrive = (pause: () => Promise<void> | undefined = () => undefined, seq?: number) =>
    redriveJobs(queue, { name: T, seq, pause }, (count) => void counted.push(count));
  return {
    store,
    queue,
    clock,
    die,
    redrive,
    counted,
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

function inMemory(clock: ManualClock): Store {
  return new MemoryStore({ engine: nodeSqlite, retention: RETENTION, clock });
}

Deno.test("thousands of dead jobs are redriven in parts, the oldest first, and others have their turn between them", async () => {
  const clock = new ManualClock();
  await using file = new FailingFile(undefined, { durability: "process" });
  for (const store of [inMemory(clock), file.store]) {
    await using at = await scene(store, store === file.store ? file.clock : clock);
    const ready: number[] = [];
    const first: number[] = [];
    const redriven = await at.redrive(async () => {
      ready.push((await stateOf(store)).ready);
      await append(store, [put("u")]);
      first.push((await claim(store, "a", 1))[0]!.message.seq);
    });
    assertEquals([redriven, at.counted], [COUNT, [COUNT]]);
    assert(ready.length >= 4, `${ready} were ready`);
    assertEquals(first, first.map((_, i) => i + 1));
    const rest = await claim(store, "a", COUNT);
    assertEquals(
      [...first, ...rest.map(({ message }) => message.seq)],
      Array.from({ length: COUNT }, (_, i) => i + 1),
    );
    assertEquals((await stateOf(store)).dead, 0);
  }
});

Deno.test("jobs that die again while others are redriven stay dead, so that it ends", async () => {
  const clock = new ManualClock();
  await using at = await scene(inMemory(clock), clock);
  await append(at.store, Array.from({ length: 100 }, () => put("t", "new")));
  let died = 0;
  const redriven = await at.redrive(async () => {
    clock.advance(1);
    // All that are ready, and a few that are new.
    died += (await at.die((await stateOf(at.store)).ready + 10)).length;
  });
  assertEquals(redriven, COUNT);
  assertEquals((await stateOf(at.store)).dead, died);
});

Deno.test("one job is redriven by its number, and a number that is not dead redrives none", async () => {
  const clock = new ManualClock();
  await using at = await scene(inMemory(clock), clock);
  assertEquals([await at.redrive(undefined, 4000), await at.redrive(undefined, 4000)], [1, 0]);
  assertEquals((await claim(at.store, "a", COUNT)).map(({ message }) => message.seq), [4000]);
});

Deno.test("if the store fails midway it is told, what was redriven is, and once more redrives the rest", async () => {
  await using file = new FailingFile(undefined, { durability: "process" });
  await using at = await scene(file.store, file.clock);
  let parts = 0;
  const pause = () => {
    if (++parts === 2) file.before = (sql) => sql === "COMMIT";
    return undefined;
  };
  const error = await assertRejects(() => at.redrive(pause), StoreError);
  assertEquals(error.code, "unavailable");
  file.repair();
  const [before] = at.counted;
  const { ready, dead } = await stateOf(at.store);
  assertEquals([before, ready + dead], [ready, COUNT]);
  assert(ready > 0 && dead > 0, `${ready} are ready`);
  assertEquals(await at.redrive(), dead);
  assertEquals((await claim(at.store, "a", COUNT)).length, COUNT);
});
