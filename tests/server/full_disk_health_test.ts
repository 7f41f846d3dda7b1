/**
 * `/health/ready` while the disk is full: the system itself refuses to write more.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { lines } from "../../cli/lines.ts";
import { FileFolder } from "../support/file_folder.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { ROOT } from "../support/program.ts";

/** A file may have so many blocks of 512 bytes: 2 MB. */
const BLOCKS = 4000;

const BODY = "x".repeat(400_000);

Deno.test({
  ...ignoredIf(
    noPosix,
    "while the disk is full a server is live and not ready, until there is room again",
  ),
  async fn() {
    using folder = new FileFolder();
    const serve = `run -A cli.ts serve --port 0 --json --store sqlite:${folder.path}`.split(" ");
    // The signal would end the process before the system returns its error.
    const command = `trap '' XFSZ; ulimit -S -f ${BLOCKS}; exec "$0" "$@"`;
    const args = ["-c", command, Deno.execPath(), ...serve];
    const options = { args, cwd: ROOT, stdout: "piped", stderr: "null" } as const;
    await using program = new Deno.Command("sh", options).spawn();
    const output = lines(program.stdout);
    const { port }: { port: number } = JSON.parse((await output.next()).value!);
    const origin = `http://127.0.0.1:${port}`;
    const get = async (path: string) => {
      const response = await fetch(`${origin}${path}`);
      await response.text();
      return response.status;
    };
    const put = async () => {
      const response = await fetch(`${origin}/topics/t`, { method: "POST", body: BODY });
      await response.text();
      return response.status;
    };
    assertEquals([await get("/health/ready"), await get("/health/live")], [200, 200]);
    let status: number;
    do status = await put(); while (status === 201);
    // Of a file that may not grow SQLite does not say that the disk is full.
    assertEquals(status, 503);
    for (const path of ["/health/ready", "/health"]) assertEquals(await get(path), 503);
    assertEquals([await get("/health/live"), await get("/topics/t")], [200, 200]);
    const freed = new Deno.Command("prlimit", {
      args: [`--pid=${program.pid}`, "--fsize=unlimited"],
    });
    assertEquals((await freed.output()).code, 0);
    // Nobody puts anything meanwhile.
    while (await get("/health/ready") !== 200);
    assertEquals([await get("/health"), await put()], [200, 201]);
    program.kill("SIGTERM");
    await output.return?.(undefined);
  },
});
