/**
 * `dsmq put --id --key --header --delay`, and the attributes in what `get` and `tail` print for programs.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";

Deno.test("put stores what its options say, and get --json and tail --json print it", async () => {
  await using server = await openServer();
  const url = ["--url", server.url];
  const [put, again, got, other, plain] = await runCommands([
    [
      ...["put", "t", "one", "--id", "m", "--key", "k", "--delay", "1.5s", ...url],
      ...["--header", "content-type:  text/plain; a=b ", "--header", "a=b: c ", "--header=empty:"],
      ...["--header", "__proto__=p"],
    ],
    ["put", "t", "other", "--id", "m", "--json", ...url],
    ["get", "t", "--json", ...url],
    ["put", "t", "two", ...url],
    ["latest", "t", "--json", ...url],
  ]);
  assertEquals([put!.code, again!.stdout, other!.code], [0, '{"topic":"t","seq":1}', 0]);
  const { time: _, position: _position, ...message } = JSON.parse(got!.stdout);
  const attributes =
    '"messageId":"m","key":"k","headers":{"content-type":"text/plain; a=b","a":"b: c ","empty":"","__proto__":"p"},"delay":1500}';
  assertStringIncludes(got!.stdout, attributes);
  assertEquals([message.topic, message.seq, message.body], ["t", 1, "one"]);
  assertEquals(Object.keys(JSON.parse(plain!.stdout)), [
    "topic",
    "seq",
    "position",
    "time",
    "body",
  ]);
  await using tail = new Program([
    ...["--allow-net", "--no-prompt", "cli.ts", "tail", "t", "--json", "--since", "start", ...url],
  ]);
  assertStringIncludes(await tail.line() ?? "", attributes);
});

Deno.test("the options hold for each line of standard input, but an id names one message", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url, { since: "start" });
  const args = ["put", "t", "--key", "k", "--header", "a=1", "--url", server.url];
  await using put = new Program(["--allow-net", "--no-prompt", "cli.ts", ...args]);
  await put.input("one\ntwo\n");
  assertEquals((await put.end()).code, 0);
  for (const text of ["one", "two"]) {
    const { body, key, headers } = (await mq.read("t"))!;
    assertEquals([body, key, headers], [text, "k", { a: "1" }]);
  }
  const [refused] = await runCommands([["put", "t", "--id", "m", "--url", server.url]]);
  assertEquals([refused!.code, refused!.stderr], [
    2,
    "dsmq: --id names one message, which must be MESSAGE, got standard input (see dsmq put --help)",
  ]);
});

Deno.test("a wrong option is refused with what must be and what was given, before anything is sent", async () => {
  const wrong: [string[], string][] = [
    [
      ["--header", "no separator"],
      `--header must be NAME=VALUE or 'NAME: VALUE', got "no separator"`,
    ],
    [["--header", "=v"], `--header must be NAME=VALUE or 'NAME: VALUE', got "=v"`],
    [["--header", "a=1", "--header", "a: 2"], '--header "a" is given twice'],
    [["--header", "a\nb=1"], '--header must have names without control characters, got "a\\nb"'],
    [["--header"], "--header needs a value, HEADER"],
    [["--id", "x".repeat(257)], "--id must be at most 256 bytes, got 257"],
    [["--id", "a", "--id", "b"], "--id is given twice"],
    [["--key", ""], "--key needs a value, KEY"],
    [
      ["--delay", "31d"],
      '--delay must be a duration such as 600, 90s, 10m or 2h, from 0 to 30d, got "31d"',
    ],
    [
      ["--header", `a=${"x".repeat(16_384)}`],
      "--id, --key, --header and --delay together must be at most 16384 bytes as JSON, got",
    ],
  ];
  const found = await runCommands(
    wrong.map(([options]) => ["put", "t", "m", ...options, "--url", "ws://127.0.0.1:1"]),
    { allow: [] },
  );
  for (const [i, [, reason]] of wrong.entries()) {
    assertStringIncludes(found[i]!.stderr, `dsmq: ${reason}`);
    assertEquals(found[i]!.code, 2, reason);
  }
});
