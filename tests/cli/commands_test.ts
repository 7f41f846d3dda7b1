import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCommands } from "../support/run_commands.ts";
import { type Outcome, Program } from "../support/program.ts";

/** Every command needs network permission and no other; a server needs its file as well, if it has one. */
function dsmq(...args: string[]): Program {
  const file = args.find((arg) => arg.startsWith("sqlite:"))?.slice("sqlite:".length);
  const permissions = file
    ? [`--allow-read=${file},${file}-wal,${file}-lock`, `--allow-write=${file},${file}-lock`]
    : [];
  return new Program(["--allow-net", ...permissions, "--no-prompt", "cli.ts", ...args]);
}

async function ran(...args: string[]): Promise<Outcome> {
  await using program = dsmq(...args);
  return await program.end();
}

/** Client commands, one after the other in one process. */
function all(
  port: string,
  ...commands: readonly (readonly string[])[]
): Promise<readonly Outcome[]> {
  return runCommands(commands.map((args) => [...args, "--port", port]));
}

/** A command that prints nothing. */
const quiet = (code: number, stdout = "") => ({ code, stdout, stderr: "" });

/** A server of the command line, and the port it listens on. */
async function served(
  ...args: string[]
): Promise<{ server: Program; port: string } & AsyncDisposable> {
  const server = dsmq("serve", "--port", "0", "--json", ...args);
  const { port } = JSON.parse(await server.line() ?? "null") as { port: number };
  return { server, port: String(port), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

Deno.test("one shell gets what another puts", async () => {
  await using server = await served();
  assertEquals(await ran("put", "t", "hello", "--port", server.port), {
    code: 0,
    stdout: "",
    stderr: "",
  });
  assertEquals(await ran("get", "t", "--port", server.port), {
    code: 0,
    stdout: "hello",
    stderr: "",
  });
});

Deno.test("get prints the oldest, latest the newest, and code 3 means that there is no message", async () => {
  await using server = await served();
  const [, , ...found] = await all(
    server.port,
    ["put", "t", "one"],
    ["put", "t", "two"],
    ["get", "t"],
    ["latest", "t"],
    ["get", "t", "--since", "seq:1"],
    ["get", "t", "--since", "now"],
    ["get", "other"],
  );
  assertEquals(found, [quiet(0, "one"), quiet(0, "two"), quiet(0, "two"), quiet(3), quiet(3)]);
});

Deno.test("a flag takes no word for its value, and behind -- every word is taken literally", async () => {
  await using server = await served();
  const [flag, word, tail] = await runCommands([
    ["put", "t", "--json", "true", "--port", server.port],
    ["put", "--port", server.port, "--", "t", "--json"],
    ["tail", "t", "--since", "start", "--count", "2", "--port", server.port],
  ]);
  assertEquals([flag!.code, word!.code, tail!.stdout], [0, 0, "true\n--json"]);
});

Deno.test("an empty message is a message", async () => {
  await using server = await served();
  const [, got] = await all(server.port, ["put", "t", ""], ["get", "t", "--json"]);
  assertEquals(got!.code, 0);
  const { time, position, ...rest } = JSON.parse(got!.stdout);
  assertEquals(rest, { topic: "t", seq: 1, body: "" });
  assertMatch(position, /^[\da-f-]{36}:1$/);
  assert(time > 1_700_000_000_000);
});

Deno.test("put takes each line of standard input, exactly", async () => {
  await using server = await served();
  await using put = dsmq("put", "lines", "--json", "--port", server.port);
  await put.input("one\n\n  two\r\nlast without end");
  const { code, stdout, stderr } = await put.end();
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout.split("\n").map((line) => JSON.parse(line).seq), [1, 2, 3, 4]);
  await using tail = dsmq(
    "tail",
    "lines",
    "--since",
    "start",
    "--count",
    "4",
    "--json",
    "--port",
    server.port,
  );
  const bodies = (await tail.end()).stdout.split("\n").map((line) => JSON.parse(line).body);
  assertEquals(bodies, ["one", "", "  two\r", "last without end"]);
});

Deno.test("lines are put up to the first bad one, and the error states its number", async () => {
  await using server = await served("--max-message-bytes", "12");
  const cases: [string | Uint8Array, string][] = [
    [new Uint8Array([0x61, 0x0a, 0x62, 0x0a, 0xff, 0x0a, 0x63]), "it is not text in UTF-8"],
    ["a\nb\nfar too long a line\nc\n", "it is 21 bytes as JSON, the limit is 12"],
  ];
  for (const [i, [input, reason]] of cases.entries()) {
    await using put = dsmq("put", `lines ${i}`, "--port", server.port);
    await put.input(input);
    const { code, stderr } = await put.end();
    assertEquals([code, stderr], [
      1,
      `dsmq: Cannot put line 3 (the lines before it were put): ${reason}`,
    ]);
    const topics = await ran("topics", `lines ${i}`, "--port", server.port);
    assertMatch(topics.stdout, new RegExp(`^2  \\d+ B  lines ${i}$`));
  }
});

Deno.test("tail prints messages as they come, and ends cleanly at Ctrl-C", async () => {
  await using server = await served();
  await using tail = dsmq("tail", "a", "b", "--since", "start", "--port", server.port);
  await ran("put", "a", "one", "--port", server.port);
  assertEquals(await tail.line(), "a: one");
  await ran("put", "b", "two", "--port", server.port);
  assertEquals(await tail.line(), "b: two");
  tail.child.kill("SIGINT");
  assertEquals(await tail.end(), { code: 0, stdout: "", stderr: "" });
});

Deno.test("wait prints the next message, or ends with code 3 if none came", async () => {
  await using server = await served();
  const [, none, found] = await all(
    server.port,
    ["put", "t", "before"],
    ["wait", "t", "--timeout", "50ms"],
    ["wait", "t", "--since", "start"],
  );
  assertEquals([none, found], [quiet(3), quiet(0, "before")]);
});

Deno.test("topics lists names, counts and bytes", async () => {
  await using server = await served();
  const [, , , list, json] = await all(
    server.port,
    ["put", "b", "1"],
    ["put", "b", "2"],
    ["put", "a", "3"],
    ["topics"],
    ["topics", "b", "--json"],
  );
  assertEquals(list!.stdout, "1  104 B  a\n2  208 B  b");
  const { time, ...others } = JSON.parse(json!.stdout);
  assertEquals(others, { topic: "b", messages: 2, bytes: 208, stored: 2, seq: 2, readers: 0 });
  assert(time > 0);
});

Deno.test("shutdown stops a server that allows it, and no other", async () => {
  await using closed = await served();
  const [refused, put] = await all(closed.port, ["shutdown"], ["put", "t", "still there"]);
  assertEquals(refused, {
    code: 1,
    stdout: "",
    stderr: "dsmq: Cannot shut down: the server does not allow clients to stop it",
  });
  assertEquals(put!.code, 0);

  await using open = await served("--allow-shutdown");
  assertEquals(await ran("shutdown", "--port", open.port), quiet(0));
  assertEquals((await open.server.end()).code, 0);
});

Deno.test("the first line of a server states its address and its store, and it stops at Ctrl-C", async () => {
  await using server = dsmq("127.0.0.1", "0", "--json");
  const { host, url } = JSON.parse(await server.line() ?? "null");
  assertEquals(host, "127.0.0.1");
  server.child.kill("SIGINT");
  const { code, stderr } = await server.end();
  assertEquals(code, 0);
  const [first, last] = stderr.split("\n");
  assertStringIncludes(
    first!,
    ` listens on ${url} (and http://); messages are stored in memory on node:sqlite`,
  );
  assertEquals(last, "dsmq: stopped");
});

Deno.test("a server with a file continues after a restart, and states what its messages survive", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = ["--store", `sqlite:${folder}/queue.db`];
    for (
      const [durability, survives] of [["disk", "a power failure"], ["process", "the end of "]]
    ) {
      await using server = await served(...store, "--durability", durability!);
      await ran("put", "t", durability!, "--port", server.port);
      server.server.child.kill("SIGINT");
      const [first] = (await server.server.end()).stderr.split("\n");
      const expected = `messages are stored in sqlite:${folder}/queue.db on node:sqlite `;
      assertStringIncludes(first!, `${expected}(an acknowledged message survives ${survives}`);
    }
    await using server = await served(...store);
    const [topics, got] = await all(server.port, ["topics"], ["get", "t"]);
    assertEquals([topics!.stdout, got!.stdout], ["2  217 B  t", "disk"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("limits are options of serve, and past them puts are refused or the oldest message is dropped", async () => {
  // Two bytes of quotes, three of text, one of topic and 100.
  const limit = ["--max-stored-bytes", "212", "--max-topics", "1"];
  const puts = [["put", "t", "one"], ["put", "t", "two"], ["put", "t", "six"]];
  await using rejects = await served(...limit);
  const [, , ...refused] = await all(rejects.port, ...puts, ["put", "u", ""]);
  assertEquals(refused.map(({ code, stderr }) => [code, stderr]), [
    [
      1,
      "dsmq: Cannot put message: there is no room for 106 bytes: 212 bytes are stored, the limit is 212",
    ],
    [1, "dsmq: Cannot put message: 1 topics hold messages, the limit is 1"],
  ]);
  await using drops = await served(...limit, "--overflow", "drop-oldest");
  assertEquals((await all(drops.port, ...puts, ["get", "t"])).at(-1), quiet(0, "two"));
});

Deno.test("a failure is reported in one line, with code 1", async () => {
  await using server = await served();
  const cases: [string[], RegExp][] = [
    [["serve", "--port", server.port], /: the port is taken$/],
    [["serve", "no-such-host.invalid", "0"], /^dsmq: Cannot serve on no-such-host\.invalid:0: /],
    [
      ["serve", "--port", "0", "--store", "sqlite:/not/there/queue.db"],
      /^dsmq: Cannot open sqlite:\/not\/there\/queue\.db: its folder does not exist$/,
    ],
  ];
  const allow = ["--allow-net", "--allow-read", "--allow-write"];
  const ends = await runCommands(cases.map(([args]) => args), { allow });
  for (const [i, [args, expected]] of cases.entries()) {
    const { code, stdout, stderr } = ends[i]!;
    assertEquals([code, stdout], [1, ""], args.join(" "));
    assertMatch(stderr, expected);
    assertEquals(stderr.split("\n").length, 1);
  }
});

Deno.test("help and version go to standard output", async () => {
  const words = ["serve", "put", "get", "latest", "wait", "tail", "topics", "shutdown", "demo"];
  const commands = words.map((word) => [word, "--help"]);
  const [help, version, ...own] = await runCommands([["--help"], ["--version"], ...commands]);
  assertEquals([help!.code, help!.stderr], [0, ""]);
  for (const [i, word] of words.entries()) {
    assertMatch(help!.stdout, new RegExp(`^  ${word} `, "m"));
    assertEquals([own[i]!.code, own[i]!.stderr], [0, ""]);
    assertStringIncludes(own[i]!.stdout, `Usage: dsmq ${word} `);
  }
  assertMatch(version!.stdout, /^dsmq \d+\.\d+\.\d+$/);
});

Deno.test("mod.ts is the command line when it is the program", async () => {
  await using program = new Program(["--allow-net", "--no-prompt", "mod.ts", "--version"]);
  assertMatch((await program.end()).stdout, /^dsmq /);
});
