/**
 * A file whose last commit failed is tried again, so that the end of the trouble is noticed without a put.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { outcomes, put } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";

/** The statements of a put, and of a trial. */
const isWrite = (sql: string) => /^\s*INSERT INTO (?!epochs)|SET epoch = epoch/.test(sql);

for (const failure of ["disk I/O error", "database or disk is full"] as const) {
  Deno.test(`after "${failure}" a store is at fault until a trial succeeds, at most one a second`, async () => {
    await using file = new FailingFile();
    const { clock } = file;
    file.failure = failure;
    assertEquals(await outcomes(file.store, [put("t", "1")]), [1]);
    assertEquals(file.store.findFault(), undefined);
    file.before = isWrite;
    assertEquals(await outcomes(file.store, [put("t", "2")]), [
      failure === "disk I/O error" ? "unavailable" : "full",
    ]);
    assertMatch(file.store.findFault()!, /^Cannot store messages: /);
    const trials = () => file.executed.filter((sql) => /SET epoch = epoch/.test(sql)).length;
    assertEquals(trials(), 0);
    clock.advance(1000);
    assertMatch(file.store.findFault()!, /^Cannot store messages: /);
    assertEquals(trials(), 1);
    file.repair();
    // Not before its time, though nothing fails any more.
    assertMatch(file.store.findFault()!, /^Cannot store messages: /);
    clock.advance(1000);
    assertEquals([file.store.findFault(), file.store.findFault()], [undefined, undefined]);
    assertEquals(trials(), 2);
    const [page] = await file.store.read([{ topic: "t", after: 0, count: 9, bytes: 999 }]);
    assertEquals(page!.messages.map(({ seq }) => seq), [1]);
    assertEquals(await outcomes(file.store, [put("t", "3")]), [2]);
  });
}

Deno.test("a put that succeeds ends the fault at once, and a closed store has none", async () => {
  await using file = new FailingFile();
  file.before = isWrite;
  assertEquals(await outcomes(file.store, [put("t", "1")]), ["unavailable"]);
  file.repair();
  assertEquals(await outcomes(file.store, [put("t", "2")]), [1]);
  assertEquals(file.store.findFault(), undefined);
  await file.store[Symbol.asyncDispose]();
  assertEquals(file.store.findFault(), undefined);
});
