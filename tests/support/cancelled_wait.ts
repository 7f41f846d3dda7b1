/**
 * A wait that is cancelled while its answer is in flight: what comes is kept for the next reader.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Connection } from "@dsmq/server";
import { type Bridge, settled, turns } from "./bridge.ts";

/**
 * Waits for a message of the topic `t`, and cancels that when the answer is on its way. The answer is held until the test
 * releases the bridge.
 *
 * @param bridge joins the client to its server
 * @param mq the client
 * @param mark what the answer contains
 * @param act makes the server answer, if it would not by itself
 */
export async function cancelWaitInFlight(
  bridge: Bridge,
  mq: Connection,
  mark: string,
  act?: () => Promise<void>,
): Promise<void> {
  bridge.holds = (frame) => frame.includes(mark);
  const abort = new AbortController();
  const wait = settled(mq.getWait("t", { signal: abort.signal }));
  await turns();
  await act?.();
  await turns();
  abort.abort();
  assertEquals(await wait, "error 20", "aborted, as by a DOMException");
}
