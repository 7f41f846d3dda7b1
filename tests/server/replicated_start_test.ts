/**
 * How a server opens the store of a log: what it tells of it, and of how long that takes.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DsmqError } from "../../protocol/errors.ts";
import type { LogEvent } from "../../queue/log_event.ts";
import { CatchUpReport } from "../../server/start/catch_up_progress.ts";
import { type LogSettings, replicatedStore } from "../../server/start/open_replicated.ts";
import { parseServeOptions } from "../../server/start/start.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { LogError } from "../../stores/replicated/record_log.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryRecordLog, SharedLog } from "../support/memory_record_logs.ts";

/** The options of a server of a log, and what it writes. */
function settingsOf(store: `nats://${string}`) {
  const events: LogEvent[] = [];
  const log = { write: (event: LogEvent) => void events.push(event) };
  const settings = { ...parseServeOptions({ store }), log } as unknown as LogSettings;
  return { events, settings };
}

const openOptions = () => ({
  engine: nodeSqlite,
  clock: new ManualClock(),
  retention: 600_000,
});

Deno.test("what an operator should know of the log is in the server's log", async () => {
  class WarnedLog extends MemoryRecordLog {
    override readonly warnings = ["It is in memory", "It is alone"];
  }
  const { events, settings } = settingsOf("nats://a:secret@host/orders");
  const open = replicatedStore(settings, ({ address }) => {
    assertEquals(address.description, "nats://host/orders");
    return Promise.resolve(new WarnedLog(new SharedLog(() => 1)));
  });
  await using store = await open(openOptions());
  assertEquals(events.map(({ event, message }) => [event, message]), [
    ["store_warning", "It is in memory"],
    ["store_warning", "It is alone"],
  ]);
  assertMatch(store.description, /^a log in memory, a replica on node:sqlite \(/);
});

Deno.test("the codes say whether it is of use to try again", async () => {
  const { settings } = settingsOf("nats://host/orders");
  for (
    const [fault, code] of [
      ["unavailable", "unavailable"],
      ["unusable", "store_unusable"],
    ] as const
  ) {
    const open = replicatedStore(settings, () => Promise.reject(new LogError(fault, "why")));
    const error = await assertRejects(() => open(openOptions()), DsmqError);
    assertEquals(error.code, code);
  }
});

Deno.test("a log whose records are too small for the largest message is refused, and closed", async () => {
  let closed = 0;
  class SmallLog extends MemoryRecordLog {
    override readonly maxRecord = 1_000_000;

    override [Symbol.asyncDispose](): Promise<void> {
      closed++;
      return super[Symbol.asyncDispose]();
    }
  }
  const { settings } = settingsOf("nats://host/orders");
  const open = replicatedStore(settings, () => Promise.resolve(new SmallLog(new SharedLog())));
  const { code, message } = await assertRejects(() => open(openOptions()), DsmqError);
  assertEquals([code, closed], ["store_unusable", 1]);
  assertEquals(
    message,
    "a message may have 1000000 bytes, but a log in memory takes messages of up to 983616: " +
      "lower the limit messageBytes, or raise max_payload in NATS",
  );
});

Deno.test("a server that catches up in a second tells nothing of it; later it tells each 5 s, and at the end", () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const progress = () =>
    new CatchUpReport({ write: ({ message }) => void lines.push(message) }, clock);
  const quick = progress();
  quick.report({ what: "records", done: 1, total: 2 });
  clock.advance(999);
  quick.report({ what: "records", done: 2, total: 2 });
  quick.done();
  assertEquals(lines, []);
  const slow = progress();
  for (let i = 0; i <= 70; i++, clock.advance(100)) {
    const what = i < 20 ? "rows" : "records";
    slow.report({ what, done: i * 1000, total: i < 20 ? undefined : 80_000 });
  }
  slow.done();
  assertEquals(lines, [
    "reads a snapshot, and takes clients after that: 10,000 rows",
    "reads the log, and takes clients after that: 60,000 of 80,000 records, 75 %",
    "has read all that the log has, in 7.1 s",
  ]);
});
