/**
 * The demo: what it prints, and that none of its processes outlives it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { runCommands } from "../support/run_commands.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { Program, ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const TEXTS = ["hello", "how are you?", "nice weather today", "see you tomorrow", "goodbye"];

Deno.test("the demo prints each message when it is put and when each getter gets it, and ends by itself, also without network access", async () => {
  // As on a machine that has fetched nothing yet, and cannot.
  const cache = await Deno.makeTempDir();
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo"],
    cwd: ROOT,
    env: { DENO_DIR: cache, NPM_CONFIG_REGISTRY: "http://127.0.0.1:9/", NO_COLOR: "1" },
    stdin: "null",
  }).output().finally(() => Deno.remove(cache, { recursive: true }));
  assertEquals(code, 0);
  const [first, ...shown] = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assertEquals(first!.replace(/\d+$/, "PORT"), "server    listens on ws://127.0.0.1:PORT");
  for (const [i, text] of TEXTS.entries()) {
    assertEquals(shown.shift(), `putter    put "${text}" as number ${i + 1}`);
    const got = [shown.shift(), shown.shift()].sort();
    assertEquals(got, [1, 2].map((getter) => `getter ${getter}  got "${text}"`));
  }
  assertEquals(shown, ["server    stopped"]);
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "the demo ends its processes, whatever ends it, and its exit code shows what did",
  ),
  async fn() {
    const cases = [["SIGINT", 130], ["SIGTERM", 143], ["SIGKILL", 137]] as const;
    await Promise.all(cases.map(async ([signal, expected]) => {
      await using demo = new Program(["-A", "cli.ts", "demo"]);
      await demo.line();
      const { pid } = demo.child;
      assert((await processesOf(pid)).length > 0);
      demo.child.kill(signal);
      const { code, stderr } = await demo.end();
      assertEquals([code, stderr], [expected, ""]);
      // After SIGKILL they have to notice by themselves that it is gone.
      if (signal !== "SIGKILL") assertEquals(await processesOf(pid), []);
      await withTimeout((async () => {
        while ((await processesOf(pid)).length > 0) continue;
      })());
    }));
  },
});

Deno.test("a command that lacks a Deno permission names it, and does not prompt for it", async () => {
  const commands = [["demo"], ["get", "t", "--port", "9"], ["tail", "t", "--port", "9"]];
  const ends = await runCommands([...commands, ["serve", "--port", "9"]], { allow: [] });
  const net = 'Requires net access to "127.0.0.1:9", run again with the --allow-net flag';
  assertEquals(
    ends.map(({ code, stdout, stderr }) => [code, stdout, stderr]),
    [
      "Cannot run the demo: it starts processes, which needs more permissions: run it with -A",
      `Cannot connect: ${net}`,
      `Cannot connect: ${net}`,
      `Cannot serve on 127.0.0.1:9: ${net}`,
    ].map((reason) => [1, "", `dsmq: ${reason}`]),
  );
});

/** The processes of a demo. */
async function processesOf(demo: number): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-A", "-o", "args"] }).output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  return lines.filter((line) => line.includes(`demo_child.ts ${demo} `));
}
