import { assertEquals } from "@std/assert";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { claim, open, textsOf } from "../../../testing/store/group_support.ts";
import { append, puts, RETENTION } from "../../../testing/store/support.ts";
import { QueueFile } from "../../support/queue_file.ts";

Deno.test("a file whose server was killed just after jobs have outlived the retention goes on with them", async () => {
  await using file = new QueueFile();
  const clock = new ManualClock();
  const store = file.open(clock, RETENTION);
  await append(store, puts("t", "one", "two", "three"));
  await open(store, "w");
  assertEquals(textsOf(await claim(store, "w", 1)), ["one"]);
  clock.advance(RETENTION + 1);
  // Time passes, and nothing is written to the file but what is to outlive the retention.
  await store.apply({ time: store.now(), commands: [] });
  file.copy("killed");
  await store[Symbol.asyncDispose]();
  file.bringBack("killed");
  const next = file.open(clock, RETENTION);
  await append(next, puts("t", "four"));
  assertEquals(textsOf(await claim(next, "w")), ["two", "three", "four"]);
  await next[Symbol.asyncDispose]();
});
