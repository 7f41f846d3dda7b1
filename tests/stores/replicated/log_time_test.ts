/**
 * The clock of a log is set, or another machine stamps its records: nothing expires early, and nothing stays for longer.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { append, puts, read, texts } from "../../../testing/store/support.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

const DAY = 86_400_000;
const RETENTION = 600_000;

for (const [how, by] of Object.entries({ forward: DAY, back: -DAY })) {
  Deno.test(`if the clock of a log is set ${how} a day, messages stay for as long as they should`, async () => {
    await using servers = new ReplicatedStores();
    const { shared, clock } = servers;
    const [a, b] = [await servers.open(), await servers.open()];
    await append(a, puts("t", "1"));
    await servers.pass(RETENTION / 2, 10_000);
    shared.now = () => clock.now() + by;
    // The first that writes then is new.
    const c = await servers.open();
    await append(b, puts("t", "2"));
    await append(c, puts("t", "3"));
    for (const store of [a, b, c]) {
      await store.fence();
      assertEquals(await texts(store), ["1", "2", "3"]);
    }
    await servers.pass(RETENTION / 2 + 1, 10_000);
    for (const store of [a, b, c]) assertEquals(await texts(store), ["2", "3"]);
    // It is right again.
    shared.now = () => clock.now();
    await append(a, puts("t", "4"));
    await b.fence();
    for (const store of [a, b]) assertEquals(await texts(store), ["2", "3", "4"]);
    await servers.pass(RETENTION / 2, 10_000);
    assertEquals(await texts(b), ["4"]);
  });
}

Deno.test("a server goes on with the right time after a restart, whatever the log's clock shows", async () => {
  const folder = await Deno.makeTempDir();
  {
    await using servers = new ReplicatedStores();
    const { shared, clock } = servers;
    const path = `${folder}/replica.db`;
    const before = await servers.open({ path });
    await append(before, puts("t", "1"));
    shared.now = () => clock.now() + DAY;
    await append(before, puts("t", "2"));
    await before[Symbol.asyncDispose]();
    const after = await servers.open({ path });
    await append(after, puts("t", "3"));
    assertEquals(await texts(after), ["1", "2", "3"]);
    await servers.pass(RETENTION + 1, 10_000);
    assertEquals(await texts(after), []);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("what was due while no server ran is gone when one starts, and a server whose clock is wrong changes nothing", async () => {
  await using servers = new ReplicatedStores();
  const [first] = [await servers.open()];
  await append(first!, puts("t", "1"));
  await first![Symbol.asyncDispose]();
  servers.clock.advance(RETENTION + 1);
  const next = await servers.open();
  await append(next, puts("t", "2"));
  assertEquals(await texts(next), ["2"]);
  const wrong = await servers.open({ clock: new ManualClock(servers.clock.now() + 400 * DAY) });
  await append(wrong, puts("t", "3"));
  await next.fence();
  for (const store of [next, wrong]) assertEquals(await texts(store), ["2", "3"]);
});

Deno.test("a log that was made anew by a machine whose clock is behind has its own time: nothing in it expires early", async () => {
  await using servers = new ReplicatedStores();
  const { shared, clock } = servers;
  const [a, b] = [await servers.open(), await servers.open()];
  await append(a, puts("t", "lost"));
  await b.fence();
  [shared.id, shared.entries] = [crypto.randomUUID(), []];
  shared.now = () => clock.now() - DAY;
  shared.wake();
  await servers.pass(10_000);
  await append(a, puts("t", "1"));
  for (const store of [a, b]) {
    await store.fence();
    assertEquals([store.findFault(), await texts(store)], [undefined, ["1"]]);
  }
  await servers.pass(RETENTION - 1, 10_000);
  for (const store of [a, b]) assertEquals(await texts(store), ["1"]);
  await servers.pass(1);
  for (const store of [a, b]) assertEquals(await texts(store), []);
});

Deno.test("a server whose clock is behind has the time of the others from its start on: its leases are as long as theirs", async () => {
  await using servers = new ReplicatedStores();
  const { clock } = servers;
  const a = await servers.open();
  await append(a, puts("t", "1"));
  // Nobody writes meanwhile.
  clock.advance(20_000);
  const behind = new ManualClock(clock.now() - 400 * DAY);
  const b = await servers.open({ clock: behind });
  for (const passed of [0, 5000]) {
    for (const each of [clock, behind]) each.advance(passed);
    await append(b, puts("t", "2"));
    const { messages } = await read(b, { topic: "t", count: 10 });
    assertEquals(messages.at(-1)!.time, clock.now());
  }
});

Deno.test("a server that begins waits until another one has answered, but not long for one that does not", async () => {
  await using servers = new ReplicatedStores();
  let held: PromiseWithResolvers<void> | undefined;
  const a = await servers.open({
    disturb: (what) => what === "append" ? held?.promise : undefined,
  });
  await append(a, puts("t", "1"));
  held = Promise.withResolvers();
  let isOpen = false;
  const opening = servers.open();
  void opening.then(() => isOpen = true);
  await servers.settle();
  const wasOpen = isOpen;
  held.resolve();
  const b = await opening;
  assert(!wasOpen);
  await b[Symbol.asyncDispose]();
  held = Promise.withResolvers();
  isOpen = false;
  const alone = servers.open().then(() => isOpen = true);
  await servers.pass(2000);
  held.resolve();
  assert(isOpen);
  await alone;
});

Deno.test("a server that was silent since a new one takes part goes on from the time of that one: no lease of it is shorter", async () => {
  await using servers = new ReplicatedStores();
  const { clock } = servers;
  let held: PromiseWithResolvers<void> | undefined;
  const a = await servers.open({
    disturb: (what) => what === "append" ? held?.promise : undefined,
  });
  await append(a, puts("t", "1"));
  clock.advance(20_000);
  held = Promise.withResolvers();
  const behind = new ManualClock(clock.now() - 400 * DAY);
  const pass = async (ms: number) => {
    behind.advance(ms);
    await servers.pass(ms);
  };
  // So it cannot know how much time has passed.
  const opening = servers.open({ clock: behind });
  for (let i = 0; i < 4; i++) await pass(500);
  const b = await opening;
  await append(b, puts("t", "2"));
  const pending = append(a, puts("t", "3"));
  held.resolve();
  held = undefined;
  await pass(500);
  await pending;
  await append(b, puts("t", "4"));
  const { messages } = await read(b, { topic: "t", count: 10 });
  const times = messages.map(({ time }) => time);
  assertEquals(times.length, 4);
  assert(times[2]! - times[1]! <= 500 && times[3]! - times[1]! <= 500, `${times}`);
});

Deno.test("a server whose clock is wrong, and that begins when the log's clock is set, asks the others for the time: nothing expires early", async () => {
  await using servers = new ReplicatedStores();
  const { shared, clock } = servers;
  const a = await servers.open();
  await append(a, puts("t", "1"));
  shared.now = () => clock.now() + 10 * DAY;
  const b = await servers.open({ clock: new ManualClock(clock.now() + 2 * DAY) });
  await append(b, puts("t", "2"));
  await append(a, puts("t", "3"));
  for (const store of [a, b]) assertEquals(await texts(store), ["1", "2", "3"]);
});
