/**
 * The pages for people: their links lead somewhere, and the files that they name exist.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ROOT } from "../support/program.ts";

/** Each page, by its path. */
const pages = new Map<string, string>();
for (const folder of ["", "docs/", "bench/", "offline/", ".github/"]) {
  for (const { name } of Deno.readDirSync(new URL(folder || "./", ROOT))) {
    if (!name.endsWith(".md")) continue;
    pages.set(folder + name, Deno.readTextFileSync(new URL(folder + name, ROOT)));
  }
}

/** What a heading is called in a link, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

function anchorsOf(text: string): string[] {
  const prose = text.replaceAll(/```[^]*?```/g, "");
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(new URL(path, ROOT)).then(() => true, () => false);
}

Deno.test("every link of a page leads to a file, and to a heading where it names one", async () => {
  const broken: string[] = [];
  let count = 0;
  for (const [path, text] of pages) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      count++;
      const url = new URL(target!, new URL(path, ROOT));
      const file = url.pathname.slice(ROOT.pathname.length);
      const anchors = anchorsOf(pages.get(file) ?? "");
      const found = await exists(file) && (url.hash === "" || anchors.includes(url.hash.slice(1)));
      if (!found) broken.push(`${path}: ${target}`);
    }
  }
  assert(count > 50);
  assertEquals(broken, []);
});

Deno.test("every file that a page names exists", async () => {
  const missing: string[] = [];
  let count = 0;
  for (const [path, text] of pages) {
    if (path === "CHANGELOG.md") continue;
    for (
      const [file] of text.matchAll(
        /\b(?:tests|bench|examples|docs|cli|client|server|stores|queue|connection|auth|transports|protocol|budgets)\/[\w/]+\.(?:ts|md|py|mjs)\b/g,
      )
    ) {
      count++;
      if (!await exists(file)) missing.push(`${path}: ${file}`);
    }
  }
  assert(count > 30);
  assertEquals(missing, []);
});

Deno.test("no page has a character that tools take for a binary file", () => {
  // deno-lint-ignore no-control-regex
  const control = /[\0-\x08\x0b-\x1f\x7f]/;
  assertEquals([...pages].filter(([, text]) => control.test(text)).map(([path]) => path), []);
});

/** Options of Deno, Docker, Prometheus and the project's tasks that the pages show. */
const OF_OTHERS = new Set([
  ...["net", "read", "write", "env", "ffi", "run", "sys"].map((name) => `allow-${name}`),
  ...[
    "deny-env",
    "frozen",
    "no-config",
    "config",
    "init",
    "only",
    "only",
    "peers",
    "parallel",
    "quiet",
  ],
]);

Deno.test("every option of the command line that a page names exists", () => {
  const reference = pages.get("docs/cli.md")!;
  const unknown: string[] = [];
  let count = 0;
  for (
    const path of [
      "README.md",
      "docs/guide.md",
      "docs/reliability.md",
      "docs/access-control.md",
      "docs/hardening.md",
      "docs/api.md",
      "CHANGELOG.md",
    ]
  ) {
    for (const [, option] of pages.get(path)!.matchAll(/(?<![\w-])--([a-z][\w-]*)/g)) {
      count++;
      if (OF_OTHERS.has(option!)) continue;
      if (!RegExp(`--${option}\\b(?!-)`).test(reference)) unknown.push(`${path}: --${option}`);
    }
  }
  assert(count > 50);
  assertEquals(unknown, []);
});
