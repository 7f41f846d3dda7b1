/**
 * What the operator is told when messages cannot be stored, and when they can be again.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { append, numbered, outcomes, puts } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { FileFolder } from "../support/file_folder.ts";

/** The events so far, and forgets them. */
function taken({ notices }: FailingFile): unknown[] {
  return notices.splice(0).map(({ event, message, reason, fields }) =>
    [event, message, reason, fields?.code].filter((part) => part !== undefined)
  );
}

Deno.test("each put on a full disk is told to the operator, and once that messages are stored again", async () => {
  await using file = new FailingFile(nodeSqlite);
  taken(file);
  const large = (n: number) => numbered("s", n, "t", `${n} `.padEnd(20_000, "x"));
  file.db.exec("PRAGMA max_page_count = 60");
  let last = 1;
  while ((await outcomes(file.store, [large(last)]))[0] !== "full") last++;
  const failed = ["store_commit_failed", "cannot store messages"];
  const why = ["database or disk is full", "full"];
  assertEquals(taken(file), [[...failed, ...why]]);
  assertEquals(await outcomes(file.store, [large(last)]), ["full"]);
  assertEquals(taken(file), [[...failed, ...why]]);
  file.db.exec("PRAGMA max_page_count = 100000");
  assertEquals(await outcomes(file.store, [large(last), large(last + 1)]), [last, last + 1]);
  assertEquals(taken(file), [["store_recovered", "messages are stored again"]]);
  await append(file.store, puts("t", "more"));
  assertEquals(taken(file), []);
});

Deno.test("a commit that fails is told to the operator with its reason, whatever fails in it", async () => {
  for (
    const [statement, code, reason] of [
      ["BEGIN", "unavailable", /^disk I\/O error$/],
      ["INSERT INTO", "unavailable", /^disk I\/O error$/],
      ["COMMIT", "unknown_outcome", /^Cannot tell whether messages are stored: .*disk I\/O error/],
    ] as const
  ) {
    await using file = new FailingFile(nodeSqlite);
    taken(file);
    file.before = (sql) => sql.startsWith(statement);
    assertEquals(await outcomes(file.store, puts("t", "m")), [code], statement);
    const [[event, message, why, got], ...more] = taken(file) as [string[]];
    assertEquals(
      [event, message, got, more],
      ["store_commit_failed", "cannot store messages", code, []],
    );
    assertMatch(why!, reason);
    file.repair();
    await append(file.store, puts("t", "m"));
    assertEquals(taken(file), [["store_recovered", "messages are stored again"]], statement);
  }
});

Deno.test("a file that was removed has one line, and another one when it is back", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  await append(store, puts("t", "m"));
  const before = folder.warnings.length;
  Deno.renameSync(folder.path, `${folder.path}.away`);
  for (let i = 0; i < 3; i++) assertEquals(await outcomes(store, puts("t", "m")), ["unavailable"]);
  Deno.renameSync(`${folder.path}.away`, folder.path);
  await append(store, puts("t", "m"));
  assertEquals(folder.warnings.slice(before), [
    `puts are refused: ${folder.path} is missing`,
    "puts are accepted again: the file is back",
  ]);
});
