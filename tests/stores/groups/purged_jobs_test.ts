/**
 * Jobs whose messages are purged: however many there are, nobody waits long for that.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { GroupMessages } from "../../../stores/groups/group_messages.ts";
import type { PurgeResult } from "../../../stores/store.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { claim, finish, open, stateOf, T, workPut } from "../../../testing/store/group_support.ts";
import { append, apply, puts, RETENTION } from "../../../testing/store/support.ts";
import { QueueFile } from "../../support/queue_file.ts";

const ALL = { prefix: "", group: "all" };
const later = (topic: string) => workPut(topic, "later", { delay: 60_000 });

/** How many pages groups read meanwhile. */
async function pagesOf(work: () => Promise<void>): Promise<number> {
  const { page } = GroupMessages.prototype;
  let count = 0;
  GroupMessages.prototype.page = function (...args) {
    count++;
    return page.apply(this, args);
  };
  try {
    await work();
  } finally {
    GroupMessages.prototype.page = page;
  }
  return count;
}

Deno.test("the jobs of a purged topic are dropped in parts, and what is left is not asked for one by one", async () => {
  await using file = new QueueFile();
  await using store = file.open(new ManualClock(), RETENTION);
  await append(store, Array.from({ length: 1000 }, (_, i) => later(i % 4 === 0 ? "u" : "t")));
  await append(store, puts("t", "held"));
  for (const name of [T, ALL]) {
    await open(store, "w", { name });
    await claim(store, "w", 1, name);
  }
  const lists = async () => [(await stateOf(store)).delayed, (await stateOf(store, ALL)).delayed];
  assertEquals(await lists(), [750, 1000]);
  const parts: number[] = [];
  let pages = 0;
  for (let more = true; more;) {
    const [one, other] = await lists();
    pages += await pagesOf(async () => {
      const [result] = await apply(store, [{ type: "purge", topic: "t", max: 200 }]);
      ({ more } = result as PurgeResult);
    });
    const [oneLeft, otherLeft] = await lists();
    parts.push(one! - oneLeft! + other! - otherLeft!);
  }
  assertEquals(await lists(), [0, 250]);
  assert(Math.max(...parts) <= 200, `${parts}`);
  assert(pages < 100, `${pages} pages`);
  // What is held is its holder's.
  for (const name of [T, ALL]) {
    assertEquals((await stateOf(store, name)).held, 1);
    const { jobs: [job] } = await open(store, "w", { name });
    assertEquals(job, undefined);
    assertEquals(await finish(store, [], [], name), { lost: [], dead: [] });
  }
});
