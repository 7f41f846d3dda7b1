/**
 * Ctrl-C at a terminal, which signals a whole group of processes.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { ignoredIf, noProc } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";

Deno.test({
  ...ignoredIf(noProc, "Ctrl-C at a terminal lets the command of a worker finish"),
  async fn() {
    await using server = await openServer();
    await using mq = await connect(server.url);
    await mq.put("t", "m");
    const folder = await Deno.makeTempDir();
    try {
      const script = `echo begins; until [ -e ${folder}/go ]; do sleep 0.01; done; echo ends`;
      const worker = ["-A", "cli.ts", "work", "t", "--url", server.url, "--", "sh", "-c", script];
      const command = [Deno.execPath(), "run", "--quiet"];
      // In a group of its own, as a shell starts it.
      await using program = new Program(worker, {}, command, "setsid");
      assertEquals(await program.line(), "begins");
      Deno.kill(-program.child.pid, "SIGINT");
      assertEquals(await program.errorLine(), "dsmq: finishing 1 message; interrupt again to kill");
      await Deno.writeTextFile(`${folder}/go`, "");
      const { code, stdout } = await program.end();
      assertEquals([code, stdout], [0, "ends"]);
      assertEquals((await mq.groups())[0]!.done, 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
