/**
 * The clock of a log is set, or another machine stamps its records: nothing expires early, and nothing stays for longer.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { LogTime, type WriterClock } from "../../../stores/replicated/log_time.ts";
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

/** If a clock is set by more than this, it is known by how much, but for the time that records are on their way. In milliseconds. */
const JUMP = 10_000;
const DELAY = 400;

const begin = 1_767_225_600_000;

/** A log whose clock may be set, and writers whose clocks are wrong. */
class LogWithWriters {
  real = begin;
  readonly #time = new LogTime();
  readonly #clocks: (WriterClock | undefined)[] = [];
  readonly #wrong: number[];
  #set = 0;
  #last = 0;

  constructor(wrong: readonly number[]) {
    this.#wrong = [...wrong];
  }

  /** The log's clock is set. */
  set(by: number): void {
    this.#set += by;
  }

  /** A writer writes, whose record is on its way for some time. Returns by how much the store's time is wrong. */
  write(writer: number, delay: number): number {
    const [stamp, clock] = [this.real + delay + this.#set, this.real + this.#wrong[writer]!];
    const known = this.#clocks[writer];
    const maxAhead = Math.max(
      ...this.#clocks.filter((clock) => clock !== undefined).map(({ ahead }) => ahead),
    );
    const when = this.#time.next({ stamp, clock, known, maxAhead });
    const { time } = when;
    assert(time >= this.#last, "it does not go back");
    [this.#clocks[writer], this.#last] = [when, time];
    return time - this.real;
  }

  /** One that is new writes, whose clock is wrong by so much. */
  writeNew(wrong: number): number {
    return this.write(this.#wrong.push(wrong) - 1, 0);
  }

  /** A writer is not known any more. */
  forget(writer: number): void {
    this.#clocks[writer] = undefined;
  }
}

const delay = fc.nat(DELAY);
const passes = fc.oneof(fc.nat(500), fc.nat(60_000));
const wrongClocks = fc.array(fc.integer({ min: -DAY, max: DAY }), { minLength: 3, maxLength: 3 });
/** Mostly the log's clock is not set; else by so much, forward or back. */
const jumpOf = (ms: fc.Arbitrary<number>) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    ms.chain((ms) => fc.constantFrom(ms, -ms)),
  );
const stepsOf = (jump: fc.Arbitrary<number>) => {
  const step = fc.record({ passes, jump, writer: fc.nat(2), delay });
  return fc.array(step, { minLength: 1, maxLength: 60 });
};

Deno.test("the store's time passes as that of its writers, whatever their clocks show and however often the log's is set", () => {
  const jump = jumpOf(fc.integer({ min: 2 * JUMP, max: 2 * DAY }));
  fc.assert(fc.property(stepsOf(jump), wrongClocks, (steps, wrong) => {
    const log = new LogWithWriters(wrong);
    let jumps = 0;
    // All are known before it is set.
    for (const writer of [0, 1, 2]) log.write(writer, 0);
    for (const { passes, jump, writer, delay } of steps) {
      log.real += passes;
      log.set(jump);
      if (jump !== 0) jumps++;
      const error = log.write(writer, delay);
      assert(error <= DELAY && error >= -DELAY * (jumps + 1) - 1, `${error} ms`);
    }
  }));
});

Deno.test("the store's time is not ahead, however little the log's clock is set, and whoever writes for the first time after that", () => {
  const jump = jumpOf(fc.integer({ min: 0, max: 2 * JUMP }));
  fc.assert(fc.property(stepsOf(jump), wrongClocks, (steps, wrong) => {
    const log = new LogWithWriters(wrong);
    let passed = 0;
    for (const writer of [0, 1, 2]) log.write(writer, 0);
    for (const { passes, jump, writer, delay } of steps) {
      log.real += passes;
      passed += passes;
      log.set(jump);
      // One that is known writes first.
      const errors = [log.write(0, delay)];
      if (writer > 0) log.forget(writer);
      errors.push(log.write(writer, 0));
      for (const error of errors) {
        assert(error <= DELAY + passed / 1000 + 1, `${error} ms after ${passed} ms`);
      }
    }
  }));
});

Deno.test("the store's time is not ahead, even if the log's clock is set as a new server writes whose clock is no further ahead than another's", () => {
  const jump = fc.integer({ min: 0, max: 2 * DAY });
  const later = fc.record({ passes, jump, than: fc.nat(2), behind: fc.nat(DAY) });
  fc.assert(fc.property(wrongClocks, fc.array(later, { maxLength: 5 }), (wrong, steps) => {
    const log = new LogWithWriters(wrong);
    let passed = 0;
    for (const writer of [0, 1, 2]) log.write(writer, 0);
    for (const { passes, jump, than, behind } of steps) {
      log.real += passes;
      passed += passes;
      log.set(jump);
      const error = log.writeNew(wrong[than]! - behind);
      assert(error <= passed / 1000 + 1, `${error} ms after ${passed} ms`);
    }
  }));
});

Deno.test("the store's time does not run fast, however little the log's clock is set, and however the records of several writers overtake each other", () => {
  const step = fc.record({ passes: fc.nat(300), writer: fc.nat(2), delay: fc.nat(3000) });
  const steps = fc.array(step, { minLength: 30, maxLength: 120 });
  fc.assert(fc.property(steps, wrongClocks, (steps, wrong) => {
    const log = new LogWithWriters(wrong);
    let passed = 0;
    for (const writer of [0, 1, 2]) log.write(writer, 0);
    log.set(5000);
    for (const { passes, writer, delay } of steps) {
      log.real += passes;
      passed += passes;
      // It was written before others that are stored already.
      const age = Math.min(delay, passed);
      log.real -= age;
      const error = log.write(writer, age) - age;
      log.real += age;
      assert(error <= passed / 1000 + 1, `${error} ms after ${passed} ms`);
    }
  }));
});
