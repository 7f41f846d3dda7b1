import { assertEquals } from "@std/assert";
import { EventLoopDelay } from "../../server/metrics/event_loop_delay.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

Deno.test("the delay of the event loop is by how much each tick is late, until it is stopped", () => {
  const clock = new ManualClock();
  let late = 0;
  const delays: number[] = [];
  const loop = new EventLoopDelay({ record: (delay) => void delays.push(delay) }, {
    now: () => clock.now() + late,
    after: (ms, callback) => clock.after(ms, callback),
  });
  clock.advance(100);
  assertEquals(delays, [], "nobody has started it");
  loop.start();
  clock.advance(100);
  late += 7;
  clock.advance(100);
  // A timer that is a fraction early is not late.
  late -= 0.25;
  clock.advance(100);
  assertEquals(delays, [0, 7, 0]);
  loop.stop();
  clock.advance(1000);
  assertEquals(delays.length, 3);
});
