import { assert, assertEquals, assertMatch } from "@std/assert";
import { judge } from "./oracle/oracle.ts";
import { type RunSetting, simulate } from "./run.ts";
import { runSeeds } from "./seeds.ts";
import { World } from "./world.ts";

/** Fixed, so that a failure is one of this change. They take a quarter of a minute on two cores that do little else. */
const SEEDS = { first: 1, count: 100 };

/** Seeds with several servers on one log. They take three quarters of a minute. */
const SHARED = { first: 1, count: 36 };

/** Each has two or three servers; in every second one clients know all of them, and go from one to another. */
function settingOf(seed: number): RunSetting {
  return { servers: 2 + seed % 2, moves: seed % 4 < 2 };
}

/** Seeds that are run twice. */
const REPEATED = 5;

Deno.test("whatever happens to a server, its clients and the network, each guarantee holds", async () => {
  const { failed, counts } = await runSeeds(SEEDS.first, SEEDS.count);
  assertEquals(failed, []);
  // Otherwise nothing was tried.
  const kinds = ["opened", "acknowledged", "read", "gap", "killed", "woken", "finished"] as const;
  for (const kind of [...kinds, "claimed", "extended", "job_aborted", "holder_ended"] as const) {
    assert((counts[kind] ?? 0) > SEEDS.count, `${kind}: ${counts[kind]}`);
  }
});

Deno.test("whatever happens to several servers, their log, clients and networks, each guarantee holds", async () => {
  const { first, count } = SHARED;
  const { failed, counts } = await runSeeds(first, count, () => {}, settingOf);
  assertEquals(failed, []);
  const kinds = ["acknowledged", "read", "found_nothing", "killed", "woken", "finished"] as const;
  for (const kind of [...kinds, "claimed", "extended", "job_aborted"] as const) {
    assert((counts[kind] ?? 0) > count, `${kind}: ${counts[kind]}`);
  }
});

Deno.test("a seed repeats a run exactly", async () => {
  for (let seed = SEEDS.first; seed < SEEDS.first + REPEATED; seed++) {
    const setting = seed % 2 === 0 ? settingOf(seed) : undefined;
    const [once, again] = [await simulate(seed, setting), await simulate(seed, setting)];
    assert(once.lines.length > 100);
    assertEquals(again.lines, once.lines);
  }
});

Deno.test("other seeds are other runs", async () => {
  const [one, other] = [await simulate(1), await simulate(2)];
  assert(one.lines.join() !== other.lines.join());
});

Deno.test("what nobody catches is a fault of the run, and of the process in which it was thrown", async () => {
  const { setTimeout: before } = globalThis;
  {
    using world = new World(1);
    const process = world.spawn("server");
    process.run(() => void Promise.reject(new Error("one")));
    process.run(() => {
      throw new Error("two");
    });
    await world.pass(1);
    assertEquals(world.uncaught.length, 2);
    assertMatch(world.uncaught.join(), /^server: Error: one[^]*server: Error: two/);
  }
  // Nothing of the simulation is left behind.
  assertEquals(globalThis.setTimeout, before);
});

Deno.test("a stopped process does what was due when it is woken, and a dead one never", async () => {
  using world = new World(1);
  const seen: string[] = [];
  const process = world.spawn("client");
  process.run(() => void setTimeout(() => seen.push(`timer at ${Math.round(world.now)}`), 10));
  await world.pass(5);
  process.stop();
  await world.pass(20);
  assertEquals(seen, []);
  process.wake();
  await world.pass(0);
  assertEquals(seen, ["timer at 25"]);
  process.run(() => seen.push("after its death"));
  process.kill();
  await world.pass(100);
  assertEquals(seen, ["timer at 25"]);
});

Deno.test("a run whose history has no end is not taken for a good one", () => {
  assertEquals(judge([]), ["the history has no end"]);
});
