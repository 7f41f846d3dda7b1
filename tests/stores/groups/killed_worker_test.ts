/**
 * A file with groups whose process is killed while it works.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../../stores/file_store.ts";
import { claim, finish, open, stateOf } from "../../../testing/store/group_support.ts";
import { apply, RETENTION } from "../../../testing/store/support.ts";
import { Program } from "../../support/program.ts";
import { TempFolder } from "../../support/queue_files.ts";

Deno.test("no job is forgotten or done again when the process that works on a file is killed", async () => {
  using folder = new TempFolder();
  const put = new Set<number>();
  const done = new Set<number>();
  const finishing = new Set<number>();
  /** The last claim of each job. */
  const claims = new Map<number, number>();
  let last = 0;
  const learn = (line: string) => {
    const [what, seq, claim] = line.split(" ");
    const [number, claimed] = [Number(seq), Number(claim)];
    if (what === "put") put.add(number);
    if (what === "finish") finishing.add(number);
    if (what === "done") done.add(number);
    if (what !== "claim") return;
    assert(!done.has(number), `${number} is done, and is given again`);
    const before = claims.get(number);
    // A process gets those again that the last one had.
    assert(claimed > last || claimed === before, `claim ${claimed} comes after ${last}`);
    last = Math.max(last, claimed);
    claims.set(number, claimed);
  };
  for (let round = 0; round < 4; round++) {
    await using program = new Program(["-A", "tests/programs/group_worker.ts", folder.file]);
    for (let left = 300 + 211 * round; left > 0; left--) learn((await program.line())!);
    program.child.kill("SIGKILL");
    // It writes so little at a time that no line is cut off.
    for (const line of (await program.end()).stdout.split("\n")) learn(line);
  }
  const db = new DatabaseSync(folder.file);
  assertEquals(Object.values(db.prepare("PRAGMA integrity_check").get()!), ["ok"]);
  db.close();
  const clock = { now: () => Date.now() + 1000 };
  const options = { path: folder.file, engine: nodeSqlite, retention: RETENTION, clock };
  await using store = new FileStore({ ...options, durability: "disk" });
  await apply(store, []);
  const { jobs } = await open(store, "w", { attempts: 1000 });
  for (let left = [...jobs]; left.length > 0; left = [...await claim(store, "w")]) {
    for (const { message: { seq }, claim } of left) learn(`claim ${seq} ${claim}`);
    await finish(store, left);
    for (const { message: { seq } } of left) learn(`done ${seq}`);
  }
  const { depth, held } = await stateOf(store);
  assertEquals([depth, held], [0, 0]);
  // Who is killed as it finishes a job may not hear that it is done.
  const forgotten = [...put].filter((seq) => !done.has(seq) && !finishing.has(seq));
  assertEquals(forgotten, []);
  assert(put.size > 300, `${put.size} jobs`);
});
