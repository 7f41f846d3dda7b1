/**
 * A server whose database fails in the middle of a record, or of a read: it must not go on with a part of a change.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../../stores/store.ts";
import { claim, finish, open, stateOf } from "../../../testing/store/group_support.ts";
import { append, put, read, texts } from "../../../testing/store/support.ts";
import { nth, watchEngine } from "../../contracts/failing_engine.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

/** How many messages there are: claims read several pages of them. */
const STORED = 1500;

/** What fails while jobs are claimed. */
const FAILURES: Record<string, (sql: string) => boolean> = {
  "the first jobs cannot be read": nth(1, "SELECT last, first, times, bodies"),
  "jobs cannot be read after it has given some": nth(2, "SELECT last, first, times, bodies"),
  "it cannot make room for what it reads after it has given some": nth(2, "INSERT INTO runs"),
};

for (const [failure, fails] of Object.entries(FAILURES)) {
  Deno.test(`a server has given the same jobs as the others though its database fails: ${failure}`, async () => {
    await using servers = new ReplicatedStores();
    const { failing, failOn } = watchEngine();
    const a = await servers.open();
    const b = await servers.open({ engine: failing });
    await append(a, Array.from({ length: STORED }, (_, i) => put("t", `${i}`)));
    await open(a, "worker");
    await b.fence();
    // From now on: it may be saved before the jobs are claimed, which writes the same.
    const hits: string[] = [];
    failOn((sql) => fails(sql) && hits.push(sql) > 0);
    await append(a, [...numbers("u", 100), ...numbers("t", 100)]);
    const jobs = await claim(a, "worker", STORED + 100);
    await servers.pass(3000);
    await b.fence();
    assertEquals([hits.length, jobs.length], [1, STORED + 100]);
    assertEquals(await stateOf(b), await stateOf(a));
    // It goes on, and nobody says that it differs.
    const { lost } = await finish(b, jobs.slice(0, 500));
    await a.fence();
    assertEquals([lost, (await stateOf(a)).done, b.findFault()], [[], 500, undefined]);
    assertEquals(await texts(b), await texts(a));
  });
}

Deno.test("a read that finds a failed database brings nothing twice, and the server goes on from what was saved", async () => {
  await using servers = new ReplicatedStores();
  const { failing, failOn, executed } = watchEngine();
  const a = await servers.open();
  const b = await servers.open({ engine: failing });
  const { epoch } = b;
  const all = { topic: "t", count: 10_000 };
  await append(a, numbers("t", 100));
  await b.fence();
  await b.topics({ prefix: "", after: "", count: 10 });
  // What comes now is in the write buffer, behind what is in the table; unless it is saved, which is done by the real time.
  do {
    executed.length = 0;
    await append(a, [...numbers("t", 100), ...numbers("u", 100)]);
    await b.fence();
  } while (executed.some((sql) => sql.startsWith("INSERT INTO runs")));
  failOn(nth(2, "INSERT INTO runs"));
  const { message } = await assertRejects(() => read(b, all), StoreError);
  assertEquals(message, "Cannot read messages: the disk is full");
  // Nothing comes from the log meanwhile.
  await servers.pass(2000);
  const { messages } = await read(b, all);
  assertEquals(messages, (await read(a, all)).messages);
  assertEquals([b.epoch, b.findFault()], [epoch, undefined]);
});

function numbers(topic: string, count: number) {
  return Array.from({ length: count }, (_, i) => put(topic, `${i}`));
}
