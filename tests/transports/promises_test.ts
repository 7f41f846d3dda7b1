/**
 * What holds for clients of `serve` over its default transport holds however they reach a server.
 *
 * @module
 */

import { runSuites } from "../support/run_suites.ts";

/** Tokens that expire or are renewed, what they permit, and what an administrator does. */
const ACCESS = [
  "tests/admin/",
  "tests/auth/changed_tokens_test.ts",
  "tests/auth/changed_verifiers_test.ts",
  "tests/auth/fail_closed_test.ts",
  "tests/auth/jwt_test.ts",
  "tests/auth/token_expiry_test.ts",
  "tests/auth/tokens_test.ts",
  "tests/client/token_renewal_test.ts",
];

/** Limits, slow readers, and what waits for them. */
const BOUNDS = [
  "tests/connection/flood_limits_test.ts",
  "tests/transports/large_requests_test.ts",
  "tests/transports/sent_memory_test.ts",
  "tests/transports/waiting_for_room_test.ts",
];

Deno.test("the promises to clients hold over the hardened transport, too", async () => {
  const suites = ["tests/promises/", "tests/wire/", "tests/server/shutdown_test.ts"];
  await runSuites(suites, { of: "transports/deno.ts", by: "transports/node.ts" });
});

const HANDLER = { of: "server/start/serve.ts", by: "tests/support/serve_mounted.ts" };

Deno.test("and over a handler on a Deno.serve of a program's own", async () => {
  await runSuites(["tests/wire/", ...ACCESS, ...BOUNDS], HANDLER);
});

Deno.test("and over a handler that is a route of Hono", async () => {
  const suites = ["tests/promises/put_test.ts", "tests/promises/wait_test.ts", ...ACCESS];
  await runSuites(suites, { ...HANDLER, env: { DSMQ_TEST_HONO: "1" } });
});
