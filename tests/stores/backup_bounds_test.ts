/**
 * Copies of which the store that they were made of no longer knew exactly what is gone: they go on as others do.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Store } from "../../stores/store.ts";
import { append, apply, put } from "../../testing/store/support.ts";
import { RETENTION } from "../support/backed_up_store.ts";
import { BackupFolder } from "../support/backup_folder.ts";

async function purge(store: Store, ...topics: readonly string[]): Promise<number[]> {
  const purged: number[] = [];
  for (const topic of topics) {
    const [result] = await apply(store, [{ type: "purge", topic, max: 9 }]);
    purged.push(Object(result).purged);
  }
  return purged;
}

/** Everything in it expires, and is deleted. */
async function assertExpires(folder: BackupFolder, store: Store): Promise<void> {
  folder.original.clock.advance(RETENTION);
  assertEquals(await store.trim(1000), false);
  assertEquals(await store.topics({ prefix: "", after: "", count: 9 }), []);
}

for (const kind of ["memory", "file"] as const) {
  Deno.test(`of a copy every topic can be purged, and all expires, whatever the store knew that it was made of: ${kind}`, async () => {
    await using folder = new BackupFolder(kind, { goneTopics: 1 });
    const { store } = folder.original;
    // As much is gone of y as of any topic, so up to x: that message is left.
    const topics = ["h1", "h2", "h3", "y", "x", "y", "g", "i", "j"];
    await append(store, topics.map((topic) => put(topic)));
    await purge(store, "h1", "h2", "h3");
    await apply(store, [{ type: "purge", topic: "y", before: { seq: 5 }, max: 9 }]);
    await purge(store, "g", "i", "j");
    const { gone } = await folder.copy(store, "copy");
    assertEquals(gone.map(({ topic, seq }) => [topic, seq]), [["x", 4], ["y", 5]]);
    {
      await using copy = folder.open("copy");
      assertEquals(await purge(copy, "x"), [1]);
      await folder.copy(copy, "second");
      assertEquals(await purge(copy, "y"), [1]);
    }
    await using second = folder.open("second");
    await append(second, ["x", "y"].map((topic) => put(topic)));
    await assertExpires(folder, second);
    await using copy = folder.open("copy");
    await assertExpires(folder, copy);
  });
}

Deno.test("of a copy of a copy of a copy every topic can be purged", async () => {
  await using folder = new BackupFolder("file", {});
  const { store } = folder.original;
  await append(store, [put("h"), put("keep")]);
  await purge(store, "h");
  await folder.copy(store, "1");
  {
    await using copy = folder.open("1");
    await append(copy, ["x", "w", "z", "z"].map((topic) => put(topic)));
    await purge(copy, "z");
    await folder.copy(copy, "2");
  }
  {
    await using copy = folder.open("2");
    await folder.copy(copy, "3");
  }
  await using copy = folder.open("3");
  assertEquals(await purge(copy, "keep", "x", "w"), [1, 1, 1]);
  await assertExpires(folder, copy);
});
