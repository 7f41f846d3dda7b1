/**
 * The oldest Deno on which a server runs.
 *
 * @module
 */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DsmqError } from "@dsmq/server";
import { MIN_DENO_VERSION, requireDeno } from "../../server/runtime.ts";
import { ROOT } from "../support/program.ts";

Deno.test("a server on a Deno that is too old says in one sentence what it needs", () => {
  for (const version of ["1.46.3", "2.0.0", "2.8.3", "2.1.99"]) {
    const error = assertThrows(() => requireDeno(version), DsmqError);
    const expected =
      `Cannot serve: a server needs Deno ${MIN_DENO_VERSION} or later, and this is ${version}`;
    assertEquals([error.code, error.message], ["module_unavailable", expected]);
  }
  for (const version of [`${MIN_DENO_VERSION}.0`, "2.10.0", "3.0.0", "2.9.0-rc.1+abc"]) {
    requireDeno(version);
  }
  requireDeno();
});

Deno.test("the oldest Deno is in the README, and has tests of its own before each merge", async () => {
  const text = (path: string) => Deno.readTextFile(new URL(path, ROOT));
  const readme = (await text("README.md")).replaceAll(/\s+/g, " ");
  assertStringIncludes(readme, `Deno ${MIN_DENO_VERSION} or later`);
  assertStringIncludes(
    await text(".github/workflows/test.yml"),
    `deno-version: v${MIN_DENO_VERSION}.0`,
  );
});
