/**
 * What metrics need is loaded before a server listens, and only if they are asked for.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test({
  ...ignoredIf(
    !("links" in deno) && "the packages come from JSR here, not from the stand-ins",
    "a server with metrics whose package does not load says so, and has touched neither port nor file",
  ),
  async fn() {
    const cache = await Deno.makeTempDir();
    try {
      const path = `${cache}/queue.db`;
      const env = { NPM_CONFIG_REGISTRY: "http://127.0.0.1:9/", DENO_DIR: `${cache}/deno` };
      const words = ["mod.ts", "serve", "--port", "0", "--json", "--store", `sqlite:${path}`];
      const program = (...more: string[]) => new Program(["-A", ...words, ...more], env);
      await using measured = program("--metrics");
      const { code, stdout, stderr } = await withTimeout(measured.end(), 30_000);
      assertMatch(
        stderr,
        /^dsmq: Cannot serve metrics: npm:prom-client does not load: .*refused.*$/m,
      );
      assertEquals([code, stdout], [1, ""]);
      await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
      // Nobody else needs it.
      await using plain = program();
      assertEquals(JSON.parse((await withTimeout(plain.line(), 30_000))!).transport, "builtin");
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});

Deno.test("metrics must be true or false", async () => {
  const metrics = "yes" as unknown as boolean;
  const error = await assertRejects(() => openServer({ metrics }), TypeError);
  assertEquals(error.message, 'Cannot serve: metrics must be true or false, got "yes"');
});
