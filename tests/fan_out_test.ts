import { assert, assertEquals } from "@std/assert";
import { FanOut } from "../queue/fan_out.ts";
import { TopicBatch } from "../queue/queue.ts";
import { ManualTurns } from "./support/manual_turns.ts";

const none = (): never => {
  throw new Error("nobody failed");
};

function batch(...seqs: number[]): TopicBatch {
  return new TopicBatch(
    seqs.map((seq) => ({ seq, topic: "t", body: '"m"', bytes: 3, time: 0 })),
  );
}

/** Some who take 0.01 ms each to be told something. */
function listeners(manual: ManualTurns, count: number) {
  const heard: number[][] = Array.from({ length: count }, () => []);
  const interests = heard.map((seqs) => ({
    fed: ({ messages }: TopicBatch) => {
      manual.work(0.01);
      seqs.push(...messages.map(({ seq }) => seq));
    },
    resync() {},
  }));
  return { heard, interests };
}

Deno.test("20,000 who wait for a message are told in parts, so that nobody else waits for long", async () => {
  const manual = new ManualTurns();
  const fanOut = new FanOut(none, manual.turns);
  const { heard, interests } = listeners(manual, 20_000);
  fanOut.begin();
  let before = manual.now();
  fanOut.tell("t", interests, batch(1));
  let longest = manual.now() - before;
  for (let looks = 0; manual.awaited && looks < 1000; looks++) {
    before = manual.now();
    await manual.look();
    longest = Math.max(longest, manual.now() - before);
  }
  assert(longest < 10, `${longest} ms between two looks at the network`);
  assert(heard.every(([seq, ...more]) => seq === 1 && more.length === 0));
});

Deno.test("who is told late is told everything, once and in order, and does not hold up other topics", async () => {
  const manual = new ManualTurns();
  const fanOut = new FanOut(none, manual.turns);
  const many = listeners(manual, 3000);
  const few = listeners(manual, 1);
  fanOut.begin();
  fanOut.tell("many", many.interests, batch(1));
  fanOut.begin();
  fanOut.tell("many", many.interests, batch(2, 3));
  fanOut.begin();
  fanOut.tell("few", few.interests, batch(4));
  assertEquals(few.heard, [[4]]);
  assertEquals(many.heard.at(-1), []);
  while (manual.awaited) await manual.look();
  assert(many.heard.every((seqs) => `${seqs}` === "1,2,3"));
});

Deno.test("what is yet to be told can be told at once, or not at all", async () => {
  for (const end of ["finish", "clear"] as const) {
    const manual = new ManualTurns();
    const fanOut = new FanOut(none, manual.turns);
    const { heard, interests } = listeners(manual, 3000);
    fanOut.tell("t", interests, batch(1));
    const told = () => heard.filter(({ length }) => length === 1).length;
    const before = told();
    assert(before < 1000, `${before} were told at once`);
    fanOut[end]();
    assertEquals(told(), end === "finish" ? 3000 : before);
    while (manual.awaited) await manual.look();
    assertEquals(told(), end === "finish" ? 3000 : before);
  }
});

Deno.test("one who fails when it is told keeps it from nobody else", () => {
  const failures: unknown[] = [];
  const manual = new ManualTurns();
  const { heard, interests } = listeners(manual, 2);
  const failing = { fed: none, resync() {} };
  new FanOut((error) => failures.push(error), manual.turns)
    .tell("t", [interests[0]!, failing, interests[1]!], batch(1));
  assertEquals([heard, failures.length], [[[1], [1]], 1]);
});
