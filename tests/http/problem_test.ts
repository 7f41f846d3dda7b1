/**
 * What can pass by itself is answered so that a client knows it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { HttpProblem } from "../../http/problem.ts";

for (const code of ["busy", "behind", "unavailable", "shutting_down"] as const) {
  Deno.test(`${code} is a 503, and says when to try again`, async () => {
    const { response } = new HttpProblem({ code, message: "Cannot put: not now" });
    assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
    assertEquals((await response.json()).code, code);
  });
}
