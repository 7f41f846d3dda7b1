/**
 * What the help of a command says of its options is so, and is all that is needed to use them.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../cli/commands.ts";
import { openServer } from "../support/open_server.ts";
import { runCommands } from "../support/run_commands.ts";

Deno.test("the help of every command that takes a time says how it is written", async () => {
  const names: string[] = [];
  for (const [name, load] of Object.entries(COMMANDS)) {
    const options = Object.entries((await load()).options);
    const takesTime = ([option, { value }]: typeof options[0]) =>
      value === "TIME" || option === "since" || option === "before";
    if (options.some(takesTime)) names.push(name);
  }
  assertEquals(names, [
    "serve",
    "put",
    "get",
    "latest",
    "wait",
    "tail",
    "work",
    "groups",
    "purge",
    "token",
  ]);
  const shown = await runCommands(names.map((name) => [name, "--help"]));
  for (const [i, { stdout }] of shown.entries()) {
    const form = names[i] === "purge"
      ? "a time ago with its unit (500ms, 90s, 10m, 2h, 1d)"
      : "\n\nTIME is a number of seconds, or has a unit: 500ms, 90s, 10m, 2h, 1d.";
    assertStringIncludes(stdout, form, names[i]);
  }
});

Deno.test("the help says of --id that it holds for messages of the same token, and another token puts another message", async () => {
  await using server = await openServer({ auth: { tokens: [{ token: "a" }, { token: "b" }] } });
  const put = ["put", "t", "m", "--id", "one", "--json", "--url", server.url, "--token"];
  const [help, ...puts] = await runCommands([
    ["put", "--help"],
    [...put, "a"],
    [...put, "a"],
    [...put, "b"],
  ]);
  assertStringIncludes(
    help!.stdout,
    "put the message only if the topic has none that was put with this id and the same token\n",
  );
  assertEquals(puts.map(({ stdout }) => JSON.parse(stdout).seq), [1, 1, 2]);
});

Deno.test("the help of serve says how a line of the file of tokens begins that is a comment", async () => {
  const [help] = await runCommands([["serve", "--help"]]);
  assertStringIncludes(
    help!.stdout,
    "a file, each line TOKEN [PERMISSIONS [TOPIC|PREFIX*...]] or # and a comment;",
  );
});

Deno.test("the help says that wait ends with code 3 also where no server answers", async () => {
  const [help, none] = await runCommands([
    ["wait", "--help"],
    ["wait", "t", "--timeout", "1ms", "--url", "ws://127.0.0.1:1"],
  ]);
  assertStringIncludes(
    help!.stdout,
    "how long to wait before it ends with code 3, also where no server answers (10s)\n",
  );
  assertEquals([none!.code, none!.stdout], [3, ""]);
});
