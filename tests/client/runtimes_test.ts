/**
 * The client runs on Safari 16.4, Chrome 111, Firefox 119 and Node 20: it uses nothing newer. What TypeScript knows to be
 * newer than ES2022 is found by the check of `tests/browser`; the rest is tested here.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { requireSubprotocols } from "../../client/runtime.ts";
import { ROOT } from "../support/program.ts";

/** Syntax that those cannot parse. */
const SYNTAX: Readonly<Record<string, RegExp>> = {
  "lookbehind in a regular expression": /\(\?<[=!]/,
  "the flag v of a regular expression": /\/[dgimsuy]*v[dgimsuy]*[).,;]/,
  "using": /\b(await )?using \w+ =/,
  "a decorator": /^\s*@\w+\(/m,
};

/** What those do not have. */
const FUNCTIONS: Readonly<Record<string, RegExp>> = {
  "Promise.withResolvers": /Promise\.withResolvers/,
  "Promise.try": /Promise\.try/,
  "Array.fromAsync": /Array\.fromAsync/,
  "AbortSignal.any or timeout": /AbortSignal\.(any|timeout)/,
  "URL.parse or canParse": /URL\.(parse|canParse)\(/,
  "groupBy": /\.groupBy\(/,
  "toSorted and the like": /\.to(Sorted|Reversed|Spliced)\(/,
  "methods of iterators":
    /\.(values|keys|entries)\(\)\s*\.(map|filter|some|every|find|toArray|take|drop)\(/,
  "methods of sets": /\.(union|difference|intersection|isSubsetOf|isDisjointFrom)\(/,
  "bytes in base64": /\.(fromBase64|toBase64|fromHex|toHex)\(/,
  "Error.isError": /Error\.isError/,
  "randomUUID, which pages without TLS lack": /randomUUID\(\)/,
  "requestIdleCallback or scheduler": /requestIdleCallback|scheduler\./,
};

async function* sources(folder: URL): AsyncGenerator<{ path: string; code: string }> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else yield await source(new URL(name, folder));
  }
}

async function source(file: URL): Promise<{ path: string; code: string }> {
  const text = await Deno.readTextFile(file);
  const code = text.replace(/\/\*\*?[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return { path: file.pathname.slice(ROOT.pathname.length), code };
}

Deno.test("the client uses nothing that its oldest engines lack", async () => {
  const all = [await source(new URL("client.ts", ROOT))];
  for (const folder of ["client/", "protocol/"]) {
    for await (const file of sources(new URL(folder, ROOT))) all.push(file);
  }
  assert(all.length > 50);
  const found = all.flatMap(({ path, code }) => {
    // What is for Deno only is parsed elsewhere, too, but not run.
    const newer = path.startsWith("client/deno/") ? SYNTAX : { ...SYNTAX, ...FUNCTIONS };
    const had = Object.entries(newer).filter(([, form]) => form.test(code));
    return had.map(([what]) => `${path}: ${what}`);
  });
  assertEquals(found, []);
});

Deno.test("the guide names the engines that the client needs", async () => {
  const { code } = await source(new URL("client/runtime.ts", ROOT));
  const guide = (await Deno.readTextFile(new URL("docs/guide.md", ROOT))).replaceAll(/\s+/g, " ");
  const oldest = /MIN_RUNTIMES = "(.*) or Bun 1\.2\.22"/.exec(code)![1]!;
  for (const runtime of [...oldest.split(", "), "Bun 1.2.22"]) {
    assert(guide.includes(runtime), runtime);
  }
});

Deno.test("a Bun that cannot send a token reports it, and no other engine does", () => {
  for (const version of [undefined, "1.2.22", "1.2.23-canary.1", "1.3.0", "2.0.0"]) {
    requireSubprotocols(version);
  }
  for (const version of ["1.0.0", "1.1.45", "1.2.0", "1.2.21", "0.9.9"]) {
    const expected = `to send a token the client needs Bun 1.2.22 or later, and this is ${version}`;
    assertThrows(() => requireSubprotocols(version), Error, expected);
  }
});
