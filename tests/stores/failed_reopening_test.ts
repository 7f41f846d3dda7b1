/**
 * A file that fails, and then fails again while it is opened again.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { append, outcomes, put, puts, texts } from "../contracts/store_support.ts";
import { FailingFile } from "../support/failing_file.ts";

/** How often opening fails before the disk works again. */
const ATTEMPTS = 2;

Deno.test("a file whose opening fails at any step is opened once the disk works again", async () => {
  // A file system gives the number of a file that was deleted to the next one: SQLite's next log must get another.
  const folder = Deno.makeTempDirSync();
  let files = 0;
  const steps = new Set<string>();
  try {
    for (let step = 0;; step++) {
      await using file = new FailingFile(undefined, { durability: "process" });
      await append(file.store, puts("t", "before"));
      let failures = 0;
      let left = step;
      file.before = (sql) => {
        if (failures === 0) {
          if (sql === "COMMIT") failures++;
          return failures > 0;
        }
        Deno.writeTextFileSync(`${folder}/${files++}`, "");
        if (failures > ATTEMPTS || left-- > 0) return false;
        failures++;
        left = step;
        steps.add(sql);
        return true;
      };
      await outcomes(file.store, [put("t")]);
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        await file.store.bounds().catch(() => {});
      }
      file.repair();
      if (failures <= ATTEMPTS) break;
      assertEquals(await texts(file.store), ["before"], `step ${step}`);
      assertEquals(await outcomes(file.store, puts("t", "after")), [2], `step ${step}`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  assert(steps.size > 10, [...steps].join("; "));
});
