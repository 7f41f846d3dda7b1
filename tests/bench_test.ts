/**
 * The programs that measure: what they print, and what they refuse.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { inTurn } from "../bench/bench.ts";
import { cells, judged } from "../bench/row.ts";
import { type Outcome, Program } from "./support/program.ts";

async function bench(...args: string[]): Promise<Outcome> {
  await using program = new Program(["-A", "bench/main.ts", ...args]);
  return await program.end();
}

async function dsmqBench(...args: string[]): Promise<Outcome> {
  await using program = new Program(["--allow-net", "--no-prompt", "cli.ts", "bench", ...args]);
  return await program.end();
}

Deno.test("dsmq bench measures a user's own server, in topics of its own", async () => {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const { code, stdout } = await dsmqBench("--url", server.url, "--json");
  assertEquals(code, 0);
  const figures = JSON.parse(stdout) as { work: string; unit: string; value: number }[];
  assertEquals(figures.map(({ work, unit }) => `${work}, ${unit}`), [
    "one put, µs, p50",
    "one put, µs, p99",
    "one get, µs, p50",
    "one get, µs, p99",
    "puts, 64 in flight, a second",
    "gets, 64 in flight, a second",
    "puts, 1024 in flight, a second",
    "gets, 1024 in flight, a second",
    "put to subscribe, 1024 in flight, a second",
  ]);
  assert(figures.every(({ value }) => value > 0), stdout);
  const topics = await mq.topics();
  assert(topics.length > 0 && topics.every(({ topic }) => topic.startsWith("bench-")));
  // What was measured was put: 2,500 one at a time, 3 times 20,000 in each window, and as many streamed.
  assertEquals(topics.reduce((sum, { messages }) => sum + messages, 0), 2_500 + 3 * 3 * 20_000);
});

Deno.test("dsmq bench says in one line what is wrong", async () => {
  await using server = await serve({ port: 0 });
  const refused = await dsmqBench("--url", server.url, "--size", "many");
  assertEquals([refused.code, refused.stdout], [1, ""]);
  assertMatch(refused.stderr, /^[^\n]*size[^\n]*$/);
  const tooLarge = await dsmqBench("--url", server.url, "--size", "1000000");
  assertEquals([tooLarge.code, tooLarge.stdout], [1, ""]);
  assertStringIncludes(tooLarge.stderr, "it is 1000002 bytes as JSON, the limit is 1000000");
});

Deno.test("the benchmark judges each line by its goal, and prints them for programs", async () => {
  const { code, stdout, stderr } = await bench("--quick", "--only", "one-call", "--json");
  assertEquals(code, 0, stderr);
  const { machine, versions, conditions, rows } = JSON.parse(stdout);
  assert(conditions.length > 0);
  assertMatch(machine, /^\d+ cores/);
  assertEquals(versions.Deno, Deno.version.deno);
  assertEquals(rows.length, 3);
  for (const { ours, theirs, ratio, goal, reached } of rows) {
    assert(ours > 0 && theirs > 0);
    assertEquals(ratio, ours / theirs);
    assertEquals(reached, ratio <= goal.atMost);
  }
});

Deno.test("the benchmark refuses what it does not know, and helps", async () => {
  assertEquals((await bench("--fast")).code, 2);
  const { code, stderr } = await bench("--only", "nothing");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "there is no work nothing");
  assertStringIncludes((await bench("--only", "puts")).stderr, "needs --peers");
  const help = await bench("--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertStringIncludes(help.stdout, "--peers");
});

Deno.test("each has its turn in each round, and what the warm-up brings does not count", async () => {
  let turn = 0;
  const turns = () => ({
    one: () => Promise.resolve(++turn),
    other: () => Promise.resolve([++turn, -turn]),
  });
  assertEquals(await inTurn(turns(), 1, 2), { one: [3, 5], other: [4, -4, 6, -6] });
  turn = 0;
  assertEquals(await inTurn(turns(), 1, 2, true), { one: [4, 5], other: [3, -3, 6, -6] });
});

Deno.test("a goal is reached or not, from above or from below, as a ratio or alone", () => {
  const row = { work: "w", against: "a", unit: "u" };
  const verdicts = [
    judged({ ...row, ours: 11, theirs: 10, goal: { atMost: 1.1 } }),
    judged({ ...row, ours: 11.1, theirs: 10, goal: { atMost: 1.1 } }),
    judged({ ...row, ours: 15, theirs: 10, goal: { atLeast: 1.5 } }),
    judged({ ...row, ours: 14, theirs: 10, goal: { atLeast: 1.5 } }),
    judged({ ...row, ours: 5, goal: { atMost: 5 } }),
    judged({ ...row, ours: 6, goal: { atMost: 5 } }),
  ];
  assertEquals(verdicts.map(({ reached }) => reached), [true, false, true, false, true, false]);
  assertEquals(cells(verdicts[3]!), [
    "w",
    "a",
    "u",
    "14.0",
    "10.0",
    "1.40",
    "≥ 1.5 ×",
    "NOT reached",
  ]);
  assertEquals(cells(verdicts[4]!), ["w", "a", "u", "5.00", "", "", "≤ 5", "reached"]);
});
