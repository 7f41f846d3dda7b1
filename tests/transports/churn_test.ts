import { assert, assertEquals } from "@std/assert";
import { churn } from "../faults/churn.ts";
import { ignoredIf, noProc } from "../support/ignored_if.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test({
    ...ignoredIf(
      noProc,
      `${transport}: 2,000 connections that connect, subscribe and disconnect, half of them during the handshake, leave nothing behind`,
    ),
    async fn() {
      const { before, after } = await churn(transport, 2000);
      assertEquals(after.connections, 0);
      assertEquals(after.sockets, before.sockets);
      assert(after.heap - before.heap < 2e6, `the heap grew by ${after.heap - before.heap} bytes`);
    },
  });
}
