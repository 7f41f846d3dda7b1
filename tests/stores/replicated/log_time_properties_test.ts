/**
 * The store's time, by records whose stamps and clocks are wrong in any way: it does not run fast, and does not fall behind.
 *
 * @module
 */

import { assert } from "@std/assert";
import * as fc from "fast-check";
import { LogTime, type WriterClock } from "../../../stores/replicated/log_time.ts";

const DAY = 86_400_000;

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
