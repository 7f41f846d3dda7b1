import { assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../cli/commands.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { cliReference, PAGE } from "../../docs/cli_reference.ts";

Deno.test("docs/cli.md is what the help texts generate; deno task docs:cli writes it", async () => {
  assertEquals(await Deno.readTextFile(PAGE), await cliReference());
});

Deno.test("docs/cli.md has every command, and every limit as an option of serve", async () => {
  const page = await Deno.readTextFile(PAGE);
  for (const name of Object.keys(COMMANDS)) assertStringIncludes(page, `\n## dsmq ${name}\n`);
  assertEquals(page.match(/^\| `--max-/gm)?.length, Object.keys(LIMITS).length);
});
