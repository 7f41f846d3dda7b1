import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { judgeStall } from "../../bench/stall_verdict.ts";

Deno.test("the canary says that Deno needs our WebSocket while one size is held back", () => {
  const measured = { deno: [0.2, 44, 44.1], ours: [0.1, 0.1, 0.2] };
  const { needed, sentence, exitCode } = judgeStall(measured, "2.9.6");
  assertEquals([needed, exitCode], [true, 0]);
  assertEquals(
    sentence,
    "Deno 2.9.6 still needs client/deno/: its own WebSocket holds larger messages back, by up to 44 ms.",
  );
});

Deno.test("the canary says that Deno no longer needs our WebSocket, and its process fails, once nothing is held back", () => {
  // A machine that is slow at everything is no reason to keep it.
  for (
    const measured of [{ deno: [0.2, 0.3], ours: [0.1, 0.1] }, { deno: [58, 60], ours: [50, 55] }]
  ) {
    const { needed, sentence, exitCode } = judgeStall(measured, "3.0.0");
    assert(!needed && exitCode !== 0);
    assertStringIncludes(sentence, "Deno 3.0.0 no longer needs client/deno/");
  }
});
