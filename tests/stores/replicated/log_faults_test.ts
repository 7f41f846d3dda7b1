import { assert, assertEquals } from "@std/assert";
import { numbered, outcomes, put, texts } from "../../../testing/store/support.ts";
import { type AppendFate, type LogFaults, NO_FAULTS } from "../../support/faulty_record_log.ts";
import { ReplicatedServers } from "../../support/replicated_servers.ts";
import { contentsOf } from "../../support/store_contents.ts";

/** For so long commands wait for the log, in milliseconds. */
const TIMEOUT = 4500;

const STORED: AppendFate = { copies: [0], answer: 0, outcome: "stored" };

/** Faults of the next appends, in their order; all others are stored. */
function fates(...next: AppendFate[]): LogFaults {
  return { ...NO_FAULTS, append: () => next.shift() ?? STORED };
}

const FAULTS: Readonly<Record<string, AppendFate>> = {
  "is lost on its way": { copies: [], answer: 10, outcome: "lost" },
  "is lost, and nobody hears of it": { copies: [], answer: 0, outcome: "never" },
  "is stored, and its answer is lost": { copies: [0], answer: 10, outcome: "lost" },
  "is stored late, after its answer was lost": { copies: [500], answer: 0, outcome: "lost" },
  "is stored, and nobody hears of it": { copies: [0], answer: 0, outcome: "never" },
  "is stored three times": { copies: [0, 0, 700], answer: 0, outcome: "stored" },
  "is stored late": { copies: [900], answer: 0, outcome: "stored" },
};

for (const [what, fate] of Object.entries(FAULTS)) {
  Deno.test(`a record that ${what} counts once, before the next one of its server`, async () => {
    await using servers = new ReplicatedServers();
    const [one, other] = await servers.openAll(2);
    one!.log.faults = fates(fate);
    const first = outcomes(one!.store, [numbered("s", 1)]);
    await servers.pass(1);
    const second = outcomes(one!.store, [numbered("s", 2)]);
    assertEquals(await servers.during(first, TIMEOUT - 1), [1]);
    assertEquals(await servers.during(second, TIMEOUT - 1), [2]);
    await servers.pass(2000);
    assertEquals(await texts(other!.store), ["s 1", "s 2"]);
    assertEquals(await contentsOf(one!.store), await contentsOf(other!.store));
  });
}

Deno.test("a record that the log has acknowledged and lost is sent again, though nothing comes after it", async () => {
  await using servers = new ReplicatedServers();
  const [one, other] = await servers.openAll(2);
  for (const outcome of ["stored", "never"] as const) {
    one!.log.faults = fates({ copies: [], answer: 0, outcome });
    const done = outcomes(one!.store, [put("t", outcome)]);
    assertEquals((await servers.during(done, TIMEOUT - 1)).length, 1);
  }
  assertEquals(await texts(other!.store), ["stored", "never"]);
});

Deno.test("records that arrive in any order count in the order of their server, without a flood of them", async () => {
  await using servers = new ReplicatedServers();
  const [one, other] = await servers.openAll(2);
  const { last } = servers.shared;
  const body = "x".repeat(200_000);
  let left = 40;
  // Each overtakes the one before it.
  one!.log.faults = {
    ...NO_FAULTS,
    append: () => ({ ...STORED, copies: [Math.max(0, 10 * left--)] }),
  };
  const puts = Array.from({ length: 40 }, (_, i) => numbered("s", i + 1, "t", `${i + 1} ${body}`));
  const done = outcomes(one!.store, puts);
  assertEquals(await servers.during(done, TIMEOUT - 1), puts.map((_, i) => i + 1));
  await servers.pass(1000);
  assertEquals(await contentsOf(other!.store), await contentsOf(one!.store));
  assert(servers.shared.last - last < 4 * puts.length, `${servers.shared.last - last} records`);
});

