/**
 * The clock of a log is set, or another machine stamps its records: nothing expires early, and nothing stays for longer.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { LogTime } from "../../../stores/replicated/log_time.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { append, puts, texts } from "../../../testing/store/support.ts";
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

/** Clocks that are set, are set by more than this, and records are on their way for at most so long. In milliseconds. */
const JUMP = 10_000;
const DELAY = 400;

/** A step of a log: time passes, its clock may be set, and a writer writes, whose record is on its way for some time. */
const steps = fc.array(
  fc.record({
    passes: fc.oneof(fc.nat(500), fc.nat(60_000)),
    jump: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      fc.integer({ min: 2 * JUMP, max: 2 * DAY }).chain((ms) => fc.constantFrom(ms, -ms)),
    ),
    writer: fc.nat(2),
    delay: fc.nat(DELAY),
  }),
  { minLength: 1, maxLength: 60 },
);

Deno.test("the store's time passes as that of its writers, whatever their clocks show and however often the log's is set", () => {
  fc.assert(
    fc.property(
      steps,
      fc.array(fc.integer({ min: -DAY, max: DAY }), { minLength: 3, maxLength: 3 }),
      (all, wrong) => {
        const [time, begin] = [new LogTime(), 1_767_225_600_000];
        const ahead: number[] = [];
        let [real, set, jumps, last] = [begin, 0, 0, 0];
        const write = (writer: number, delay: number) => {
          const result = time.next(real + delay + set, real + wrong[writer]!, ahead[writer]);
          ahead[writer] = result.ahead;
          assert(result.time >= last);
          last = result.time;
          return result.time;
        };
        // All are known before it is set.
        for (const writer of [0, 1, 2]) write(writer, 0);
        for (const { passes, jump, writer, delay } of all) {
          real += passes;
          set += jump;
          if (jump !== 0) jumps++;
          const error = write(writer, delay) - real;
          // By how much a clock was set is known but for the time that its first record was on its way.
          assert(error <= DELAY && error >= -DELAY * (jumps + 1) - 1, `${error} ms`);
        }
      },
    ),
  );
});
