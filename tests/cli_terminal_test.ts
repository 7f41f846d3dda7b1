/**
 * What others have put, on the terminal of somebody who reads it: shown, and not obeyed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { openServer } from "./support/open_server.ts";
import { ROOT } from "./support/program.ts";
import { soon } from "./support/soon.ts";

const MESSAGE = "one\u001b[2J\u0007\u009b31m\u202etwo\u2066\ttab\nline\r";
const SHOWN = "one\\u001b[2J\\u0007\\u009b31m\\u202etwo\\u2066\ttab\nline\\u000d";

/** `script` of util-linux gives a program a terminal; its options are others elsewhere. */
const hasTerminal = Deno.build.os === "linux" &&
  await new Deno.Command("script", { args: ["-qec", "true", "/dev/null"], stdin: "null" })
    .output().then(({ success }) => success, () => false);

/** Runs a command, on a terminal or into a pipe: what it printed, with the ends of lines that it wrote. */
async function printed(where: "terminal" | "pipe", ...args: string[]): Promise<string> {
  const program = [Deno.execPath(), "run", "-A", "--quiet", "cli.ts", ...args];
  const line = program.map((word) => `'${word}'`).join(" ");
  const [command, ...rest] = where === "pipe" ? program : ["script", "-qec", line, "/dev/null"];
  const { stdout } = await soon(
    new Deno.Command(command!, { args: rest, cwd: ROOT, stdin: "null", env: { NO_COLOR: "1" } })
      .output(),
    20_000,
  );
  const text = new TextDecoder().decode(stdout);
  // A terminal is sent a carriage return for each end of a line.
  return where === "pipe" ? text : text.replaceAll("\r\n", "\n");
}

/** A server that has such a message in such a topic. */
async function serving() {
  const server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("t\u202e", MESSAGE);
  return server;
}

const COMMANDS: readonly [args: string[], shown: string, exact: string][] = [
  [["get", "t\u202e"], `${SHOWN}\n`, `${MESSAGE}\n`],
  [["latest", "t\u202e"], `${SHOWN}\n`, `${MESSAGE}\n`],
  [["wait", "t\u202e", "--since", "start"], `${SHOWN}\n`, `${MESSAGE}\n`],
  [["tail", "t\u202e", "--since", "start", "--count", "1"], `${SHOWN}\n`, `${MESSAGE}\n`],
  [["topics"], "1  t\\u202e\n", "1  t\u202e\n"],
];

for (const [args, shown, exact] of COMMANDS) {
  Deno.test({
    name: `a terminal is shown what ${args[0]} prints, and obeys nothing of it`,
    ignore: !hasTerminal,
    async fn() {
      await using server = await serving();
      assertEquals(await printed("terminal", ...args, "--url", server.url), shown);
    },
  });

  Deno.test(`into a pipe ${args[0]} prints what was put, exactly`, async () => {
    await using server = await serving();
    assertEquals(await printed("pipe", ...args, "--url", server.url), exact);
  });
}

Deno.test("with --json nothing is left that a terminal would obey, and a program reads what was put", async () => {
  await using server = await serving();
  for (const [command, ...more] of [["get", "t\u202e"], ["topics"]] as [string, ...string[]][]) {
    const line = await printed("pipe", command, ...more, "--json", "--url", server.url);
    assert(/^[\x20-\x7e]*\n$/.test(line), line);
    const { topic, message = MESSAGE } = JSON.parse(line);
    assertEquals([topic, message], ["t\u202e", MESSAGE]);
  }
});

Deno.test("what a server says of its refusal is shown in one line, and not obeyed", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = () =>
      socket.send(JSON.stringify({
        id: 1,
        error: { code: "bad_request", message: "no\u001b[2J\n\u202edsmq: all is well" },
      }));
    return response;
  });
  const { stdout, stderr } = await soon(
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "cli.ts", "get", "t", "--port", `${server.addr.port}`],
      cwd: ROOT,
      stdin: "null",
      env: { NO_COLOR: "1" },
    }).output(),
    20_000,
  );
  const said = new TextDecoder().decode(stderr);
  assert(/^dsmq: [\x20-\x7e]*no\\u001b\[2J\\u000a\\u202edsmq: all is well\n$/.test(said), said);
  assertEquals(stdout.length, 0);
});
