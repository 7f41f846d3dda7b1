/**
 * A server that wants what has to be loaded first, in a process that has run out of file descriptors, or cannot load it.
 *
 * @module
 */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DsmqError } from "@dsmq/server";
import { ignoredIf, noProc } from "../support/ignored_if.ts";
import { ROOT } from "../support/program.ts";
import { withoutModule } from "../support/without_module.ts";

Deno.test({
  // Elsewhere Deno does not end when it loads a module without a descriptor.
  ...ignoredIf(
    noProc,
    "without a free file descriptor serve, createHandler and setAuth reject as unavailable, plain HTTP works, files for browsers are unavailable, which ends nothing, and all work once there is one",
  ),
  async fn() {
    const program = [
      Deno.execPath(),
      "run",
      "-A",
      "--quiet",
      "tests/programs/descriptors_server.ts",
    ];
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", 'ulimit -n 60 && exec "$@"', "sh", ...program],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const reason = "this process has too many open files to load what that needs";
    const failed = (what: string, action: string) =>
      `${what}: unavailable, true, Cannot ${action}: ${reason}`;
    const files = "Cannot send this file now";
    const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(text!.trim().split("\n"), [
      failed("serve", "serve"),
      failed("createHandler", "create a handler"),
      "/health: 200",
      "/openapi.json: 200",
      ...["/client.js", "/page.js"].map((path) => `${path}: 503, ${files}`),
      `dsmq: refused a request from 127.0.0.1: ${files}: ... Too many open files (os error 24)`,
      "/client.js: 200",
      "/page.js: 200",
      ...["set auth", "use JSON Web Tokens"].flatMap((action, i) => {
        const what = ["verify", "jwt"][i]!;
        return [failed(what, action), failed(what, action), `${what}: done`, `${what}: done`];
      }),
    ], errors);
    assertEquals(code, 0, errors);
  },
});

Deno.test("if what checks tokens does not load, setAuth says so, and what was given before still counts", async () => {
  const { stdout, stderr } = await withoutModule(
    "server/token_verifier.ts",
    "tests/programs/set_verify.ts",
  );
  const [error, seq] = stdout.split("\n");
  const expected =
    "Error [module_unavailable]: Cannot set auth: what checks tokens does not load: Mod";
  assertStringIncludes(error!, expected, stderr);
  assertEquals(seq, "1");
});

Deno.test("where Deno cannot tell whether there is a descriptor, a server starts all the same", async () => {
  const { memoryUsage } = Deno;
  const without = () => ({ ...memoryUsage(), rss: 0 });
  const load = async (): Promise<typeof import("../../server/runtime.ts")> =>
    await import(`../../server/runtime.ts?${crypto.randomUUID()}`);
  try {
    const there = await load();
    Deno.memoryUsage = without;
    const nowhere = await load();
    nowhere.requireDescriptor("serve");
    const error = assertThrows(() => there.requireDescriptor("serve"), DsmqError);
    assertEquals([error.code, error.retryable], ["unavailable", true]);
  } finally {
    Deno.memoryUsage = memoryUsage;
  }
});
