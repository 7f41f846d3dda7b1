/**
 * Groups that are deleted, in a file.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { GroupEvent } from "../../../stores/groups/group_commands.ts";
import {
  claim,
  command,
  finish,
  LEASE,
  open,
  refusal,
  stateOf,
  T,
  TIMEOUT,
} from "../../../testing/store/group_support.ts";
import { append, apply, puts } from "../../../testing/store/support.ts";
import { FailingFile } from "../../support/failing_file.ts";

Deno.test("a group that is made and deleted in one turn leaves nothing, so that the file can be opened again", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "1"));
  await apply(file.store, [
    {
      ...{ type: "open_holder", name: T, holder: "a", lease: LEASE, timeout: TIMEOUT },
      ...{ attempts: 3, holding: [] },
    },
    { type: "claim", name: T, holders: [{ holder: "a", count: 1 }], bytes: 1 },
    { type: "delete_group", name: T },
  ]);
  await file.restart();
  assertEquals(await file.store.groups({ count: 10 }), []);
});

Deno.test("claims of a deleted group are lost, also for a group of its name that is made later", async () => {
  await using file = new FailingFile();
  const { store } = file;
  await append(store, puts("t", "1"));
  await open(store, "a");
  const jobs = await claim(store, "a");
  await command(store, { type: "delete_group", name: T });
  await command(store, { type: "create_group", name: T });
  assertEquals((await finish(store, jobs)).lost, jobs.map(({ claim }) => claim));
  assertEquals((await stateOf(store)).depth, 1);
});

Deno.test("nothing comes due any more once the last group is deleted", async () => {
  await using file = new FailingFile();
  const { store, clock } = file;
  await append(store, puts("t", "1"));
  await open(store, "a");
  const [job] = await claim(store, "a");
  await finish(store, [], [{ claim: job!.claim, outcome: "retry", delay: 1000 }]);
  await command(store, { type: "delete_group", name: T });
  clock.advance(1000);
  await apply(store, []);
  assertEquals([store.nextDue, store.holdsJobs], [undefined, false]);
});

Deno.test("nobody is told of a deletion that failed", async () => {
  await using file = new FailingFile();
  const { store } = file;
  const told: GroupEvent[] = [];
  await store.follow({
    stored: () => {},
    lost: () => {},
    groups: (events) => void told.push(...events),
  });
  await append(store, puts("t", "1"));
  await open(store, "a");
  file.failure = "database or disk is full";
  file.before = (sql) => sql === "COMMIT";
  assertEquals(await refusal(store, { type: "delete_group", name: T }), "full");
  file.repair();
  assertEquals((await claim(store, "a")).length, 1);
  assertEquals(told.filter(({ deleted }) => deleted), []);
});

Deno.test("what expired is freed again after the first group could not be made", async () => {
  await using file = new FailingFile();
  const { store, clock } = file;
  await append(store, puts("t", "1"));
  file.failure = "database or disk is full";
  file.before = (sql) => sql === "COMMIT";
  assertEquals(await refusal(store, { type: "create_group", name: T }), "full");
  file.repair();
  clock.advance(1e9);
  await append(store, puts("t", "2"));
  await store.trim(1000);
  const [rows] = file.db.prepare("SELECT count(*) AS n FROM runs").all();
  assertEquals({ ...Object(rows) }, { n: 1 });
});
