/**
 * Applies commands to a file that may fail, and shows what came of them.
 *
 * @module
 */

import { type Command, type PutAck, StoreError } from "../../stores/store.ts";
import type { FailingFile } from "./failing_file.ts";

/** Forgets the session of most tests. */
export const FORGET: Command = { type: "forget_session", session: "s" };

/**
 * Applies a batch.
 *
 * @param file the file
 * @param commands the batch
 * @param time when they happen; now by default
 * @returns the number of each message, as `dup 1` if it was there before, or the code of the error
 */
export async function applied(
  { store }: FailingFile,
  commands: readonly Command[],
  time = store.now(),
): Promise<(string | number | undefined)[]> {
  const results = await store.apply({ time, commands });
  return results.map((result) => {
    if (result instanceof StoreError) return result.code;
    const { seq, dup } = result as Partial<PutAck>;
    return dup ? `dup ${seq}` : seq;
  });
}
