/**
 * Whether a token is required, as the first line of a server and its line of JSON say it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { SECRET } from "../auth/jwt_support.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("a server says that a token is required where one is, and otherwise what clients without one may do", async () => {
  const folder = await Deno.makeTempDir();
  const file = async (name: string, text: string) => {
    await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 });
    return `${folder}/${name}`;
  };
  const open = ["--token-file", await file("open", "* read,write\n")];
  const some = ["--token-file", await file("some", "secret\n* read t\n")];
  const none = ["--token-file", await file("none", "secret\n")];
  const jwt = ["--jwt-secret-file", await file("jwt", `${SECRET}\n`)];
  const cases: [string[], boolean, string, boolean, boolean][] = [
    [[], false, "", true, true],
    [["--token", "secret"], true, "; a token is required", false, false],
    [none, true, "; a token is required", false, false],
    [jwt, true, "; a token is required", false, false],
    [[...jwt, ...none], true, "; a token is required", false, false],
    [open, false, "; clients without a token may read and write", true, true],
    [[...jwt, ...open], false, "; clients without a token may read and write", true, true],
    [some, false, "; clients without a token may read some topics", false, true],
    [[...jwt, ...some], false, "; clients without a token may read some topics", false, true],
  ];
  for (const [args, token, note, writes, reads] of cases) {
    await using server = new Program(["-A", "cli.ts", "serve", "--port", "0", "--json", ...args]);
    const said = JSON.parse(await withTimeout(server.line()) ?? "null");
    assertEquals(said.token, token, args.join(" "));
    const line = await withTimeout(server.errorLine());
    const [, between] = /messages are stored in [^;]*(.*); press Ctrl-C to stop$/.exec(line!)!;
    assertEquals(between, note, args.join(" "));
    const at = ["--port", `${said.port}`];
    const outcomes = await runCommands([["put", "t", "m", ...at], ["get", "t", ...at]]);
    assertEquals(outcomes.map(({ code }) => code !== 1), [writes, reads]);
  }
  await Deno.remove(folder, { recursive: true });
});
