/**
 * A server for which what answers plain HTTP does not load.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withoutModule } from "../support/without_module.ts";

Deno.test("if plain HTTP does not load, clients get 503 and learn no path, the log says why, and WebSockets work", async () => {
  const program = "tests/programs/first_http_request.ts";
  const { stdout, stderr } = await withoutModule("http/http_api.ts", program);
  const [answer, seq] = stdout.split("\n");
  assertMatch(answer!, /^503 \{.*"code":"unavailable"/);
  assertEquals([/file:|\.ts/.test(answer!), seq], [false, "1"]);
  assertStringIncludes(stderr, "http_api.ts");
});
