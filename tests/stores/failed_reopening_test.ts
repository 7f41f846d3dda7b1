/**
 * A file that fails while it is opened: for the first time, or again after it has failed.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { append, outcomes, put, puts, texts } from "../../testing/store/support.ts";
import { FailingFile, type Step } from "../support/failing_file.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";

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

for (const when of ["before", "after"]) {
  Deno.test(`a start that fails ${when} any step leaves the file whole, and in use by nobody`, async () => {
    const steps = new Set<string>();
    for (let step = 0, failed = true; failed; step++) {
      await using file = new FailingFile(undefined, { durability: "process" });
      await append(file.store, puts("t", "before"));
      failed = false;
      let left = step;
      const failure: Step = (sql) => {
        if (failed || left-- > 0) return false;
        steps.add(sql);
        return failed = true;
      };
      const never = () => false;
      const start = when === "before" ? file.restart(failure) : file.restart(never, failure);
      await start.catch(({ message }) => assertStringIncludes(message, file.failure));
      using killed = new TempFolder();
      copyKilledFile(file.path, killed);
      await file.restart();
      assertEquals(await texts(file.store), ["before"], `step ${step}`);
      assertEquals(await outcomes(file.store, puts("t", "after")), [2], `step ${step}`);
      await using store = openFile(killed.file);
      assertEquals(await texts(store), ["before"], `the process was killed at step ${step}`);
    }
    assert(steps.size > 20, [...steps].join("; "));
  });
}
