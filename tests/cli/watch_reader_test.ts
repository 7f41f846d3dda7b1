/**
 * Commands whose reader has gone: those that only print end, the others go on.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { lines } from "../../cli/lines.ts";
import { pager } from "../faults/stalled_output.ts";
import { allGood } from "../faults/report.ts";
import { ignoredIf, noProc } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

function dsmq(allow: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", allow, "--quiet", "cli.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** What it printed and its exit code, once it has ended. */
async function end(child: Deno.ChildProcess): Promise<[code: number, stderr: string]> {
  const stderr = new Response(child.stderr).text();
  return [(await child.status).code, await stderr];
}

Deno.test({
  ...ignoredIf(
    noProc,
    "a command that only prints ends once its reader is gone, even with nothing to print, if Deno may ask the system",
  ),
  async fn() {
    await using server = await openServer();
    const { url } = server;
    await using tail = dsmq("-A", "tail", "t", "--url", url);
    await using waiting = dsmq("-A", "wait", "t", "--timeout", "1h", "--url", url);
    await using unreachable = dsmq("-A", "get", "t", "--port", "1");
    await using listing = dsmq("-A", "topics", "--port", "1");
    const commands = [tail, waiting, unreachable, listing];
    await Promise.all(commands.map(({ stdout }) => stdout.cancel()));
    const ends = await withTimeout(Promise.all(commands.map(end)));
    assertEquals(ends.map(([code]) => code), [0, 0, 0, 0]);
    assertEquals([ends[0]![1], ends[1]![1]], ["", ""]);
  },
});

Deno.test("with network permission alone, tail ends at the next message, and a server goes on without a reader", async () => {
  await using server = await openServer();
  await using tail = dsmq("--allow-net", "tail", "t", "--since", "start", "--url", server.url);
  await using serving = dsmq("--allow-net", "serve", "--port", "0", "--json");
  await using mq = await connect(server.url);
  await mq.put("t", "first");
  const output = lines(tail.stdout);
  assertEquals((await withTimeout(output.next())).value, ["first"]);
  await output.return(undefined);
  await mq.put("t", "second");
  assertEquals(await withTimeout(end(tail)), [0, ""]);

  const out = lines(serving.stdout);
  const { url } = JSON.parse((await withTimeout(out.next())).value![0]!) as { url: string };
  await out.return(undefined);
  await using other = await connect(url);
  assertEquals(await other.put("t", "m"), 1);
  serving.kill("SIGTERM");
  assertEquals((await withTimeout(end(serving)))[0], 0);
});

Deno.test({
  ...ignoredIf(
    noProc,
    "tail of several topics takes little memory while nobody reads it, and loses nothing",
  ),
  async fn() {
    allGood(await pager({ seconds: 0.7, messages: 8, transport: "hardened" }));
  },
});
