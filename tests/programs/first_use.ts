/**
 * The first test of a file starts a server, as many do. See `engine_leak_test.ts`.
 *
 * @module
 */

import { assertStringIncludes } from "@std/assert";
import { serve } from "@dsmq/server";

Deno.test("a server runs on @db/sqlite", async () => {
  await using server = await serve({ port: 0 });
  assertStringIncludes(server.storeDescription, "@db/sqlite");
});
