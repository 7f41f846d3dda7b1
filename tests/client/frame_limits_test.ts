/**
 * What a client sends in one frame is what its server accepts in one.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server/client";
import { openServer } from "../support/open_server.ts";

for (const transport of ["builtin", "hardened"] as const) {
  for (
    const limits of [{ frameRequests: 3 }, { frameRequests: 1 }, { inFlight: 4 }, {
      frameRequests: 5,
      inFlight: 7,
    }]
  ) {
    const shown = JSON.stringify(limits);
    Deno.test(`a client that puts lists, and many messages at once, is never refused by a ${transport} server with ${shown}`, async () => {
      await using server = await openServer({ limits, transport });
      await using mq = await connect(server.url);
      const list = Array.from({ length: 40 }, (_, i) => `${i}`);
      const [seqs, ...others] = await Promise.all([
        mq.putMany("t", list),
        ...list.map((text) => mq.put("u", text)),
        ...list.map(() => mq.get("v")),
      ]);
      assertEquals([seqs.length, others.length], [40, 80]);
      assertEquals(server.stats().refused, 0);
      for (const text of list) assertEquals(await mq.get("u"), text);
    });
  }
}
