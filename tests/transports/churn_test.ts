import { assert, assertEquals } from "@std/assert";
import { churn } from "../faults/churn.ts";
import { ignoredIf, noProc } from "../support/ignored_if.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test({
    ...ignoredIf(
      noProc,
      `${transport}: of 2,000 connections that come, subscribe and are cut, half of them in mid-handshake, nothing is left`,
    ),
    async fn() {
      const { before, after } = await churn(transport, 2000);
      assertEquals(after.connections, 0);
      assertEquals(after.sockets, before.sockets);
      assert(after.heap - before.heap < 2e6, `the heap grew by ${after.heap - before.heap} bytes`);
    },
  });
}
