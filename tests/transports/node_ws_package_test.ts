/**
 * Loading `npm:ws` for the hardened transport.
 *
 * @module
 */

import { assertRejects } from "@std/assert";
import { loadUpgrader } from "../../transports/node_ws_package.ts";
import type { PeerLimits } from "../../transports/transport.ts";

Deno.test("a server that is stopped before it loads npm:ws does not wait for it", async () => {
  const stop = AbortSignal.abort(new Error("stopped"));
  const limits: Pick<PeerLimits, "frameBytes" | "stop"> = { frameBytes: 1000, stop };
  await assertRejects(() => loadUpgrader(limits as PeerLimits), Error, "stopped");
});
