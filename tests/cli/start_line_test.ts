/**
 * Who needs a token, as the first line of a server and its line of JSON say it.
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
  const open = ["--token-file", await file("open", "* read,write,work\n")];
  const some = ["--token-file", await file("some", "secret\n* read t\n")];
  const none = ["--token-file", await file("none", "secret\n")];
  const jwt = ["--jwt-secret-file", await file("jwt", `${SECRET}\n`)];
  const cases: [string[], boolean, string, boolean, boolean][] = [
    [[], false, "; clients without a token may read, write and work", true, true],
    [["--token", "secret"], true, "; a token is required", false, false],
    [none, true, "; a token is required", false, false],
    [jwt, true, "; a token is required", false, false],
    [[...jwt, ...none], true, "; a token is required", false, false],
    [open, false, "; clients without a token may read, write and work", true, true],
    [[...jwt, ...open], false, "; clients without a token may read, write and work", true, true],
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

Deno.test("a server that may not read DSMQ_TOKEN says so where a token in it would have counted", async () => {
  const folder = await Deno.makeTempDir();
  const file = async (name: string, text: string) => {
    await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 });
    return `${folder}/${name}`;
  };
  const listed = ["--token-file", await file("open", "* read,write,work\n")];
  const jwt = ["--jwt-secret-file", await file("jwt", `${SECRET}\n`)];
  const open = "clients without a token may read, write and work";
  const closed = "a token is required";
  const unread = " (DSMQ_TOKEN cannot be read without --allow-env=DSMQ_TOKEN)";
  const readable = "--allow-env=DSMQ_TOKEN";
  const cases: [flags: string[], args: string[], token: string | undefined, said: string][] = [
    [[], [], "secret", `${open}${unread}`],
    [[], [], undefined, `${open}${unread}`],
    [[], ["--host", "0.0.0.0"], "secret", `${open}${unread}`],
    [[], jwt, "secret", `${closed}${unread}`],
    [[], ["--token", "another"], "secret", closed],
    [[], listed, "secret", open],
    [[], [...jwt, ...listed], "secret", open],
    [[readable], [], "secret", closed],
    [[readable], [], undefined, open],
    [[readable], jwt, undefined, closed],
  ];
  for (const [flags, args, token, said] of cases) {
    await using server = new Program(
      [
        "--allow-net",
        "--allow-read",
        "--no-prompt",
        ...flags,
        "cli.ts",
        "serve",
        "--port",
        "0",
        ...args,
      ],
      { DSMQ_TOKEN: token },
    );
    let line: string | undefined;
    do line = await withTimeout(server.errorLine()); while (
      line !== undefined && !line.includes(" listens on ")
    );
    const [, between] = /messages are stored in [^;]*; (.*); press Ctrl-C to stop$/.exec(line!)!;
    assertEquals(between, said, [...flags, ...args].join(" "));
  }
  await Deno.remove(folder, { recursive: true });
});
