/**
 * The OpenAPI document is well-formed, as Redocly's linter judges: by all rules that it recommends, none ignored.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";

/** By a program of npm, which a machine without network may not have. */
const REDOCLY = ["-y", "@redocly/cli@2"];

async function redocly(...args: string[]) {
  const command = new Deno.Command("npx", {
    args: [...REDOCLY, ...args],
    env: { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true", NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, text: text!, errors: errors! };
}

async function whyNoRedocly(): Promise<string | false> {
  try {
    const { code } = await redocly("--version");
    return code !== 0 && "npx cannot fetch @redocly/cli";
  } catch {
    return "there is no npx";
  }
}

const noRedocly = await whyNoRedocly();

Deno.test({
  ...ignoredIf(noRedocly, "the linter of Redocly finds nothing wrong with /openapi.json"),
  async fn() {
    await using server = await openServer();
    const file = await Deno.makeTempFile({ suffix: ".json" });
    try {
      const response = await fetch(`${server.url.replace("ws:", "http:")}/openapi.json`);
      await Deno.writeTextFile(file, await response.text());
      const config = new URL("./redocly.yaml", import.meta.url).pathname;
      const { text, errors } = await redocly("lint", `--config=${config}`, "--format=json", file);
      const { totals, problems } = text === ""
        ? { totals: errors, problems: [] }
        : JSON.parse(text);
      assertEquals(problems, []);
      assertEquals(totals, { errors: 0, warnings: 0, ignored: 0 });
    } finally {
      await Deno.remove(file);
    }
  },
});
