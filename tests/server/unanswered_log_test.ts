/**
 * A server whose log does not answer, as its clients and its operator see it.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Queue } from "../../queue/queue.ts";
import { type Command, type CommandBatch, StoreError } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { FencedStore } from "../support/fenced_store.ts";
import { RawClient } from "../support/raw_client.ts";
import { testStores } from "../support/store_servers.ts";
import { withTimeout } from "../support/with_timeout.ts";

testStores(
  "a hello whose session may be open or not can be tried again: unavailable",
  async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    const raw = await RawClient.open(server.url);
    const cause = new Error("the log does not answer");
    const unknown = new StoreError("Cannot tell", { code: "unknown_outcome", cause });
    const apply = store.apply.bind(store);
    store.apply = ({ commands }: CommandBatch<Command>) =>
      Promise.resolve(commands.map(() => unknown));
    const hello = { action: "hello", protocol: 1, session: "0123456789abcdefABCDEF", try: 1 };
    void raw.send({ ...hello, id: 1 });
    const { error } = await withTimeout(raw.next());
    assertEquals(error.code, "unavailable");
    assertMatch(error.message, /^Cannot open the session: the log does not answer$/);
    store.apply = apply;
    void raw.send({ ...hello, id: 2 });
    assertEquals((await withTimeout(raw.next())).start, 0);
  },
);

Deno.test("a server that stops does not wait for what comes due, if the log does not take it", async () => {
  const clock = new ManualClock();
  const store = new FencedStore(clock);
  await store.arrive("t");
  const queue = await Queue.open(store, clock, { write() {} });
  const asked = Promise.withResolvers<void>();
  store.apply = () => (asked.resolve(), new Promise(() => {}));
  clock.advance(1000);
  await withTimeout(asked.promise);
  await withTimeout(queue[Symbol.asyncDispose]());
});
