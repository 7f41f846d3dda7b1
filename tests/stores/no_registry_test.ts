/**
 * A checkout without access to any registry.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { until } from "../support/bridge.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { JsrRegistry } from "../support/jsr_registry.ts";
import { Program } from "../support/program.ts";

Deno.test({
  ...ignoredIf(
    !("links" in deno) && "the packages come from JSR here, not from the stand-ins",
    "with permission for the network alone, a checkout serves without any registry; the hardened transport says what does not load, and can be stopped meanwhile",
  ),
  async fn() {
    const cache = await Deno.makeTempDir();
    try {
      // Registries at an address that drops every packet: a request to them would hang.
      const silent = "http://192.0.2.1/";
      const env = { JSR_URL: silent, NPM_CONFIG_REGISTRY: silent, DENO_DIR: cache };
      const words = ["mod.ts", "serve", "--port", "0", "--json"];
      await using server = new Program(["--allow-net", "--no-prompt", ...words], env);
      await using hardened = new Program(
        ["--allow-net", "--allow-env", ...words, "--transport", "hardened"],
        { ...env, NPM_CONFIG_REGISTRY: "http://127.0.0.1:9/" },
      );
      await using registry = await JsrRegistry.open();
      registry.hangs = true;
      await using stopped = new Program(
        ["--allow-net", "--allow-env", ...words, "--transport", "hardened"],
        { ...env, NPM_CONFIG_REGISTRY: registry.url },
      );
      const { store } = JSON.parse(await server.line() ?? "null");
      assertEquals(store, "memory on node:sqlite");
      const { code, stderr } = await hardened.end();
      assertMatch(
        stderr,
        /^dsmq: Cannot use the hardened transport: npm:ws does not load: .*refused.*$/,
      );
      assertEquals(code, 1);
      await until(() => registry.requestCounts.all > 0);
      const startedAt = performance.now();
      stopped.child.kill("SIGINT");
      assertEquals((await stopped.end()).stderr, "dsmq: stopped");
      assert(performance.now() - startedAt < 5000);
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});
