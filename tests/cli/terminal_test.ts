/**
 * Messages of others on a reader's terminal: shown, and never interpreted as control codes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { runCommands } from "../support/run_commands.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MESSAGE =
  "\ufeffone\u001b[2J\u0007\u009b31m\u202etwo\u2066\u200f\u061c\u2028\ttab\nt: line\r\0\u007fend";
const ESCAPED = [
  "\ufeffone\\u001b[2J\\u0007\\u009b31m\\u202etwo\\u2066\\u200f\\u061c\\u2028\ttab",
  "t: line\\u000d\\u0000\\u007fend",
];
const HALF = "\ud800";
const TOPIC = "t\u202e";

/** A server that has these messages in this topic. */
async function serving() {
  const server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("half", HALF);
  await mq.put(TOPIC, MESSAGE);
  return server;
}

const START = ["--since", "start"];

const COMMANDS: readonly [args: string[], escaped: string, exact: string][] = [
  [["get", TOPIC], ESCAPED.join("\n"), MESSAGE],
  [["get", "half"], "\\ud800", "\ufffd"],
  [["latest", TOPIC], ESCAPED.join("\n"), MESSAGE],
  [["wait", TOPIC, ...START], ESCAPED.join("\n"), MESSAGE],
  [["tail", TOPIC, ...START, "--count", "1"], ESCAPED.join("\n"), MESSAGE],
  [
    ["tail", TOPIC, "other", ...START, "--count", "1"],
    ESCAPED.map((line) => `t\\u202e: ${line}`).join("\n"),
    `${TOPIC}: ${MESSAGE}`,
  ],
  [["topics", "t"], "1  175 B  t\\u202e", `1  175 B  ${TOPIC}`],
];

for (const terminal of [true, false]) {
  const title = terminal
    ? "a terminal shows what commands print and interprets none of it; no line looks like another message"
    : "a pipe gets exactly what was put, except for lone surrogates";
  Deno.test(title, async () => {
    await using server = await serving();
    const printed = await runCommands(
      COMMANDS.map(([args]) => [...args, "--url", server.url]),
      { terminal },
    );
    for (const [i, [args, escaped, exact]] of COMMANDS.entries()) {
      assertEquals(printed[i]!.stdout, terminal ? escaped : exact, args.join(" "));
    }
  });
}

Deno.test("--json prints nothing that a terminal would interpret, and a program reads what was put", async () => {
  await using server = await serving();
  const at = ["--json", "--url", server.url];
  const printed = await runCommands([
    ["get", TOPIC, ...at],
    ["get", "half", ...at],
    ["tail", TOPIC, ...START, "--count", "1", ...at],
    ["topics", "t", ...at],
    ["put", TOPIC, "m", ...at],
  ], { terminal: true });
  for (const { stdout } of printed) assert(/^[\x20-\x7e\ufeff]*$/.test(stdout), stdout);
  const [got, half, tailLine, listed, put] = printed.map(({ stdout }) => JSON.parse(stdout));
  assertEquals([got.topic, got.body], [TOPIC, MESSAGE]);
  assertEquals([half.body, tailLine.body], [HALF, MESSAGE]);
  assertEquals([listed.topic, put.topic], [TOPIC, TOPIC]);
});

/** `script` of util-linux gives a program a terminal; its options differ on other systems. */
const hasTerminal = Deno.build.os === "linux" &&
  await new Deno.Command("script", { args: ["-qec", "true", "/dev/null"], stdin: "null" })
    .output().then(({ success }) => success, () => false);

Deno.test({
  ...ignoredIf(
    !hasTerminal && "the program script cannot be used here",
    "a real terminal is detected, and is sent nothing that it would interpret",
  ),
  async fn() {
    await using server = await serving();
    const program = [Deno.execPath(), "run", "--allow-net", "-q", "cli.ts"];
    const line = [...program, "get", TOPIC, "--url", server.url].map((word) => `'${word}'`);
    const { stdout } = await withTimeout(
      new Deno.Command("script", {
        args: ["-qec", line.join(" "), "/dev/null"],
        cwd: ROOT,
        stdin: "null",
        env: { NO_COLOR: "1" },
      }).output(),
      20_000,
    );
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout);
    // A terminal gets a carriage return for each end of a line.
    assertEquals(text, `${ESCAPED.join("\r\n")}\r\n`);
  },
});

Deno.test("the text of a server's error is shown in one line, and not interpreted", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = () =>
      socket.send(JSON.stringify({
        id: 1,
        error: { code: "bad_request", message: "no\u001b[2J\n\u202edsmq: all is well" },
      }));
    return response;
  });
  const [result] = await runCommands([["get", "t", "--port", `${server.addr.port}`]]);
  const { stdout, stderr } = result!;
  assert(/^dsmq: [\x20-\x7e]*no\\u001b\[2J\\u000a\\u202edsmq: all is well$/.test(stderr), stderr);
  assertEquals(stdout, "");
});
