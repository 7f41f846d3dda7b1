/**
 * A file that is moved, replaced or truncated during many puts, or during repetitions.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import {
  append,
  apply,
  outcomes,
  put,
  puts,
  RETENTION,
  texts,
  trim,
} from "../../testing/store/support.ts";
import { FileFolder } from "../support/file_folder.ts";
import { nextStart, otherPath } from "../support/file_folder.ts";

Deno.test("in a burst of puts, a removed file is noticed at the next put, and a removed log soon after", async () => {
  for (const part of ["", "-wal"]) {
    using folder = new FileFolder();
    await using store = folder.open();
    for (let n = 1; n <= 50; n++) assertEquals(await outcomes(store, [put("t")]), [n]);
    Deno.copyFileSync(folder.path + part, otherPath(folder));
    Deno.renameSync(otherPath(folder), folder.path + part);
    let [outcome] = await outcomes(store, [put("t")]);
    if (part === "") assertEquals(outcome, "unavailable");
    const end = performance.now() + 5000;
    while (outcome !== "unavailable" && performance.now() < end) {
      [outcome] = await outcomes(store, [put("t")]);
    }
    assertEquals(outcome, "unavailable");
  }
});

for (const size of [0, 32, 5000, 40_000]) {
  Deno.test(`in a burst of puts, a log that is truncated to ${size} bytes is noticed although it grows again, and stays refused`, async () => {
    using folder = new FileFolder();
    const store = folder.open();
    for (let n = 1; n <= 50; n++) assertEquals(await outcomes(store, [put("t")]), [n]);
    Deno.truncateSync(`${folder.path}-wal`, size);
    const end = performance.now() + 5000;
    const refused = async () => (await outcomes(store, [put("t")]))[0] === "unavailable";
    while (!await refused() && performance.now() < end) { /* until the store checks it */ }
    for (let time = 0; time < 50; time++) assert(await refused());
    const before = Deno.readFileSync(folder.path);
    await store[Symbol.asyncDispose]();
    assertEquals(Deno.readFileSync(folder.path), before, "nothing is created in its place");
  });
}

Deno.test("a purge in a file that was moved does no harm", async () => {
  using folder = new FileFolder();
  const store = folder.open();
  await append(store, puts("t", "1"));
  Deno.renameSync(folder.path, `${folder.root}/moved`);
  folder.clock.advance(RETENTION);
  await trim(store, 1000);
  Deno.renameSync(`${folder.root}/moved`, folder.path);
  assertEquals(await outcomes(store, [put("t", "2")]), [2]);
  await store[Symbol.asyncDispose]();
  assertEquals(await nextStart(folder), ["2"]);
});

Deno.test("the same is noticed with process durability", async () => {
  using folder = new FileFolder();
  const { path, clock } = folder;
  const options = { path, clock, engine: nodeSqlite, retention: RETENTION };
  await using store = new FileStore({ ...options, durability: "process" });
  await append(store, puts("t", "1"));
  Deno.renameSync(path, `${folder.root}/moved`);
  assertEquals(await outcomes(store, [put("t", "lost")]), ["unavailable"]);
  Deno.renameSync(`${folder.root}/moved`, path);
  assertEquals(await outcomes(store, [put("t", "2")]), [2]);
});

Deno.test("while the file is away, a repeated put is reported as stored if it was, and refused otherwise", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  const numbered = (n: number) => ({ ...put("t", `${n}`), session: "s", n });
  await append(store, [numbered(1)]);
  Deno.renameSync(folder.path, `${folder.root}/moved`);
  assertEquals(await outcomes(store, [numbered(1), numbered(2)]), ["dup 1", "unavailable"]);
  Deno.renameSync(`${folder.root}/moved`, folder.path);
  assertEquals(await outcomes(store, [numbered(1), numbered(2)]), ["dup 1", 2]);
  assert((await texts(store)).length === 2);
});

Deno.test("while the file is away, one error covers all repeated puts with an unknown outcome, however many there are", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  const numbered = (n: number) => ({ ...put("t", "x"), session: "s", n });
  await append(store, [numbered(20_000)]);
  await append(store, [numbered(40_000)]);
  Deno.renameSync(folder.path, `${folder.root}/moved`);
  const results = await apply(store, Array.from({ length: 10_000 }, (_, i) => numbered(i + 1)));
  assertEquals(await outcomes(store, [numbered(1)]), ["unknown_outcome"]);
  assertEquals(new Set(results).size, 1);
});
