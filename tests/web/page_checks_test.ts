/**
 * What tests say of pages: that they see faults, also in a page whose policy forbids all scripts but its own.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { assertAccessible } from "../support/accessibility.ts";
import { noBrowser, registerBrowser } from "../support/browser.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { type LongTask, recordLongTasks } from "../support/long_tasks.ts";
import { collectProblems } from "../support/page_problems.ts";
import { serveSite } from "../support/site.ts";

const browser = registerBrowser();

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";

/** A page without fault, whose body has this besides. */
const pageWith = (html: string) =>
  `<!doctype html><html lang="en"><title>A page</title>
   <body><main><h1>A page</h1>${html}</main></body></html>`;

/** Registers a test with a page, which has a body, a script and a style sheet, and a strict policy. */
function testPage(
  name: string,
  prove: (
    page: Page,
    open: (body: string, script?: string, style?: string) => Promise<void>,
  ) => Promise<void>,
): void {
  Deno.test({
    ...ignoredIf(noBrowser, name),
    async fn() {
      const files: Record<string, string> = {};
      await using site = serveSite(files, { headers: { "content-security-policy": POLICY } });
      await using context = await browser.newContext();
      const page = await context.newPage();
      await prove(page, async (body, script = "", style = "") => {
        const links = `<link rel="stylesheet" href="/a.css"><script src="/a.js"></script>`;
        files["/"] = pageWith(body).replace("<body>", `${links}<body>`);
        files["/a.js"] = script;
        files["/a.css"] = style;
        await page.goto(site.origin);
      });
    },
  });
}

testPage("a field without a name is found, and a page without fault passes", async (page, open) => {
  await open("<label>Name <input></label>");
  await assertAccessible(page);
  await open("<input>");
  const { message } = await assertRejects(() => assertAccessible(page), Error);
  assertStringIncludes(message, "label: ");
  assertStringIncludes(message, "input: <input>");
});

testPage("text that is hard to read is found, in the theme that has it", async (page, open) => {
  const light = "p { color: #777 } body { background: #fff }";
  const dark =
    "@media (prefers-color-scheme: dark) { p { color: #666 } body { background: #222 } h1 { color: #fff } }";
  await open("<p>Read me</p>", "", `${light.replace("#777", "#333")} ${dark}`);
  await page.emulateMedia({ colorScheme: "light" });
  await assertAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  const { message } = await assertRejects(() => assertAccessible(page), Error);
  assertStringIncludes(message, "color-contrast: ");
});

testPage(
  "what axe-core cannot decide is a fault until somebody has looked at it",
  async (page, open) => {
    await open("<p>Read me</p>", "", "p { background: linear-gradient(#fff, #eee); color: #777 }");
    const { message } = await assertRejects(() => assertAccessible(page), Error);
    assertStringIncludes(message, "color-contrast: ");
    await assertAccessible(page, ["color-contrast"]);
  },
);

testPage(
  "a task of the page's script above 50 ms is recorded with its script, a short one is not",
  async (page, open) => {
    const tasks = await recordLongTasks(page);
    const busy = (ms: number) =>
      `{ const end = performance.now() + ${ms}; while (performance.now() < end); }`;
    await open(
      "",
      `addEventListener("keydown", () => ${busy(121)});
       var ups = 0; addEventListener("keyup", () => { ups++; ${busy(1)} });`,
    );
    for (let i = 0; i < 5; i++) await page.keyboard.up("a");
    assertEquals(await page.evaluate("ups"), 5);
    await page.keyboard.down("a");
    // A busy machine may stop any script for so long, and the browser has tasks of its own.
    const by = (found: readonly LongTask[], invoker: RegExp) =>
      found.flatMap(({ duration, scripts }) =>
        scripts.filter((script) => invoker.test(script.invoker))
          .map(({ url }) => ({ url, duration }))
      );
    const found = await tasks();
    const [long, ...others] = by(found, /onkeydown/);
    assertEquals(others, []);
    assert(long!.duration >= 120, `${long!.duration}`);
    assertEquals(long!.url, new URL("/a.js", page.url()).href);
    assert(by(found, /onkeyup/).length < 5, "not all of the short ones");
  },
);

testPage(
  "errors of scripts, refused requests and violations of the policy are collected",
  async (page, open) => {
    const problems = collectProblems(page);
    await open("<p>Nothing wrong</p>");
    assertEquals(problems, []);
    await open(
      "<p style='color: red'>a</p><script>1</script>",
      `fetch("http://other.example/"); null.x;`,
    );
    const kinds = ["style-src", "script-src", "connect-src"];
    for (const kind of kinds) {
      assert(
        problems.some((text) =>
          text.includes(`Content Security Policy directive`) && text.includes(kind)
        ),
        kind,
      );
    }
    assert(problems.some((text) => text.includes("TypeError")));
  },
);
