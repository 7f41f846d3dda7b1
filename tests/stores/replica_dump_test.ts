/**
 * Dumps of a whole store: one replica goes on, and another one is dumped, restored, trimmed and flushed in between; both do the same.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { CommandBatch } from "../../stores/commands.ts";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";
import { modelRuns } from "../support/model_runs.ts";
import {
  ReplicaCommands,
  type ReplicaProgram,
  replicaPrograms,
  type ReplicaTurn,
} from "../support/replica_programs.ts";
import { RestoredReplica } from "../support/restored_replica.ts";

const fakeEngine = dbSqlite({ Database: FakeDatabase });

/** What happens to one replica and not to others. */
function disturb(replica: RestoredReplica, then: ReplicaTurn["then"]): void {
  for (const what of then) {
    if (what === "restore") replica.restore();
    else if (what === "flush") replica.flush();
    else replica.trim(what === "trim" ? 50 : 0.01);
  }
}

/** Compares texts first: most are equal, and to walk through objects takes long. */
function assertSame(actual: unknown, expected: unknown, which: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) assertEquals(actual, expected, which);
}

function run({ setting, hasThird, turns }: ReplicaProgram): void {
  using first = new RestoredReplica(nodeSqlite, setting);
  using second = new RestoredReplica(nodeSqlite, setting);
  using third = hasThird ? new RestoredReplica(fakeEngine, setting) : undefined;
  const commands = new ReplicaCommands();
  let time = 1_000_000;
  for (const [i, { pass, batches, then, looks }] of turns.entries()) {
    time += pass;
    const expected: unknown[] = [];
    const applied: CommandBatch[] = [];
    for (const { back, steps } of batches) {
      const batch = {
        time: time - back,
        commands: steps.map((step) => commands.commandOf(step, first.known, time)),
      };
      applied.push(batch);
      const found = first.apply([batch]);
      commands.learn(found[0] as unknown[]);
      expected.push(...found);
    }
    for (const [name, replica] of [["second", second], ["third", third]] as const) {
      if (!replica) continue;
      const which = `turn ${i}, the ${name} replica`;
      assertSame(replica.apply(applied), expected, which);
      assertSame(replica.dump(), first.dump(), `the dump after ${which}`);
      if (name === "second") disturb(replica, then);
      else if (i % 3 === 0) replica.restore();
      if (looks) assertSame(replica.look(), first.look(), `what is seen after ${which}`);
    }
  }
  for (const replica of [second, third]) {
    if (!replica) continue;
    assertSame(replica.look(), first.look(), "what is seen at the end");
    assertSame(replica.expired(), first.expired(), "what is held at the end");
  }
}

Deno.test("a replica that is dumped and restored does the same as one that goes on, and so does its next dump", () => {
  fc.assert(fc.property(replicaPrograms, run), modelRuns("REPLICAS", 200));
});
