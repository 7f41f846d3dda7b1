/**
 * Notices for a person at a terminal: on standard error, and only if that is a terminal.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Server } from "@dsmq/server";
import { runCommands } from "../support/run_commands.ts";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { serverRequests } from "../support/server_requests.ts";
import { withTimeout } from "../support/with_timeout.ts";

const WAIT = ["wait", "t", "--timeout", "10ms"];

const NOTICES: readonly [args: string[], code: number, notice: string][] = [
  [["get", "t"], 3, 'dsmq: there is no message in "t"'],
  [["get", "t", "--json"], 3, 'dsmq: there is no message in "t"'],
  [["latest", "a\u202eb"], 3, 'dsmq: there is no message in "a\\u202eb"'],
  [["topics"], 0, "dsmq: no topic holds messages"],
  [["topics", "news."], 0, 'dsmq: no topic that begins with "news." holds messages'],
  [
    WAIT,
    3,
    'dsmq: waiting up to 0.01 s for a message in "t"\ndsmq: no message arrived in "t"',
  ],
  [["put", "a", "m"], 0, ""],
  [
    ["tail", "a", "b", "--since", "start", "--count", "1"],
    0,
    'dsmq: waiting for messages in "a", "b"; press Ctrl-C to stop',
  ],
  [["get", "a"], 0, ""],
  [["topics"], 0, ""],
];

for (const terminal of [true, false]) {
  const title = terminal
    ? "on a terminal a command with nothing to show reports that, and one that waits reports for what"
    : "when standard error is not a terminal there are no notices";
  Deno.test(title, async () => {
    await using server = await openServer();
    const commands = NOTICES.map(([args]) => [...args, "--url", server.url]);
    const outcomes = await runCommands(commands, { terminal });
    for (const [i, [args, code, notice]] of NOTICES.entries()) {
      const { code: got, stderr } = outcomes[i]!;
      assertEquals([got, stderr], [code, terminal ? notice : ""], args.join(" "));
    }
  });
}

Deno.test("get and latest of a topic that holds messages say that there is none since then, with code 3", async () => {
  await using server = await openServer();
  const since = ["now", "seq:1", "2999-01-01"];
  const [, found, ...none] = await runCommands(
    [
      ["put", "t", "m"],
      ["get", "t", "--since", "start"],
      ...["get", "latest"].flatMap((command) =>
        since.map((from) => [command, "t", "--since", from])
      ),
      ["get", "empty", "--since", "start"],
    ].map((args) => [...args, "--url", server.url]),
    { terminal: true },
  );
  assertEquals(found, { code: 0, stdout: "m", stderr: "" });
  const empty = none.pop()!;
  assertEquals([empty.code, empty.stderr], [3, 'dsmq: there is no message in "empty"']);
  for (const { code, stdout, stderr } of none) {
    const notice = stderr.split("\n").at(-1);
    assertEquals([code, stdout, notice], [3, "", 'dsmq: there is no message in "t" since then']);
  }
});

Deno.test("tail and wait continue when a server returns without the messages of its memory, and report it", async () => {
  const first = await openServer();
  const { port, url } = first;
  const program = (...args: string[]) =>
    new Program(["--allow-net", "--no-prompt", "cli.ts", ...args, "--url", url]);
  using requests = serverRequests();
  const waiting = requests.until("get_wait", 20_000);
  await using tail = program("tail", "t", "--since", "start", "--count", "3");
  await using wait = program("wait", "t", "--timeout", "20");
  {
    await using mq = await connect(url);
    await mq.putMany("t", ["one", "two"]);
    assertEquals([await tail.line(), await tail.line()], ["one", "two"]);
    // Else it might connect only to the second server, and after the put there.
    await waiting;
  }
  await first.shutdown();
  await using again = await openServer({ port });
  await using mq = await connect(url);
  await withTimeout(connections(again, 3));
  await mq.put("t", "three");
  const tailEnd = await tail.end();
  assertEquals([tailEnd.code, tailEnd.stdout], [0, "three"]);
  const lost = `dsmq: reconnected to ${url}; the server has lost its messages`;
  assertEquals(tailEnd.stderr.split("\n").at(-1), lost);
  const waitEnd = await wait.end();
  assertEquals([waitEnd.code, waitEnd.stdout], [0, "three"]);
});

Deno.test("tail stops when a server has lost its messages, if it is told to", async () => {
  const first = await openServer();
  const { port, url } = first;
  const args = ["cli.ts", "tail", "t", "--since", "start", "--on-gap", "stop", "--url", url];
  await using tail = new Program(["--allow-net", "--no-prompt", ...args]);
  await using mq = await connect(url);
  await mq.put("t", "one");
  assertEquals(await tail.line(), "one");
  await first.shutdown();
  await using _again = await openServer({ port });
  const { code, stderr } = await tail.end();
  assertEquals(code, 1);
  const last = stderr.split("\n").at(-1)!;
  assertEquals(
    last,
    "dsmq: Cannot read on from 1: the server does not have that history: it has begun a new one, or the position is of another server",
  );
});

/** Resolves once this many are connected. */
async function connections(server: Server, count: number): Promise<void> {
  while (server.stats().connections < count) await new Promise((resolve) => setTimeout(resolve, 5));
}
