import { assert, assertEquals } from "@std/assert";
import { TimeSlice } from "../../client/deno/time_slice.ts";

/** Alternately works and reads for these times; returns how often other tasks had a turn, in half a second. */
async function turnsOfOthers(workTime: number, reads: number): Promise<number> {
  let [now, turns] = [0, 0];
  const slice = new TimeSlice({
    now: () => now,
    afterOtherWork(callback) {
      turns++;
      callback();
    },
  });
  while (now < 500) {
    now += workTime;
    await slice.yieldIfOver();
    now += reads;
    slice.afterRead();
  }
  return turns;
}

Deno.test("a client that reads on and on yields every 30 ms, even if each read takes a moment", async () => {
  for (const reads of [0, 0.03, 0.06, 0.2, 1, 1.9]) {
    const turns = await turnsOfOthers(0.5, reads);
    assert(turns > 14, `with reads of ${reads} ms others had ${turns} turns in half a second`);
  }
});

Deno.test("a client that waits for what it reads need not yield", async () => {
  assertEquals(await turnsOfOthers(0.5, 3), 0);
});

Deno.test("when a client yields, timers fire and other connections are read", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using one = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using other = await listener.accept();
  const order: string[] = [];
  const reading = other.read(new Uint8Array(1)).then(() => order.push("a byte"));
  await one.write(new Uint8Array(1));
  setTimeout(() => order.push("a timer"), 0);
  const slice = new TimeSlice();
  const began = performance.now();
  // Like one whose frames never end.
  while (performance.now() - began < 40);
  await slice.yieldIfOver();
  assertEquals(order.toSorted(), ["a byte", "a timer"]);
  await reading;
});