Deno.test("what is not handed to the log in time is not stored later, and what is may be", async () => {
  await using servers = new ReplicatedServers();
  const [one, other] = await servers.openAll(2);
  one!.log.faults = { ...NO_FAULTS, append: () => ({ ...STORED, copies: [6000] }) };
  const calls = [];
  for (let i = 1; i <= 5; i++) {
    calls.push(outcomes(one!.store, [numbered(`s${i}`, 1)]));
    await servers.pass(10);
  }
  const codes = (await servers.during(Promise.all(calls), TIMEOUT + 100)).flat();
  assertEquals(codes.filter((code) => code === "unknown_outcome").length, 2, `${codes}`);
  assertEquals(codes.filter((code) => code === "unavailable").length, 3);
  one!.log.faults = NO_FAULTS;
  await servers.pass(10_000);
  assertEquals((await texts(other!.store)).sort(), ["s1 1", "s2 1"]);
  assertEquals(await texts(one!.store), await texts(other!.store));
});

Deno.test("a writer that was silent for so long that it is forgotten begins anew, and loses nothing", async () => {
  await using servers = new ReplicatedServers();
  const [one, other] = await servers.openAll(2);
  assertEquals(await servers.during(outcomes(one!.store, [numbered("s", 1)])), [1]);
  for (let i = 0; i < 5; i++) {
    await servers.pass(30_000);
    await servers.during(outcomes(other!.store, [put("others")]));
  }
  const calls = [2, 3, 4].map((n) => outcomes(one!.store, [numbered("s", n)]));
  assertEquals(await servers.during(Promise.all(calls)), [[7], [8], [9]]);
  assertEquals(await texts(other!.store), ["s 1", "s 2", "s 3", "s 4"]);
});

Deno.test("a copy of a record that comes when its writer is forgotten counts for nothing, whatever the clock of the log says", async () => {
  for (const back of [0, 200_000]) {
    await using servers = new ReplicatedServers();
    const [one, other] = await servers.openAll(2);
    assertEquals(await servers.during(outcomes(one!.store, [put("t", "once")])), [1]);
    const copies = servers.shared.entries.map(({ record }) => record);
    const { shared } = servers;
    const now = shared.now;
    // So that its writer is forgotten.
    shared.now = () => now() + 200_000;
    assertEquals(await servers.during(outcomes(other!.store, [put("others")])), [2]);
    shared.now = () => now() + 200_000 - back;
    for (const record of copies) shared.append(record);
    await servers.pass(100);
    for (const { store } of [one!, other!]) assertEquals(await texts(store), ["once"]);
    assertEquals(await contentsOf(one!.store), await contentsOf(other!.store));
  }
});

Deno.test("who closes a store whose log does not answer waits for a bounded time", async () => {
  const servers = new ReplicatedServers();
  const [one] = await servers.openAll(1);
  one!.log.faults = { ...NO_FAULTS, append: () => ({ copies: [], answer: 0, outcome: "never" }) };
  const call = outcomes(one!.store, [put("t")]);
  await servers.pass(1);
  await servers.during(one!.store[Symbol.asyncDispose](), 2 * TIMEOUT);
  assertEquals(await call, ["unknown_outcome"]);
});

Deno.test("a fence fails within its time if the log does not answer, and if the store is closed", async () => {
  await using servers = new ReplicatedServers();
  const [one, other] = await servers.openAll(2);
  for (const { log } of [one!, other!]) {
    log.faults = { ...NO_FAULTS, append: () => ({ copies: [], answer: 0, outcome: "never" }) };
  }
  const code = (fence: Promise<void>) => fence.then(() => "fenced", ({ code }) => code as string);
  assertEquals(await servers.during(code(one!.store.fence()), TIMEOUT + 1000), "behind");
  const fence = code(other!.store.fence());
  await servers.during(other!.store[Symbol.asyncDispose](), 2 * TIMEOUT);
  assert(await fence !== "fenced");
});
