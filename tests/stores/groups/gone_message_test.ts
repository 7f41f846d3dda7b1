/**
 * Jobs whose messages are gone, in a file.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  claim,
  command,
  finish,
  LEASE,
  open,
  pass,
  stateOf,
  T,
} from "../../../testing/store/group_support.ts";
import { append, apply, puts, RETENTION } from "../../../testing/store/support.ts";
import { FailingFile } from "../../support/failing_file.ts";

/** A file in which the message of a held job was given up for lack of room; another one waits. */
async function withoutRoom(): Promise<{ file: FailingFile; claims: number[] }> {
  const file = new FailingFile(undefined, { limits: { groupBytes: 0 } });
  const { store, clock } = file;
  await append(store, puts("t", "1"));
  await open(store, "a", { attempts: 2 });
  const jobs = await claim(store, "a");
  clock.advance(RETENTION);
  await append(store, puts("t", "2"));
  return { file, claims: jobs.map(({ claim }) => claim) };
}

Deno.test("a message that is given up while somebody holds its job counts as given up, and can be finished", async () => {
  const { file, claims } = await withoutRoom();
  await using _ = file;
  const { givenUp, held, depth, oldest } = await stateOf(file.store);
  assertEquals([givenUp, held, depth, oldest], [1, 1, 1, file.store.now()]);
  assertEquals(await finish(file.store, claims), { lost: [], dead: [] });
  const { done, held: left } = await stateOf(file.store);
  assertEquals([done, left], [1, 0]);
});

for (const restarts of [false, true]) {
  const also = restarts ? ", also after a restart" : "";
  Deno.test(`a job whose message is gone is not there any more once it is given back${also}`, async () => {
    for (const outcome of ["retry", "dead", "release"] as const) {
      const { file, claims: [one] } = await withoutRoom();
      await using _ = file;
      if (restarts) await file.restart();
      await finish(file.store, [], [{ claim: one!, outcome }]);
      const { ready, dead, held, depth } = await stateOf(file.store);
      assertEquals([ready, dead, held, depth], [0, 0, 0, 1], outcome);
    }
  });
}

Deno.test("a job that was purged while somebody held it is not there any more once the lease ends", async () => {
  await using file = new FailingFile();
  const { store, clock } = file;
  await append(store, puts("t", "1"));
  await open(store, "a");
  await claim(store, "a");
  await apply(store, [{ type: "purge", topic: "t", max: 10 }]);
  assertEquals((await stateOf(store)).held, 1);
  await pass(store, clock, LEASE);
  const { held, ready, depth } = await stateOf(store);
  assertEquals([held, ready, depth], [0, 0, 0]);
});

Deno.test("a purge of what is older than a time leaves younger jobs, also those that have expired", async () => {
  await using file = new FailingFile();
  const { store, clock } = file;
  await command(store, { type: "create_group", name: T });
  await append(store, puts("t", "old"));
  clock.advance(1000);
  const time = store.now();
  await append(store, puts("t", "young"));
  clock.advance(RETENTION);
  await append(store, puts("t", "new"));
  assertEquals((await stateOf(store)).depth, 3);
  await apply(store, [{ type: "purge", topic: "t", before: { time: time - 1000 }, max: 10 }]);
  assertEquals((await stateOf(store)).depth, 3);
  await apply(store, [{ type: "purge", topic: "t", before: { time }, max: 10 }]);
  assertEquals((await stateOf(store)).depth, 2);
});
