import { assertEquals, assertRejects } from "@std/assert";
import { FencePacing } from "../../../stores/replicated/fence_pacing.ts";
import { StoreError } from "../../../stores/store.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";

/** Counts the fences that are sent; each takes until it is let through. */
function setUp() {
  const clock = new ManualClock();
  const sent: (() => void)[] = [];
  const state = { isFree: false };
  const fences = new FencePacing({
    ...{ clock, timeout: 4500 },
    isFree: () => state.isFree,
    send: () => new Promise<void>((resolve) => sent.push(resolve)),
  });
  return { clock, sent, state, fences };
}

Deno.test("fences are sent at once until there are very many, then one each millisecond, which all share", async () => {
  const { clock, sent, fences } = setUp();
  for (let i = 0; i < 100; i++) void fences.pass();
  assertEquals(sent.length, 100);
  let passed = 0;
  for (let i = 0; i < 50; i++) void fences.pass().then(() => passed++);
  assertEquals(sent.length, 100);
  clock.advance(1);
  await Promise.resolve();
  assertEquals([sent.length, passed], [101, 0]);
  // Who comes later needs a later one.
  const later = fences.pass();
  sent.at(-1)!();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(passed, 50);
  clock.advance(1);
  await Promise.resolve();
  assertEquals(sent.length, 102);
  sent.at(-1)!();
  await later;
});

Deno.test("a fence costs nothing where a record is written anyway, and one in ten records pays for one", () => {
  const { sent, state, fences } = setUp();
  for (let i = 0; i < 100; i++) void fences.pass();
  state.isFree = true;
  for (let i = 0; i < 7; i++) void fences.pass();
  assertEquals(sent.length, 107);
  state.isFree = false;
  for (let i = 0; i < 20; i++) fences.onRecord();
  for (let i = 0; i < 5; i++) void fences.pass();
  assertEquals(sent.length, 109);
});

Deno.test("a fence that takes too long rejects with `behind`", async () => {
  const { clock, fences } = setUp();
  const passed = fences.pass();
  clock.advance(4500);
  const { code } = await assertRejects(() => passed, StoreError);
  assertEquals(code, "behind");
});
