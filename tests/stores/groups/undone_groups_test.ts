/**
 * What groups have to write when a commit fails that is undone, as on a full disk: neither too little nor too much.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { GroupCommand } from "../../../stores/groups/group_commands.ts";
import { type Command, StoreError } from "../../../stores/store.ts";
import {
  ATTEMPTS,
  claim,
  finish,
  LEASE,
  open,
  pass,
  stateOf,
  T,
  TIMEOUT,
  tries,
} from "../../../testing/store/group_support.ts";
import { append, apply, put, puts } from "../../../testing/store/support.ts";
import { FailingFile } from "../../support/failing_file.ts";

/** Has commands committed together on a disk that is full. */
async function onFullDisk(file: FailingFile, commands: readonly Command[]): Promise<void> {
  file.failure = "database or disk is full";
  file.before = (sql) => sql === "COMMIT";
  for (const result of await apply(file.store, commands)) {
    assertEquals(result instanceof StoreError && result.code, "full");
  }
  file.repair();
}

Deno.test("claims that a file has passed over are lost after a restart, also if its first commit fails", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "1", "2"));
  await open(file.store, "a");
  const [one] = await claim(file.store, "a", 1);
  const unknown = [one!.claim + 1, one!.claim + 5_000_000];
  file.clock.advance(10_000);
  await file.restart();
  await onFullDisk(file, [put("u")]);
  await append(file.store, [put("u")]);
  assertEquals((await finish(file.store, unknown)).lost, unknown);
  await file.restart();
  assertEquals((await finish(file.store, unknown)).lost, unknown);
});

Deno.test("of the first group of a file nothing is left if its commit fails, also after others are stored and a restart", async () => {
  await using file = new FailingFile();
  const { clock } = file;
  const terms = { lease: LEASE, timeout: TIMEOUT, attempts: ATTEMPTS, holding: [] };
  const first: GroupCommand[] = [
    { type: "open_holder", name: T, holder: "undone", ...terms },
    { type: "claim", name: T, bytes: 1000, holders: [{ holder: "undone", count: 3 }] },
  ];
  await onFullDisk(file, [put("t", "x"), put("t", "y"), put("t", "z"), ...first]);
  await open(file.store, "a", { lease: 600_000 });
  await append(file.store, puts("t", "1"));
  await claim(file.store, "a");
  await file.restart();
  await append(file.store, puts("t", "2", "3"));
  const { depth, held } = await stateOf(file.store);
  assertEquals({ depth, held }, { depth: 2, held: 1 });
  await open(file.store, "b", { lease: 600_000 });
  assertEquals(tries(await claim(file.store, "b")), ["2", "3"]);
  await pass(file.store, clock, LEASE + 500);
  assertEquals(tries(await claim(file.store, "b")), []);
});
