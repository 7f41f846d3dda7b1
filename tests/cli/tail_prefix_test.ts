/**
 * `dsmq tail 'orders.*'` and `dsmq topics 'orders.*'`: all topics that begin with a text.
 *
 * @module
 */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { connect } from "@dsmq/server";
import { UsageError } from "../../cli/command.ts";
import { parseFilters } from "../../cli/topic_filters.ts";
import { openServer } from "../support/open_server.ts";
import { runCommands } from "../support/run_commands.ts";
import { Program } from "../support/program.ts";

function tail(url: string, ...args: string[]): Program {
  return new Program(["--allow-net", "--no-prompt", "cli.ts", "tail", ...args, "--url", url]);
}

Deno.test("tail of a prefix prints the topic of each message, in the order in which they were stored", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("orders.eu", "one");
  await mq.put("order", "not for it");
  await mq.put("orders.us", "two");
  await using all = tail(server.url, "orders.*", "news", "--since", "start", "--count", "5");
  await using json = tail(server.url, "orders.*", "--since", "seq:1", "--count", "3", "--json");
  await using every = tail(server.url, "*", "--since", "start", "--count", "3");
  assertEquals([await all.line(), await all.line()], ["orders.eu: one", "orders.us: two"]);
  assertEquals(JSON.parse((await json.line())!).topic, "orders.us");
  await mq.put("orders.new", "three");
  await mq.put("news", "four");
  await mq.put("orders.", "five");
  assertEquals((await all.end()).stdout.split("\n").sort(), [
    "news: four",
    "orders.: five",
    "orders.new: three",
  ]);
  const last = (await json.end()).stdout.split("\n").map((line) => JSON.parse(line));
  assertEquals(last.map(({ topic, body }) => [topic, body]), [["orders.new", "three"], [
    "orders.",
    "five",
  ]]);
  assertEquals((await every.end()).stdout.split("\n"), [
    "orders.eu: one",
    "order: not for it",
    "orders.us: two",
  ]);
});

Deno.test("with --exact tail takes topics as they are", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("a.b", "not for it");
  await mq.put("a.*", "one");
  await using exact = tail(server.url, "a.*", "--exact", "--since", "start", "--count", "1");
  assertEquals((await exact.end()).stdout, "one");
});

Deno.test("tail of a prefix that the token does not cover says so", async () => {
  await using server = await openServer({
    auth: { tokens: [{ token: "good" }], anonymous: { prefixes: ["orders.eu"] } },
  });
  await using refused = tail(server.url, "orders.*");
  const { code, stderr } = await refused.end();
  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    'dsmq: Cannot read all topics that begin with "orders.": permission denied (',
    "with a hint how to give a token",
  );
  await using all = tail(server.url, "*");
  assertStringIncludes((await all.end()).stderr, "dsmq: Cannot read all topics: permission denied");
});

Deno.test("topics takes a prefix as tail does, and as it is", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  for (const topic of ["a.x", "a.*", "a", "b"]) await mq.put(topic, "m");
  const at = ["--url", server.url];
  const lists = await runCommands([
    ["topics", "a.*", ...at],
    ["topics", "a.", ...at],
    ["topics", "*", ...at],
    ["topics", "", ...at],
    ["topics", "a.*", "--exact", ...at],
    ["topics", "a.", "--exact", ...at],
    ["topics", "*", "--exact", ...at],
    ["topics", "a*x", "--exact", ...at],
  ]);
  const inA = "1  106 B  a.*\n1  106 B  a.x";
  const all = `1  104 B  a\n${inA}\n1  104 B  b`;
  assertEquals(
    lists.map(({ stdout }) => stdout),
    [inA, inA, all, all, "1  106 B  a.*", inA, "", ""],
  );
  const wrong = await runCommands([["topics", "a*x", ...at], ["topics", "*.x", ...at]]);
  for (const [i, { code, stdout, stderr }] of wrong.entries()) {
    assertEquals([code, stdout, stderr], [
      2,
      "",
      "dsmq: a * must be the last character of a topic (news.* means every topic that begins with " +
      `news.), got an earlier one in "${["a*x", "*.x"][i]}"; with --exact it is part of a name ` +
      "(see dsmq topics --help)",
    ]);
  }
});

Deno.test("the topics of tail are names or prefixes, and none is in two of them", () => {
  const parse = (words: string[], exact = false) => parseFilters("tail", words, exact);
  assertEquals(parse(["a", "b.*", "ab"]), ["a", { prefix: "b." }, "ab"]);
  assertEquals(parse(["*"]), [{ prefix: "" }]);
  assertEquals(parse(["a*", "b", "c*"]), [{ prefix: "a" }, "b", { prefix: "c" }]);
  assertEquals(parse(["a.*", "*", "a*b"], true), ["a.*", "*", "a*b"]);
  const wrong: [string[], string][] = [
    [["a*b"], 'got an earlier one in "a*b"; with --exact it is part of a name'],
    [["a**"], 'got an earlier one in "a**"'],
    [["*a"], 'got an earlier one in "*a"'],
    [["a", "b", "a"], 'takes each topic once, got "a" twice'],
    [["a.*", "a.*"], 'takes each topic once, got "a.*" twice'],
    [["a.b", "a.*"], 'takes each topic once, got "a.b" and "a.*"'],
    [["a.*", "b", "a.b"], 'takes each topic once, got "a.b" and "a.*"'],
    [["a*", "ab*"], 'takes each topic once, got "ab*" and "a*"'],
    [["*", "x"], 'takes each topic once, got "x" and "*"'],
    [[""], "at least one character"],
    [["a\n*"], "no control characters"],
    [["x".repeat(9999) + "*"], "9999 bytes"],
  ];
  for (const [words, reason] of wrong) {
    assertThrows(() => parse(words), UsageError, reason, words.join(" "));
  }
  assertThrows(() => parse(["a", "a"], true), UsageError, "twice");
});
