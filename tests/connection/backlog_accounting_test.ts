/**
 * The accounts of a backlog hold what waits: nothing remains of frames that are done.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FrameScan } from "../../protocol/frame_scan.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { Backlog } from "../../connection/backlog.ts";
import { ConnectionBudgets, SharedBudgets } from "../../budgets/shared_budgets.ts";

const frames: Record<string, string> = {
  "one request": '{"action":"get","id":1,"topic":"t"}',
  "64 requests": `[${Array(64).fill('{"action":"get","id":1,"topic":"t"}').join()}]`,
  "1,024 requests": `[${Array(1024).fill('{"action":"get","id":1,"topic":"t"}').join()}]`,
  "a list of messages": `{"action":"put","id":1,"topic":"t","bodies":[${
    Array(300).fill('"m"').join()
  }]}`,
};

for (const [what, text] of Object.entries(frames)) {
  for (const waiting of [1, 2, 3]) {
    Deno.test(`of 2,000 frames of ${what}, ${waiting} at a time, none is scanned and nothing remains in the accounts`, () => {
      const { scan } = FrameScan;
      let scanned = 0;
      FrameScan.scan = (...args) => {
        scanned++;
        return scan(...args);
      };
      try {
        const budgets = new SharedBudgets({ ...DEFAULT_LIMITS, connections: 10 });
        const connectionBudgets = new ConnectionBudgets(budgets, "@1");
        const free = budgets.of("totalInFlightBytes").free;
        const backlog = new Backlog(DEFAULT_LIMITS, () => {}, connectionBudgets);
        for (let i = 0; i < 2000; i += waiting) {
          for (let n = 0; n < waiting; n++) assert(backlog.add(text));
          for (let n = 0; n < waiting; n++) {
            backlog.markStarted(backlog.take()!.length);
            backlog.finishFrame();
          }
          assert(backlog.empty);
        }
        assertEquals(scanned, 0);
        assertEquals(connectionBudgets.of("totalInFlightBytes").used, 0);
        assertEquals(budgets.of("totalInFlightBytes").free, free);
      } finally {
        FrameScan.scan = scan;
      }
    });
  }
}
