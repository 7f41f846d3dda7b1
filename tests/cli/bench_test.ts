/**
 * The programs that measure: what they print, and what they refuse.
 *
 * @module
 */

import process from "node:process";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { type Comparison, exitCode, verdict } from "../../bench/against/comparison.ts";
import { inTurn } from "../../bench/bench.ts";
import { processorTime } from "../../bench/cpu.ts";
import { natsServer } from "../../tools/nats_server.ts";
import { cells, grade } from "../../bench/row.ts";
import { type Outcome, Program } from "../support/program.ts";

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
  const { code, stdout, stderr } = await dsmqBench("--url", server.url, "--json");
  assertEquals(code, 0);
  assertStringIncludes(stderr, "they stay until they expire");
  assertFigures(stdout);
  const topics = await mq.topics();
  assert(topics.length > 0 && topics.every(({ topic }) => topic.startsWith("bench-")));
  // Messages put for the measurement: 2,000 one at a time, 3 times 20,000 in each window, and as many streamed. Each
  // scenario warms up with a quarter more.
  assertEquals(topics.reduce((sum, { messages }) => sum + messages, 0), 2_500 + 3 * 65_000);
});

Deno.test("dsmq bench measures a server of its own, unless one is given, also with messages that fill it", async () => {
  await using program = new Program(["-A", "cli.ts", "bench", "--json", "--size", "500000"]);
  const { code, stdout, stderr } = await program.end();
  assertEquals(code, 0);
  assertFigures(stdout);
  // It is gone, with all that was put there.
  assert(!stderr.includes("stays"), stderr);
});

Deno.test("dsmq bench reports what it needs for a server of its own", async () => {
  const { code, stdout, stderr } = await dsmqBench();
  assertEquals([code, stdout], [1, ""]);
  assertMatch(
    stderr,
    /^dsmq: Cannot start a server to measure: [^\n]*--allow-read[^\n]*--url[^\n]*$/,
  );
});

function assertFigures(stdout: string): void {
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
}

Deno.test("dsmq bench reports an error in one line", async () => {
  await using server = await serve({ port: 0 });
  const refused = await dsmqBench("--url", server.url, "--size", "many");
  assertEquals([refused.code, refused.stdout], [2, ""]);
  assertMatch(refused.stderr, /^[^\n]*size[^\n]*$/);
  const tooLarge = await dsmqBench("--url", server.url, "--size", "1000000");
  assertEquals([tooLarge.code, tooLarge.stdout], [2, ""]);
  const expected = "dsmq: --size must be at most 999998 for this server, got 1000000 (";
  assertStringIncludes(tooLarge.stderr, expected);
  // Nothing was put, and so nothing is said of messages that are.
  assertMatch(tooLarge.stderr, /^[^\n]*$/);
});

Deno.test("the benchmark grades each row by its goal, and prints rows as JSON", async () => {
  const { code, stdout, stderr } = await bench("--quick", "--only", "one-call", "--json");
  assertEquals(code, 0, stderr);
  const { machine, versions, conditions, rows } = JSON.parse(stdout);
  assert(conditions.length > 0);
  assertMatch(machine, /^\d+ cores/);
  assertEquals(versions.Deno, Deno.version.deno);
  assertEquals(rows.length, 3);
  for (const { ours, theirs, ratio, goal, reached: met } of rows) {
    assert(ours > 0 && theirs > 0);
    assertEquals(ratio, ours / theirs);
    assertEquals(met, ratio <= goal.atMost);
  }
});

Deno.test("the benchmark refuses unknown arguments, and prints help", async () => {
  assertEquals((await bench("--fast")).code, 2);
  const { code, stderr } = await bench("--only", "nothing");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "there is no scenario nothing");
  assertStringIncludes((await bench("--only", "puts")).stderr, "needs --peers");
  const transport = await bench("--against", ".", "--transport", "pigeon");
  assertStringIncludes(transport.stderr, "must be builtin or hardened, got pigeon");
  assertEquals(transport.code, 2);
  assertStringIncludes((await bench("--rounds", "few")).stderr, "--rounds must be a whole number");
  const help = await bench("--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertStringIncludes(help.stdout, "--peers");
});

Deno.test("each subject has its turn in each round, and the warm-up does not count", async () => {
  let turn = 0;
  const turns = () => ({
    one: () => Promise.resolve(++turn),
    other: () => Promise.resolve([++turn, -turn]),
  });
  assertEquals(await inTurn(turns(), 1, 2), { one: [3, 5], other: [4, -4, 6, -6] });
  turn = 0;
  assertEquals(await inTurn(turns(), 1, 2, true), { one: [4, 5], other: [3, -3, 6, -6] });
});

