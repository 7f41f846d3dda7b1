import { assertEquals, assertRejects } from "@std/assert";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { withinLimit } from "./limited_run.ts";
import type { Finding } from "./report.ts";

const never = () => new Promise<never>(() => {});
const GOOD: Finding = { what: "something", seen: 1, good: true };

/** What a run of 60 s finds whose limit has passed. */
function late(what: string): Finding {
  return { what: "limit of 60 s passed", seen: `waited for ${what}`, good: false };
}

Deno.test("a run that ends in time has its own findings, and disposes of what it owns, last first", () =>
  inVirtualTime(async () => {
    const ends: string[] = [];
    const findings = await withinLimit(60, async (run) => {
      run.owns("one", { [Symbol.dispose]: () => void ends.push("one") });
      run.owns("other", {
        [Symbol.asyncDispose]: async () => {
          await pass(1000);
          ends.push("other");
        },
      });
      await pass(58_000);
      return [GOOD];
    });
    assertEquals(findings, [GOOD]);
    assertEquals(ends, ["other", "one"]);
  }));

Deno.test("a run that hangs is called off at its limit, and tells what it waited for at that time", () =>
  inVirtualTime(async (time) => {
    const seen = { aborted: 0, disposed: 0, count: 0 };
    const findings = await withinLimit(60, async (run) => {
      run.signal.addEventListener("abort", () => seen.aborted = time.now);
      run.owns("it", { [Symbol.dispose]: () => void (seen.disposed = time.now) });
      run.waitsFor("the start");
      await pass(10_000);
      run.waitsFor(() => `turn ${seen.count}`);
      for (; seen.count < 7; seen.count++) await pass(1000);
      return await never();
    });
    assertEquals(findings, [late("turn 7")]);
    assertEquals([seen.aborted, seen.disposed].map(Math.round), [60_000, 60_000]);
  }));

Deno.test("a disposal that hangs does not keep others from theirs, and is told", () =>
  inVirtualTime(async () => {
    const ends: string[] = [];
    const findings = await withinLimit(60, (run) => {
      run.owns("one", {
        [Symbol.asyncDispose]: async () => {
          await pass(1000);
          ends.push("one");
        },
      });
      run.owns("other", { [Symbol.asyncDispose]: never });
      return Promise.resolve([GOOD]);
    });
    assertEquals(findings, [GOOD, late("the disposal of other")]);
    assertEquals(ends, ["one"]);
  }));

Deno.test("once a run has failed a disposal that hangs does not keep it until its limit, and is told", () =>
  inVirtualTime(async (time) => {
    const ends: string[] = [];
    const owning = (end: () => Promise<Finding[]>) =>
      withinLimit(6000, (run) => {
        run.owns("one", { [Symbol.dispose]: () => void ends.push("one") });
        run.owns("other", { [Symbol.asyncDispose]: never });
        return end();
      });
    const seconds = () => Math.round(time.now / 1000);
    const bad = { ...GOOD, good: false };
    const hung = { what: "hung", seen: "the disposal of other", good: false };
    assertEquals(await owning(() => Promise.resolve([GOOD, bad])), [GOOD, bad, hung]);
    assertEquals([seconds(), ends.length], [10, 1]);
    const failing = () => owning(() => Promise.reject(new Error("broken")));
    await assertRejects(failing, Error, "broken; then hung: the disposal of other");
    assertEquals([seconds(), ends.length], [20, 2]);
    // One disposal fails, and the next one hangs.
    const owningTwo = () =>
      withinLimit(6000, (run) => {
        run.owns("one", { [Symbol.asyncDispose]: never });
        run.owns("other", { [Symbol.asyncDispose]: () => Promise.reject(new Error("broken")) });
        return Promise.resolve([GOOD]);
      });
    await assertRejects(owningTwo, Error, "broken; then hung: the disposal of one");
    assertEquals(seconds(), 30);
  }));

Deno.test("what a run begins before it sees that it was called off is disposed of, too", () =>
  inVirtualTime(async () => {
    const ends: string[] = [];
    const findings = await withinLimit(60, async (run) => {
      run.waitsFor("the start");
      await pass(61_000);
      run.owns("it", { [Symbol.dispose]: () => void ends.push("it") });
      return await never();
    });
    assertEquals(findings, [late("the start")]);
    assertEquals(ends, ["it"]);
  }));

Deno.test("an error of a run, or of a disposal in time, is an error; what comes of a run that was called off is not", () =>
  inVirtualTime(async () => {
    const fail = () => Promise.reject(new Error("broken"));
    await assertRejects(() => withinLimit(60, fail), Error, "broken");
    const hanging = withinLimit(60, (run) => {
      run.owns("it", { [Symbol.asyncDispose]: never });
      return fail();
    });
    const { message } = await assertRejects(() => hanging, Error);
    assertEquals(message, "Error: broken; then hung: the disposal of it");
    const owning = withinLimit(60, (run) => {
      run.owns("it", { [Symbol.asyncDispose]: fail });
      return Promise.resolve([]);
    });
    await assertRejects(() => owning, Error, "broken");
    const calledOff = await withinLimit(60, async (run) => {
      run.owns("it", { [Symbol.asyncDispose]: fail });
      run.waitsFor("the end");
      await pass(61_000);
      return await fail();
    });
    assertEquals(calledOff, [late("the end")]);
    const goesOn = await withinLimit(60, async (run) => {
      run.waitsFor("the end");
      await pass(61_000);
      return [GOOD];
    });
    assertEquals(goesOn, [late("the end")]);
  }));

Deno.test("the limit of a run is a number of seconds that a timer can wait", async () => {
  for (const limit of [0, -1, NaN, Infinity, 2_147_484]) {
    await assertRejects(
      () => withinLimit(limit, () => Promise.resolve([])),
      RangeError,
      `limit must be a number of seconds above 0, at most 2147483, got ${limit}`,
    );
  }
  assertEquals(await withinLimit(2_147_483, () => pass(10).then(() => [GOOD])), [GOOD]);
});
