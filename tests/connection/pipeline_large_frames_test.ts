/**
 * Large frames in the request pipeline: they are scanned in their turn.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FrameScan } from "../../protocol/frame_scan.ts";
import { ReplyWriter } from "../../connection/reply_writer.ts";
import { ManualTurns, settled } from "../support/manual_turns.ts";
import {
  frame,
  LIMITS,
  newPipeline,
  noCallbacks,
  slowPipeline,
  wire,
} from "../support/pipeline.ts";

Deno.test("other connections have their turn while a large frame is scanned, before anything in it is done", async () => {
  const manual = new ManualTurns();
  const { pipeline, stats } = slowPipeline(manual, 0);
  // Each look at the clock takes a millisecond.
  manual.now = () => (manual.spend(1), ManualTurns.prototype.now.call(manual));
  pipeline.receive(frame(16_000));
  await settled();
  let looks = 0;
  for (; stats.requests === 0 && looks < 1000; looks++) await manual.networkLook();
  assert(looks >= 1 && looks < 100, `${looks} looks at the network before anything is done`);
});

Deno.test("what comes behind a large frame that waits for its turn is not scanned before it", async () => {
  const manual = new ManualTurns();
  const turn = manual.turns.join();
  const order: string[] = [];
  const pipeline = newPipeline({ ...wire, turn }, new ReplyWriter(wire), LIMITS, {
    dispatch: (run) => void order.push(...run.map(({ action }) => action)),
    failAll() {},
    onDefect() {},
    ...noCallbacks,
  });
  manual.spend(11);
  turn.charge(11);
  const scans = countedScans();
  pipeline.receive(frame(16_000));
  pipeline.receive('{"action":"cancel","wait":1}');
  pipeline.receive('{"action":"credit","id":2,"messages":1,"bytes":1,"sub":1}');
  await settled();
  assertEquals([scans.end(), turn.isBusy, order.length], [0, true, 0]);
  for (let i = 0; i < 1000 && order.length < 16_002; i++) await manual.networkLook();
  assertEquals(order.length, 16_002);
  assertEquals(order.slice(-3), ["topics", "cancel", "credit"]);
  await settled();
  assertEquals(turn.isBusy, false);
});

/** A pipeline that stays at its first request until the test lets it go on; what it did, and why it ended. */
function heldPipeline(manual: ManualTurns, limits = LIMITS) {
  const gate = Promise.withResolvers<void>();
  const stats: string[] = [];
  const ends: boolean[] = [];
  const turn = manual.turns.join();
  const pipeline = newPipeline({ ...wire, turn }, new ReplyWriter(wire), limits, {
    dispatch: (run) => {
      for (const one of run) stats.push(one.action === "refused" ? one.error.code : one.action);
      return stats.length === 1 ? gate.promise : undefined;
    },
    failAll() {},
    onDefect() {},
    onUnanswered() {},
    onFlood: (fullPipeline) => void ends.push(fullPipeline),
  });
  pipeline.receive('{"action":"shutdown"}');
  return { line: pipeline, did: stats, ends, goOn: gate.resolve };
}

Deno.test("however many large frames come while a connection waits, none is scanned before its turn, and then all are done", async () => {
  const manual = new ManualTurns();
  const { line: pipeline, did: stats, goOn } = heldPipeline(manual);
  await settled();
  const scans = countedScans();
  for (let i = 0; i < 5; i++) {
    pipeline.receive(frame(16_000));
    pipeline.receive('{"action":"cancel","wait":1}');
  }
  await settled();
  assertEquals([scans.end(), stats.length], [0, 1]);
  goOn();
  for (let i = 0; i < 1000 && stats.length < 5 * 16_001 + 1; i++) await manual.networkLook();
  assertEquals(stats.length, 5 * 16_001 + 1);
  for (let i = 1; i <= 5; i++) {
    assertEquals([stats[16_001 * i - 1], stats[16_001 * i]], ["topics", "cancel"]);
  }
});

Deno.test("a large frame without room for its bytes is refused in its turn, and scanned no sooner; its control requests are done", async () => {
  const manual = new ManualTurns();
  const { line: pipeline, did: stats, ends, goOn } = heldPipeline(manual, {
    ...LIMITS,
    inFlightBytes: 500_000,
  });
  await settled();
  const put = '{"action":"put","topic":"t","message":"m"}';
  const large = `[${Array(2500).fill(put)},{"action":"cancel","wait":1}]`;
  const scans = countedScans();
  pipeline.receive(frame(16_000));
  for (let i = 0; i < 18; i++) pipeline.receive(large);
  pipeline.receive('{"action":"topics","id":2}');
  await settled();
  assertEquals([scans.end(), stats.length, ends], [0, 1, []]);
  goOn();
  const all = 1 + 16_000 + 18 * 2501 + 1;
  for (let i = 0; i < 1000 && stats.length < all; i++) await manual.networkLook();
  assertEquals(
    stats.slice(16_001, -1).filter((what) => what === "limit_exceeded").length,
    18 * 2500,
  );
  assertEquals([stats[16_001 + 2500], stats.at(-1), stats.length], ["cancel", "topics", all]);
});

Deno.test("a client that goes on with large frames when four times as much is refused as may wait is a flood", async () => {
  const { line: pipeline, did: stats, ends } = heldPipeline(new ManualTurns(), {
    ...LIMITS,
    inFlightBytes: 400_000,
  });
  await settled();
  // The first is accepted, however large it is.
  for (let i = 0; i < 1 + 3; i++) pipeline.receive(frame(16_000));
  assertEquals(ends, []);
  pipeline.receive(frame(16_000));
  assertEquals([ends, stats.length], [[false], 1]);
});

/** Counts how often a frame is scanned further. */
function countedScans(): { end(): number } {
  const { scanMore } = FrameScan.prototype;
  let scans = 0;
  FrameScan.prototype.scanMore = function (characters) {
    scans++;
    return scanMore.call(this, characters);
  };
  const end = () => {
    FrameScan.prototype.scanMore = scanMore;
    return scans;
  };
  return { end };
}