Deno.test("a goal is met or not, from above or from below, as a ratio or alone", () => {
  const row = { work: "w", against: "a", unit: "u" };
  const verdicts = [
    grade({ ...row, ours: 11, theirs: 10, goal: { atMost: 1.1 } }),
    grade({ ...row, ours: 11.1, theirs: 10, goal: { atMost: 1.1 } }),
    grade({ ...row, ours: 15, theirs: 10, goal: { atLeast: 1.5 } }),
    grade({ ...row, ours: 14, theirs: 10, goal: { atLeast: 1.5 } }),
    grade({ ...row, ours: 5, goal: { atMost: 5 } }),
    grade({ ...row, ours: 6, goal: { atMost: 5 } }),
  ];
  assertEquals(verdicts.map(({ reached: met }) => met), [true, false, true, false, true, false]);
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

Deno.test("the benchmark measures this checkout against itself", async () => {
  const only = "get,wake,puts-64,fan-out,file-gets,start";
  const args = ["--against", ".", "--quick", "--rounds", "1", "--only", only, "--json"];
  const { code, stdout, stderr } = await bench(...args);
  assert(stdout !== "", stderr);
  const results = JSON.parse(stdout);
  assertEquals(results.old, results.new);
  assertMatch(results.machine, /^\d+ cores/);
  assert(results.conditions.length > 0);
  const comparisons: Comparison[] = results.comparisons;
  assertEquals(comparisons.map(({ name }) => name).join(), only);
  for (const { name, wall, serverCpu, clientCpu, verdict: verdictText } of comparisons) {
    for (const { old, new: now, ratio, spread } of [wall, serverCpu, clientCpu]) {
      assert(old > 0 && now > 0, name);
      assertEquals([ratio, spread], [now / old, 0], name);
    }
    assertEquals(verdictText, verdict(wall), name);
  }
  assertEquals(code, exitCode(comparisons));
});

/** A folder that looks like a checkout. */
async function standIn(client: string, cli = ""): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  const files = { "deno.json": "{}", "client.ts": client, "cli.ts": cli };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${path}/${name}`, text);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("of another checkout its own server and its own client are measured", async () => {
  // Each leaves a file, and neither works with one of dsmq.
  const writing = (name: string) =>
    `Deno.writeTextFileSync(new URL("${name}", import.meta.url), "");`;
  await using other = await standIn(
    `export async function connect({ port }: { port: number }) {
      const put = async () => {
        const text = await (await fetch(\`http://127.0.0.1:\${port}/\`)).text();
        if (text !== "the other server") throw new Error(text);
      };
      ${writing("asked")}
      for (let tries = 0; tries < 500; tries++) {
        if (await put().then(() => true, () => false)) return { put };
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error("the other server does not answer");
    }`,
    `${writing("served")}
    Deno.serve({ port: Number(Deno.args[2]) }, () => new Response("the other server"));`,
  );
  const args = ["--against", other.path, "--quick", "--rounds", "1", "--only", "put", "--json"];
  const { stdout, stderr } = await bench(...args);
  assert(stdout !== "", stderr);
  const { old, comparisons: [put] } = JSON.parse(stdout);
  assertEquals(old, { folder: await Deno.realPath(other.path), commit: "unknown" });
  assert(put.wall.old > 0 && put.wall.new > 0);
  for (const remaining of ["asked", "served"]) {
    assert((await Deno.stat(`${other.path}/${remaining}`)).isFile);
  }
});

Deno.test("the benchmark reports in a sentence why a checkout cannot be measured", async () => {
  const missing = await bench("--against", "/nowhere");
  assertEquals([missing.code, missing.stderr], [2, 'There is no folder "/nowhere"']);
  const none = await bench("--against", "docs");
  assertEquals(none.code, 2);
  assertMatch(none.stderr, /docs is not a checkout of dsmq: it has no deno\.json$/);
  await using broken = await standIn('throw new Error("it is broken");');
  const { code, stdout, stderr } = await bench("--against", broken.path, "--only", "put");
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^Cannot measure put of the old checkout, .*: it is broken$/m);
});

Deno.test("the processor time of a process grows with its work", async () => {
  const before = await processorTime(Deno.pid);
  const begin = process.cpuUsage();
  for (let cpuTime = 0; cpuTime < 100_000;) {
    const { user, system } = process.cpuUsage(begin);
    cpuTime = user + system;
  }
  // Some kernels count the running thread's last few milliseconds later.
  const growth = await processorTime(Deno.pid) - before;
  assert(growth >= 70, `${growth} ms`);
});

Deno.test("the nats-server is the one that is given, or a fetched one, or the system's", async () => {
  await using folder = await standIn("");
  const fetched = `${folder.path}/cli.ts`;
  assertEquals(natsServer("/opt/nats-server", fetched), "/opt/nats-server");
  assertEquals(natsServer("", fetched), fetched);
  assertEquals(natsServer("", `${folder.path}/none`), "nats-server");
});
