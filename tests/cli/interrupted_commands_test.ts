/**
 * Commands that a signal ends: their codes, and what they report.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Server } from "../../server.ts";
import { until } from "../support/bridge.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { type Outcome, Program, ROOT } from "../support/program.ts";
import { SilentServer } from "../support/silent_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const ENDS: readonly (readonly [args: string[], interrupted: number, terminated: number])[] = [
  [["wait", "t", "--timeout", "60"], 130, 143],
  [["tail", "t"], 0, 0],
  [["bench"], 130, 143],
];

Deno.test({
  ...ignoredIf(
    noPosix,
    "every long-running command ends at Ctrl-C and at SIGTERM, with a code that shows which it was",
  ),
  async fn() {
    const cases = ENDS.flatMap(([args, interrupted, terminated]) => [
      { args, signal: "SIGINT" as const, code: interrupted },
      { args, signal: "SIGTERM" as const, code: terminated },
    ]);
    await using closing = new AsyncDisposableStack();
    const servers: Server[] = [];
    for (const _ of cases) servers.push(closing.use(await openServer()));
    const commands = cases.map(({ args }, i) => [...args, "--url", servers[i]!.url]);
    const all = ["--allow-net", "--no-prompt", "tests/programs/commands.ts"];
    await using program = new Program([...all, JSON.stringify(commands)]);
    for (const [i, { signal }] of cases.entries()) {
      await withTimeout(until(() => servers[i]!.stats().connections > 0));
      program.child.kill(signal);
    }
    const ended = JSON.parse((await program.end()).stdout) as Outcome[];
    assertEquals(ended.map(({ code }) => code), cases.map(({ code }) => code));
    // Progress, and the messages that stay on the given server.
    const lines = ended.flatMap(({ stderr }) => stderr.split("\n"));
    assertEquals(lines.filter((line) => !/^$|^\d\/\d |; they stay/.test(line)), []);
  },
});

for (const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    ...ignoredIf(
      noPosix,
      `at ${signal} put reports how many lines are put, and these are all that the server answered`,
    ),
    async fn() {
      await using server = await openServer();
      const args = ["--allow-net", "--no-prompt", "cli.ts", "put", "t", "--json"];
      await using put = new Program([...args, "--url", server.url]);
      const input = put.child.stdin.getWriter();
      await input.write(new TextEncoder().encode("one\ntwo\nthe beginning of a third"));
      for (const seq of [1, 2]) assertEquals(JSON.parse((await put.line())!).seq, seq);
      put.child.kill(signal);
      const { code, stdout, stderr } = await put.end();
      assertEquals([code, stdout, stderr], [expected, "", "dsmq: interrupted: 2 lines were put"]);
      assertEquals(server.stats().stored, 2);
      await input.abort();
    },
  });
}

Deno.test({
  ...ignoredIf(
    noPosix,
    "put that is interrupted while puts are in flight reports that these may be stored",
  ),
  async fn() {
    await using server = new SilentServer();
    const args = ["--allow-net", "--no-prompt", "cli.ts", "put", "t"];
    await using put = new Program([...args, "--port", `${server.port}`]);
    const input = put.child.stdin.getWriter();
    await input.write(new TextEncoder().encode("one\n"));
    await withTimeout(server.requested);
    put.child.kill("SIGINT");
    const { code, stderr } = await withTimeout(put.end());
    const perhaps = "0 lines were put, and perhaps those in flight";
    assertEquals([code, stderr], [130, `dsmq: interrupted: ${perhaps}`]);
    await input.abort();
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "bench ends at Ctrl-C at once, even if its server does not answer any more",
  ),
  async fn() {
    await using server = new SilentServer();
    const args = ["--allow-net", "--no-prompt", "cli.ts", "bench", "--port", `${server.port}`];
    await using bench = new Program(args);
    await withTimeout(server.requested);
    bench.child.kill("SIGINT");
    assertEquals((await withTimeout(bench.end())).code, 130);
  },
});

/** Options of `unshare` that make its program the first process of a container. */
const CONTAINER = ["--user", "--map-root-user", "--fork", "--pid", "--kill-child"];

const hasContainers = Deno.build.os === "linux" &&
  await new Deno.Command("unshare", { args: [...CONTAINER, "true"] }).output()
    .then(({ success }) => success, () => false);

Deno.test({
  ...ignoredIf(
    !hasContainers && "unshare cannot make a container here",
    "the first process of a container ends by signals like any other",
  ),
  async fn() {
    const cases = [
      [["tail", "t"], "kill -TERM $1", 0],
      [["wait", "t", "--timeout", "60"], "kill -INT $1", 130],
      [["get", "t"], "kill -TERM $1", 143],
      [["get", "t"], "kill -HUP $1", 129],
    ] as const;
    await Promise.all(cases.map(async ([words, kill, expected]) => {
      // A server that is silent: once a client has connected, its signal handlers are in place.
      using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const args = [...words, "--url", `ws://127.0.0.1:${server.addr.port}`];
      const program = [Deno.execPath(), "run", "--allow-net", "--no-prompt", "cli.ts", ...args];
      await using child = new Deno.Command("unshare", {
        args: [...CONTAINER, ...program],
        cwd: ROOT,
        stdin: "null",
        stderr: "null",
      }).spawn();
      using _conn = await withTimeout(server.accept());
      const [first] = Deno.readTextFileSync(`/proc/${child.pid}/task/${child.pid}/children`).split(
        " ",
      );
      await new Deno.Command("sh", { args: ["-c", kill, "sh", first!] }).output();
      assertEquals((await withTimeout(child.status)).code, expected, `${words[0]}, ${kill}`);
    }));
  },
});
