/**
 * Without a browser: who works on something else is not held up, and CI does not pass over what it did not test.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Program } from "../support/program.ts";

const file = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** A test that opens a page, and one that needs none. */
const TESTS = `
import { noBrowser, registerBrowser } from ${file("../support/browser.ts")};
import { ignoredIf } from ${file("../support/ignored_if.ts")};

const browser = registerBrowser();
Deno.test({
  ...ignoredIf(noBrowser, "a page opens"),
  async fn() {
    await using context = await browser.newContext();
    await context.newPage();
  },
});
Deno.test("something else", () => {});
`;

/** Runs these tests where there is no browser. */
async function run(ci: string | undefined) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/page_test.ts`, TESTS);
    const args = ["-A", "--no-check", "--config=deno.json", `${folder}/page_test.ts`];
    const env = { CI: ci, CHROMIUM: undefined, PATH: folder };
    await using tests = new Program(args, env, ["test"]);
    return await tests.end();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a test of a page is ignored without Chromium, with the reason", async () => {
  const { code, stdout } = await run(undefined);
  assertEquals(code, 0);
  assertStringIncludes(
    stdout,
    "a page opens (ignored: chromium is not installed. Install Chromium",
  );
  assertStringIncludes(stdout, "1 passed | 0 failed | 1 ignored");
});

Deno.test("in CI a test of a page fails without Chromium, with the reason, and the others pass", async () => {
  const { code, stdout } = await run("true");
  assert(code !== 0);
  assertStringIncludes(stdout, "Cannot test with a browser: chromium is not installed.");
  assertStringIncludes(stdout, "1 passed | 1 failed");
});
