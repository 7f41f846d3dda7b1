/**
 * Access control from the command line.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../cli/commands.ts";
import { runCommands } from "../support/run_commands.ts";
import { type Outcome, Program } from "../support/program.ts";

/** The command line, permitted to read files, but no environment variable unless a test sets one. */
function dsmq(args: readonly string[], env: Record<string, string> = {}): Program {
  const flags = ["--allow-net", "--allow-read", "--no-prompt"];
  if (Object.keys(env).length > 0) flags.push("--allow-env");
  return new Program([...flags, "cli.ts", ...args], env);
}

async function ran(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  await using program = dsmq(args, env);
  return await program.end();
}

interface RunningServer extends AsyncDisposable {
  readonly server: Program;
  readonly at: readonly string[];
  readonly token: boolean;
}

async function served(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<RunningServer> {
  const server = dsmq(["serve", "--port", "0", "--json", ...args], env);
  const { port, token } = JSON.parse(await server.line() ?? "null");
  const end = () => server[Symbol.asyncDispose]();
  return { server, at: ["--port", String(port)], token, [Symbol.asyncDispose]: end };
}

/** A file of a test's own. */
async function written(text: string): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

const NEEDED =
  /: the server needs a token, and none was given \(DSMQ_TOKEN cannot be read without --allow-env=DSMQ_TOKEN\)$/;
const BAD = /: the server does not accept the token$/;

Deno.test("a token comes from an option, a file, or the environment if it may be read", async () => {
  await using file = await written("# mine\n\n  secret-1  \n");
  for (
    const [args, env] of [
      [["--token", "secret-1"], {}],
      [["--token-file", file.path], {}],
      [[], { DSMQ_TOKEN: "secret-1" }],
    ] as const
  ) {
    await using running = await served(args, env);
    assertEquals(running.token, true);
    const put = ["put", "t", "m", ...running.at];
    const [none, bad] = await runCommands([put, [...put, "--token", "secret-2"]]);
    assertMatch(none!.stderr, NEEDED);
    assertMatch(bad!.stderr, BAD);
    assertEquals((await ran(["put", "t", "m", ...running.at, ...args], env)).stderr, "");
    const { stderr } = await (running.server.child.kill("SIGINT"), running.server.end());
    assertStringIncludes(stderr.split("\n")[0]!, "; a token is required; press Ctrl-C to stop");
    assert(!/secret-\d/.test(stderr), stderr);
  }
});

Deno.test("a token may begin with # in an option or the environment; in a file such a line is a comment", async () => {
  await using file = await written("#secret-1\n  #secret-2 read\nsecret-3\n");
  await using running = await served(["--token", "#secret-1"]);
  const put = ["put", "t", "m", ...running.at];
  const [option, fromFile] = await runCommands([
    [...put, "--token", "#secret-1"],
    [...put, "--token-file", file.path],
  ], { allow: ["--allow-net", "--allow-read"] });
  assertEquals([option!.code, option!.stderr], [0, ""]);
  assertMatch(fromFile!.stderr, BAD, "its first token is secret-3");
  assertEquals((await ran(put, { DSMQ_TOKEN: "#secret-1" })).code, 0);
  await using listed = await served(["--token-file", file.path]);
  const [first, third] = await runCommands(
    ["#secret-1", "secret-3"].map((token) => ["put", "t", "m", ...listed.at, "--token", token]),
  );
  assertMatch(first!.stderr, BAD);
  assertEquals(third!.code, 0);
});

Deno.test("an environment variable that may not be read is not prompted for", async () => {
  await using running = await served([]);
  const flags = ["--allow-net", "--no-prompt"];
  await using put = new Program([...flags, "cli.ts", "put", "t", "m", ...running.at], {
    DSMQ_TOKEN: "not a token",
  });
  assertEquals(await put.end(), { code: 0, stdout: "", stderr: "" });
  assertEquals(running.token, false);
});

Deno.test("a file gives each token its permissions and topics", async () => {
  await using file = await written(
    "secret-1\nsecret-2 read,write mine.* ours.*\n* read public.*\n",
  );
  await using running = await served(["--token-file", file.path]);
  const [one, two] = [["--token", "secret-1"], ["--token", "secret-2"]];
  const commands = [
    ["put", "public.t", "m", ...one],
    ["put", "ours.t", "m", ...two],
    ["put", "public.t", "m", ...two],
    ["get", "public.t"],
    ["put", "public.t", "m"],
    ["get", "ours.t"],
  ];
  const ends = await runCommands(commands.map((args) => [...args, ...running.at]));
  const [first, second, forbidden, got, ...without] = ends;
  assertEquals([first!.stderr, second!.stderr, got!.stdout], ["", "", "m"]);
  assertMatch(forbidden!.stderr, /permission denied$/);
  const hint = / permission denied \(DSMQ_TOKEN cannot be read without --allow-env=DSMQ_TOKEN\)$/;
  for (const { stderr } of without) assertMatch(stderr, hint);
  const [refused] = await runCommands([["put", "public.t", "m", ...running.at]], {
    allow: ["--allow-net", "--allow-env=DSMQ_TOKEN"],
    env: { DSMQ_TOKEN: undefined },
  });
  assertMatch(refused!.stderr, / \(set a token with --token-file, DSMQ_TOKEN or --token\)$/);
});

Deno.test("a token file is read again at SIGHUP, and one with a fault changes nothing", async () => {
  await using file = await written("secret-1\n");
  await using server = new Program(
    ["-A", "cli.ts", "serve", "--port", "0", "--token-file", file.path],
  );
  const nextLog = async () => await server.errorLine() ?? "";
  const first = await nextLog();
  const url = /ws:\/\/\S+/.exec(first)![0];
  const put = async (token: string) =>
    (await ran(["put", "t", "m", "--url", url, "--token", token])).stderr;
  assertEquals(await put("secret-1"), "");

  await Deno.writeTextFile(file.path, "secret-2 everything\n");
  server.child.kill("SIGHUP");
  const fault = await nextLog();
  assertMatch(
    fault,
    /line 1: the second word must be read, write, work or admin.*; the tokens are unchanged/,
  );
  assertEquals(await put("secret-1"), "");

  await Deno.writeTextFile(file.path, "secret-2\n");
  server.child.kill("SIGHUP");
  const read = await nextLog();
  assertMatch(read, /^dsmq: reloaded \S+: 1 token is valid$/);
  assertEquals(await put("secret-2"), "");
  assertMatch(await put("secret-1"), BAD);
  assert(![first, fault, read].join().includes("secret"));
  server.child.kill("SIGINT");
  await server.end();
});

Deno.test("an invalid token is reported with its source, and never shown", async () => {
  await using file = await written("s3cret\n");
  const form = "must be 1 to 8192 visible characters of ASCII, got";
  const one = "use a name and a password in --url, or a token, not both";
  const both = "use --token or --token-file, not both";
  const cases: readonly (readonly [readonly string[], string])[] = [
    ...[["put", "t", "m"], ["serve"], ["topics"]].flatMap((command) => [
      [
        [...command, "--token", "s3cret\n"],
        `--token ${form} one that ends with a newline`,
      ] as const,
      [[...command, "--token", "s3cret "], `--token ${form} one that ends with a space`] as const,
      [
        [...command, "--token", "\ts3cret"],
        `--token ${form} one that begins with a space`,
      ] as const,
      [[...command, "--token", "a\ns3cret"], `--token ${form} one of several lines`] as const,
      [[...command, "--token", "a s3cret"], `--token ${form} one with a space in it`] as const,
      [[...command, "--token", "s3crét"], `--token ${form} one with other characters`] as const,
      [[...command, "--token", "s3cret", "--token-file", file.path], both] as const,
      [
        [...command, "--token", "", "--token-file", file.path],
        "--token needs a value, TOKEN",
      ] as const,
      [[...command, "--token-file="], "--token-file needs a value, FILE"] as const,
      [[...command], `DSMQ_TOKEN ${form} one that ends with a newline`] as const,
    ]),
    [
      ["get", "t", "--url", "ws://me:pw@h", "--token", "s3cret"],
      `${one}: the token comes from --token`,
    ],
    [
      ["get", "t", "--url", "ws://me@h", "--token-file", file.path],
      `${one}: the token comes from --token-file`,
    ],
  ];
  const allow = ["--allow-net", "--allow-read", "--allow-env"];
  const ends = await runCommands(cases.map(([args]) => args), {
    allow,
    env: { DSMQ_TOKEN: "s3cret\r\n" },
  });
  for (const [i, [args, message]] of cases.entries()) {
    const { code, stdout, stderr } = ends[i]!;
    const [, shown] = /^dsmq: (.*) \(see dsmq [a-z]+ --help\)$/.exec(stderr) ??
      [, stderr];
    assertEquals([shown, code, stdout], [message, 2, ""], args.join(" "));
  }
  const [put, serve] = await runCommands([["put", "t", "m"], ["serve"]], {
    allow,
    env: { DSMQ_TOKEN: "" },
  });
  for (const { code, stderr } of [put!, serve!]) {
    assertEquals([code, stderr.includes(`DSMQ_TOKEN ${form} an empty text`)], [2, true], stderr);
  }
});

Deno.test("a fault of a file is reported in one line", async () => {
  await using empty = await written("* read\n");
  await using nothing = await written("# secret\n\n");
  const cases: [string[], RegExp][] = [
    [["serve", "--token-file", "/none"], /^dsmq: Cannot read \/none: no such file$/],
    [["get", "t", "--token-file", "/none"], /^dsmq: Cannot read \/none: no such file$/],
    [["get", "t", "--token-file", empty.path], /: it must hold a token, got none$/],
    [
      ["get", "t", "--token-file", nothing.path],
      /: it must hold a token, got comments alone \(lines that begin with #\)$/,
    ],
    [
      ["serve", "--token-file", nothing.path],
      /: it must hold a token or a line for \*, got comments alone \(lines that begin with #\)$/,
    ],
    [["serve", "--cert", "/none", "--key", "/none"], /^dsmq: Cannot read \/none: no such file$/],
  ];
  const allow = ["--allow-net", "--allow-read"];
  const ends = await runCommands(cases.map(([args]) => args), { allow });
  for (const [i, [args, expected]] of cases.entries()) {
    const { code, stdout, stderr } = ends[i]!;
    assertEquals([code, stdout], [1, ""], args.join(" "));
    assertMatch(stderr, expected);
    assertEquals(stderr.split("\n").length, 1);
    assert(!/secret-\d/.test(stderr), stderr);
  }
  for (
    const { code, stderr } of await runCommands([["serve", "--token-file", "F"], [
      "get",
      "t",
      "--token-file",
      "F",
    ]])
  ) {
    assertEquals([code, stderr], [
      1,
      "dsmq: Cannot read F: permission denied, it needs --allow-read=F",
    ]);
  }
});

Deno.test("every command that connects tells of a token file that is missing before it connects", async () => {
  const folder = Deno.makeTempDirSync();
  const words: Readonly<Record<string, readonly string[]>> = {
    put: ["t", "m"],
    backup: [`${folder}/copy.db`],
    topics: [],
    connections: [],
    shutdown: [],
    bench: [],
  };
  const commands: string[][] = [];
  for (const [name, load] of Object.entries(COMMANDS)) {
    const { options } = await load();
    if (!("url" in options)) continue;
    const fault = ["--token-file", "/none", "--url", "ws://127.0.0.1:1"];
    const rest = name === "work" ? ["--", "true"] : [];
    commands.push([name, ...words[name] ?? ["t"], ...fault, ...rest]);
  }
  assert(commands.length > 10);
  const outcomes = await runCommands(commands, { allow: ["--allow-all"] });
  for (const [i, { code, stderr }] of outcomes.entries()) {
    assertEquals([code, stderr], [1, "dsmq: Cannot read /none: no such file"], commands[i]![0]);
  }
  Deno.removeSync(folder);
});

Deno.test("a server that is reachable from outside warns that no token is needed, or may not be read, unless it requires one", async () => {
  for (const args of [[], ["--token", "secret"]]) {
    await using running = await served(["--host", "0.0.0.0", ...args]);
    running.server.child.kill("SIGINT");
    const lines = (await running.server.end()).stderr.split("\n");
    const warnings = lines.filter((line) => line.includes("everyone who can reach 0.0.0.0"));
    assertEquals(warnings.length, args.length === 0 ? 1 : 0);
    const unread =
      "; clients without a token may read, write and work (DSMQ_TOKEN cannot be read without --allow-env=DSMQ_TOKEN);";
    const [first] = lines.filter((line) => line.includes(" listens on "));
    assertEquals(first!.includes(unread), args.length === 0, first);
    assertEquals(lines.length, args.length === 0 ? 4 : 3);
  }
});
