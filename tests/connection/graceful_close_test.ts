import { assert, assertEquals } from "@std/assert";
import { GracefulClose } from "../../connection/graceful_close.ts";
import { until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualTurns } from "../support/manual_turns.ts";

Deno.test("however many connections are closed at one moment, the network is polled after 12 ms at most", async () => {
  const manual = new ManualTurns();
  const [clock, count] = [new ManualClock(), 500];
  let [closed, before] = [0, manual.now()];
  const closes = Array.from({ length: count }, () => {
    const wire = {
      turn: manual.turns.join(),
      drained: () => Promise.resolve(),
      close() {
        closed++;
        manual.spend(1);
      },
      drop() {},
    };
    return new GracefulClose(wire, clock);
  });
  for (const close of closes) void close.close(1012, "the server is stopping");
  await until(() => manual.awaited);
  while (closed < count) {
    await until(() => manual.awaited || closed === count);
    assert(manual.now() - before <= 12, `${manual.now() - before} ms passed`);
    before = manual.now();
    await manual.networkLook();
  }
  assertEquals(closed, count);
  for (const close of closes) close.end();
});
