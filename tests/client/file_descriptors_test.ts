/**
 * A client that has run out of file descriptors.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { lines } from "../../cli/lines.ts";
import { FaultyProxy } from "../faults/proxy.ts";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("a client without a free file descriptor reports it, even if it cannot look up a name, and reconnects once it has one", async () => {
  await using server = await openServer();
  await using proxy = new FaultyProxy(server.port);
  const program = [Deno.execPath(), "run", "-A", "--quiet", "tests/programs/descriptors_client.ts"];
  const child = new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 60 && exec "$@"', "sh", ...program, proxy.url],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const printed: string[] = [];
  const reading = (async () => {
    for await (const batch of lines(child.stdout)) {
      printed.push(...batch);
      if (batch.includes("ready")) proxy.cut();
    }
  })();
  await withTimeout(reading, 20_000);
  const { code } = await child.status;
  assertEquals([code, printed.length], [0, 4], printed.join("\n"));
  for (const failed of printed.splice(0, 2)) {
    const [code, reason, message] = JSON.parse(failed);
    assertEquals([code, reason], ["unreachable", "no_resources"], failed);
    assertMatch(message, /this process has too many open files \(\d+ tr(y|ies) in \d+\.\d s\)$/);
  }
  assertEquals(printed, ["ready", "1"]);
});
