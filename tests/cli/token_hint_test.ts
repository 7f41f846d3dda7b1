/**
 * The hint that a token would help: wherever it would, and nowhere else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServeOptions } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { type CommandsOptions, runCommands } from "../support/run_commands.ts";

const READABLE: CommandsOptions = {
  allow: ["--allow-net", "--allow-env=DSMQ_TOKEN", "--allow-read", "--allow-write"],
  env: { DSMQ_TOKEN: undefined },
};
const HINT = " (set a token with --token-file, DSMQ_TOKEN or --token)";
const UNREADABLE = " (DSMQ_TOKEN cannot be read without --allow-env=DSMQ_TOKEN)";

const DENIED = "permission denied";
const OPEN =
  "permission denied: a client without a token may do that only on the machine of the server, which listens there alone, and not through a proxy; or if auth grants admin to anonymous clients";

/** What every command says of a server on which it may do nothing. */
const COMMANDS: readonly (readonly [args: readonly string[], sentence: string])[] = [
  [["put", "t", "m"], 'Cannot put into topic "t"'],
  [["get", "t"], 'Cannot read topic "t"'],
  [["latest", "t"], 'Cannot read topic "t"'],
  [["wait", "t"], 'Cannot read topic "t"'],
  [["tail", "t"], 'Cannot read topic "t"'],
  [["topics"], "Cannot list topics"],
  [["purge", "t"], 'Cannot purge topic "t"'],
  [["connections"], "Cannot list connections"],
  [["disconnect", "bcdf-1"], "Cannot disconnect"],
  [["backup", "FILE"], "Cannot back up"],
  [["shutdown"], "Cannot shut down"],
];

/** What the commands say of a server, without the program's name. */
async function said(
  options: ServeOptions,
  commands: readonly (readonly string[])[],
  how: CommandsOptions = READABLE,
): Promise<readonly string[]> {
  const folder = await Deno.makeTempDir();
  await using server = await openServer(options);
  const file = (word: string) => word === "FILE" ? `${folder}/copy.db` : word;
  const at = ["--port", `${server.port}`];
  const outcomes = await runCommands(commands.map((args) => [...args.map(file), ...at]), how);
  await Deno.remove(folder, { recursive: true });
  for (const [i, { code, stdout }] of outcomes.entries()) {
    assertEquals([code, stdout], [1, ""], commands[i]!.join(" "));
  }
  return outcomes.map(({ stderr }) => stderr.replace(/^dsmq: /, ""));
}

const ALL = COMMANDS.map(([args]) => args);
const sentences = (rest: string) => COMMANDS.map(([, sentence]) => `${sentence}: ${rest}`);

Deno.test("every command that is denied without a token says how to set one", async () => {
  const tokens = [{ token: "secret" }];
  const nothing = { tokens, anonymous: { permissions: ["write"], topics: ["other"] } } as const;
  const denied = await said({ auth: nothing, allowShutdown: true }, ALL);
  assertEquals(denied, sentences(DENIED + HINT));
  const allow = READABLE.allow!.filter((flag) => !flag.startsWith("--allow-env"));
  const unread = await said({ auth: nothing, allowShutdown: true }, ALL, { allow });
  assertEquals(unread, sentences(DENIED + UNREADABLE));

  const auth = { tokens, anonymous: { permissions: ["admin"], topics: ["other"] } } as const;
  const lines = await said({ auth, allowShutdown: true }, ALL);
  const forAll = "permission denied: that needs the permission admin for all topics";
  const expected = COMMANDS.map(([[name], sentence]) => {
    const isWhole = ["connections", "disconnect", "backup", "shutdown"].includes(name!);
    return `${sentence}: ${isWhole ? forAll : DENIED}${HINT}`;
  });
  assertEquals(lines, expected);
});

Deno.test("a command that is denied with a token has no hint", async () => {
  const auth = { tokens: [{ token: "weak", topics: ["other"], permissions: ["write"] }] } as const;
  const env = { DSMQ_TOKEN: "weak" };
  const given = ALL.map((args) => [...args, "--token", "weak"]);
  for (const [commands, how] of [[given, READABLE], [ALL, { ...READABLE, env }]] as const) {
    assertEquals(await said({ auth, allowShutdown: true }, commands, how), sentences(DENIED));
  }
});

Deno.test("a server that is open, or that no client may stop, makes no difference between tokens: there is no hint", async () => {
  const administration = COMMANDS.filter(([[name]]) =>
    ["purge", "connections", "disconnect", "backup"].includes(name!)
  );
  const lines = await said({ host: "0.0.0.0" }, administration.map(([args]) => args));
  assertEquals(lines, administration.map(([, sentence]) => `${sentence}: ${OPEN}`));
  const auth = { anonymous: {}, tokens: [{ token: "secret" }] };
  assertEquals(await said({ auth }, [["shutdown"]]), [
    "Cannot shut down: the server does not allow clients to stop it",
  ]);
});

Deno.test("the hint follows also where put says which of its lines was not stored", async () => {
  const auth = { tokens: [{ token: "secret" }], anonymous: { permissions: ["read"] } } as const;
  await using server = await openServer({ auth });
  await using put = new Program([
    ...["--allow-net", "--no-prompt", "cli.ts", "put", "t", "-", "--port", `${server.port}`],
  ]);
  await put.input("one\n");
  const { code, stderr } = await put.end();
  const line = 'dsmq: Cannot put line 1: Cannot put into topic "t": permission denied';
  assertEquals([code, stderr], [1, `${line}${UNREADABLE}`]);
});
