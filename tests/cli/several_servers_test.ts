/**
 * The command line with the addresses of several servers of one queue.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";
import { ServersOnLog } from "../support/servers_on_log.ts";

Deno.test("with --url once for each server, a command finds one that answers, and goes on at another when that stops", async () => {
  await using servers = await ServersOnLog.open(2);
  const nowhere = "ws://127.0.0.1:1";
  const all = [nowhere, ...servers.urls].flatMap((url) => ["--url", url]);
  await using tail = new Program([
    ...["--allow-net", "--no-prompt", "cli.ts", "tail", "t", "--since", "start", ...all],
  ]);
  const puts = Array.from({ length: 3 }, (_, i) => ["put", "t", `${i}`, ...all]);
  for (const put of puts) assertEquals((await runCommands([put]))[0]!.code, 0);
  assertEquals([await tail.line(), await tail.line(), await tail.line()], ["0", "1", "2"]);
  const present = servers.all.find((server) => server.stats().connections > 0)!;
  await present.shutdown();
  assertMatch((await tail.errorLine())!, /lost the connection to ws:..127\.0\.0\.1:\d+, /);
  assertEquals((await runCommands([["put", "t", "3", ...all]]))[0]!.code, 0);
  assertEquals(await tail.line(), "3");
});

Deno.test("a command that is about one server takes one address, and each address is checked", async () => {
  const both = ["--url", "ws://127.0.0.1:1", "--url", "ws://127.0.0.1:2"];
  const alone = [["shutdown"], ["connections"], ["disconnect", "x"], ["bench"]];
  const ends = await runCommands([
    ...alone.map((args) => [...args, ...both]),
    ["get", "t", ...both, "--url", "ws://a b"],
    ["get", "t", ...both, "--port", "1"],
    ["get", "t", ...both, "--url", "ws://me:secret@127.0.0.1", "--token", "token"],
  ]);
  assertEquals(ends.map(({ code }) => code), ends.map(() => 2));
  for (const { stderr } of ends.slice(0, alone.length)) {
    assertMatch(stderr, /this command is for one server: give --url once/);
  }
  const [wrong, mixed, credentials] = ends.slice(alone.length);
  assertMatch(wrong!.stderr, /--url must be a host, .* got "ws:..a b"/);
  assertMatch(mixed!.stderr, /not both: got --url and --port/);
  assertMatch(credentials!.stderr, /a name and a password in --url, or a token, not both/);
});
