import { assertEquals } from "@std/assert";
import { Pace } from "./pace.ts";

/** Counts the turns that a client takes. */
function counted(pace: Pace): { turns: number; readonly over: Promise<void> } {
  const seen = { turns: 0, over: Promise.resolve() };
  seen.over = (async () => {
    while (await pace.turn()) seen.turns++;
  })();
  return seen;
}

/** All that follows at once has happened. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("a client takes the turns that it is granted, one after another, and then waits for more", async () => {
  const pace = new Pace();
  const client = counted(pace);
  await settled();
  assertEquals([client.turns, pace.done], [0, 0]);
  pace.grant(3);
  pace.grant(2);
  await settled();
  assertEquals([client.turns, pace.done, pace.granted], [5, 5, 5]);
  pace.end();
  await client.over;
  assertEquals(client.turns, 5);
});

Deno.test("a turn is done once its client asks for the next one", async () => {
  const pace = new Pace();
  pace.grant(2);
  await pace.turn();
  await pace.turn();
  assertEquals(pace.done, 1);
  const third = pace.turn();
  assertEquals(pace.done, 2);
  pace.end();
  assertEquals(await third, false);
});

Deno.test("at the end there are no more turns, taken or not, and nobody waits for a condition", async () => {
  const pace = new Pace();
  pace.grant(1);
  const waiting = pace.until(() => false);
  pace.end();
  await waiting;
  assertEquals(await pace.turn(), false);
});

Deno.test("a condition is looked at when it may hold", async () => {
  const pace = new Pace();
  const state = { holds: false, isOver: false };
  const waiting = pace.until(() => state.holds).then(() => state.isOver = true);
  pace.wake();
  await settled();
  assertEquals(state.isOver, false);
  state.holds = true;
  pace.wake();
  await waiting;
});
