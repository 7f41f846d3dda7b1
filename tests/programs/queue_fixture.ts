/**
 * Creates a queue in a file of this version, for later versions to open: `tests/fixtures/queue_v4.db` and, as a
 * killed process leaves it, `queue_v4_killed.db` with its log. Run it once for each schema version, and keep the files:
 * `deno run -A tests/programs/queue_fixture.ts FOLDER NAME`.
 *
 * @module
 */

import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { claim, finish, open as openHolder } from "../../testing/store/group_support.ts";
import { apply, numbered, put, trim } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** When the first message was stored: the first moment of 2026. */
const BEGIN = 1_767_225_600_000;
const RETENTION = 600_000;

const [folder, name] = Deno.args as [string, string];
const clock = new ManualClock(BEGIN);
const options = { engine: nodeSqlite, clock, retention: RETENTION };
const open = (storedBytes: number) => {
  const limits = { storedBytes, overflow: "drop-oldest" } as const;
  return new FileStore({ ...options, limits, path: `${folder}/${name}.db`, durability: "disk" });
};

let store = open(1000);
await apply(store, [put("gone", "expires"), put("t", "expires")]);
clock.advance(RETENTION);
await trim(store, 1000);
// More than the limit: the first of these is dropped.
await apply(store, [put("t", "given up".padEnd(600)), numbered("session-1", 1, "t", "kept 1")]);
await apply(store, [numbered("session-1", 2, "u", "kept 2".padEnd(300))]);
await store[Symbol.asyncDispose]();

clock.advance(1000);
store = open(10_000);
await apply(store, [
  numbered("session-1", 3, "t", "kept \0 3"),
  numbered("session-2", 7, "t", "kept \u{1f995} 4"),
  put("v", "without"),
  attributed({ messageId: "m", key: "k\ud800", headers: { "h ä": "" }, delay: 5 }, "v", "with"),
]);
// The group has one job that is done, one that is dead, one that is held, and one that is to be retried.
const all = { prefix: "", group: "all" };
await openHolder(store, "worker", { name: all });
const [done, dead, held, retried] = await claim(store, "worker", 4, all);
await finish(store, [done!], [
  { claim: dead!.claim, outcome: "dead", reason: "no \0" },
  { claim: retried!.claim, outcome: "retry", delay: 1000 },
], all);
console.log(held!.claim);
for (const part of ["", "-wal"]) {
  Deno.copyFileSync(`${folder}/${name}.db${part}`, `${folder}/${name}_killed.db${part}`);
}
await store[Symbol.asyncDispose]();
