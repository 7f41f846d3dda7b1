/**
 * Two batches that are committed together.
 *
 * @module
 */

import type { FileStore } from "../../stores/file_store.ts";
import type { Put } from "../../stores/store.ts";
import { numbered, outcomes, put } from "../../testing/store/support.ts";

/** What is put in the tests: two batches that are committed together. */
export const BATCHES: Put[][] = [
  [numbered("s", 1), put("new", "x"), numbered("s", 2)],
  [numbered("u", 1, "t"), put("t", "last")],
];

export async function both(store: FileStore): Promise<(number | string)[]> {
  return (await Promise.all(BATCHES.map((batch) => outcomes(store, batch)))).flat();
}
