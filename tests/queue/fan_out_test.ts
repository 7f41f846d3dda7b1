import { assert, assertEquals } from "@std/assert";
import { FanOut } from "../../queue/fan_out.ts";
import { TopicBatch } from "../../queue/topic_batch.ts";
import { ManualTurns } from "../support/manual_turns.ts";

const none = (): never => {
  throw new Error("nobody failed");
};

function batch(...seqs: number[]): TopicBatch {
  return new TopicBatch(
    seqs.map((seq) => ({ seq, topic: "t", body: '"m"', bytes: 3, time: 0 })),
  );
}

/** Listeners that take 0.01 ms each to be notified. */
function openListeners(manual: ManualTurns, count: number) {
  const received: number[][] = Array.from({ length: count }, () => []);
  const listeners = received.map((seqs) => ({
    onMessages: ({ messages }: TopicBatch) => {
      manual.spend(0.01);
      seqs.push(...messages.map(({ seq }) => seq));
    },
    resync() {},
  }));
  return { received, listeners };
}

Deno.test("20,000 waiters for a message are notified in slices, so that no other client waits for long", async () => {
  const manual = new ManualTurns();
  const fanOut = new FanOut(none, manual.turns);
  const { received, listeners } = openListeners(manual, 20_000);
  fanOut.beginSlice();
  let before = manual.now();
  fanOut.notify("t", listeners, batch(1));
  let longestSlice = manual.now() - before;
  for (let rounds = 0; manual.awaited && rounds < 1000; rounds++) {
    before = manual.now();
    await manual.networkLook();
    longestSlice = Math.max(longestSlice, manual.now() - before);
  }
  assert(longestSlice < 10, `${longestSlice} ms between two polls of the network`);
  assert(received.every(([seq, ...more]) => seq === 1 && more.length === 0));
});

Deno.test("a listener that is notified late gets everything, once and in order, and does not hold up other topics", async () => {
  const manual = new ManualTurns();
  const fanOut = new FanOut(none, manual.turns);
  const many = openListeners(manual, 3000);
  const few = openListeners(manual, 1);
  fanOut.beginSlice();
  fanOut.notify("many", many.listeners, batch(1));
  fanOut.beginSlice();
  fanOut.notify("many", many.listeners, batch(2, 3));
  fanOut.beginSlice();
  fanOut.notify("few", few.listeners, batch(4));
  assertEquals(few.received, [[4]]);
  assertEquals(many.received.at(-1), []);
  while (manual.awaited) await manual.networkLook();
  assert(many.received.every((seqs) => `${seqs}` === "1,2,3"));
});

Deno.test("pending notifications can be sent at once, or dropped", async () => {
  for (const end of ["finish", "clear"] as const) {
    const manual = new ManualTurns();
    const fanOut = new FanOut(none, manual.turns);
    const { received, listeners } = openListeners(manual, 3000);
    fanOut.notify("t", listeners, batch(1));
    const informed = () => received.filter(({ length }) => length === 1).length;
    const before = informed();
    assert(before < 1000, `${before} were notified at once`);
    fanOut[end]();
    assertEquals(informed(), end === "finish" ? 3000 : before);
    while (manual.awaited) await manual.networkLook();
    assertEquals(informed(), end === "finish" ? 3000 : before);
  }
});

Deno.test("who waits for deliveries waits for those of now, all of them, and for none that come later", async () => {
  for (const end of ["deliver", "finish", "clear"] as const) {
    const manual = new ManualTurns();
    const fanOut = new FanOut(none, manual.turns);
    const { received, listeners } = openListeners(manual, 3000);
    let settled = false;
    await fanOut.settled();
    fanOut.notify("t", listeners, batch(1));
    fanOut.notify("t", listeners, batch(2));
    fanOut.notify("u", listeners, batch(3));
    const waiting = fanOut.settled().then(() => settled = true);
    fanOut.notify("t", listeners, batch(4));
    if (end !== "deliver") fanOut[end]();
    while (manual.awaited && !settled) await manual.networkLook();
    await waiting;
    const all = (...seqs: number[]) =>
      received.every((got) => seqs.every((seq) => got.includes(seq)));
    assertEquals(
      [all(1, 2, 3), all(4)],
      {
        deliver: [true, false],
        finish: [true, true],
        clear: [false, false],
      }[end],
    );
  }
});

Deno.test("a listener that throws does not keep a message from others", () => {
  const failures: unknown[] = [];
  const manual = new ManualTurns();
  const { received, listeners } = openListeners(manual, 2);
  const failing = { onMessages: none, resync() {} };
  new FanOut((error) => failures.push(error), manual.turns)
    .notify("t", [listeners[0]!, failing, listeners[1]!], batch(1));
  assertEquals([received, failures.length], [[[1], [1]], 1]);
});
