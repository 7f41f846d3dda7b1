/**
 * A log that has stopped.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { openLog } from "../../server/log.ts";

Deno.test("an event that comes after the log has stopped starts no timer", async () => {
  let timers = 0;
  const clock = { now: () => 0, after: () => (timers++, () => void timers--) };
  const log = openLog(() => {}, clock);
  log.write({ event: "request_refused", message: "refused a request" });
  assertEquals(timers, 1);
  await log.stop();
  log.write({ event: "request_refused", message: "refused a request" });
  log.write({ event: "peer_dropped", message: "dropped a peer" });
  assertEquals(timers, 0);
});
