/**
 * What holds for clients of `serve` on slow networks holds over a handler, too.
 *
 * @module
 */

import { runSuites } from "../support/run_suites.ts";

Deno.test("slow networks break no connection to a handler on a Deno.serve of a program's own", async () => {
  await runSuites(["tests/connection/progress_test.ts"], {
    of: "server/start/serve.ts",
    by: "tests/support/serve_mounted.ts",
  });
});
