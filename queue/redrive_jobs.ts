/**
 * Has dead jobs worked again, however many they are.
 *
 * @module
 */

import type { GroupName, RedriveJobs } from "../stores/groups/group_commands.ts";
import { StoreError } from "../stores/store.ts";
import type { Queue } from "./queue.ts";

/** So many jobs are redriven in one go: a file takes some 10 milliseconds for them. */
const PART = 512;

/** Which jobs are redriven. */
export interface RedriveRun {
  /** The group. */
  readonly name: GroupName;
  /** The sequence number of the job. Default: all that are dead now. */
  readonly seq?: number | undefined;
  /** Lets others have their turn. */
  readonly pause: () => Promise<void> | undefined;
}

/**
 * Has dead jobs worked again: those that are dead now, and none of them twice, though they may die again meanwhile. Many are redriven in
 * parts, the oldest messages first. If one of the parts fails, those before it are redriven, and the rest is still dead.
 *
 * @param queue the queue
 * @param options which jobs
 * @param onRedriven gets how many were redriven, also if not all of them could be
 * @returns how many there were
 * @throws {StoreError} if the group is not there, or the store fails
 */
export async function redriveJobs(
  { groups, store }: Pick<Queue, "groups" | "store">,
  { name, seq, pause }: RedriveRun,
  onRedriven: (count: number) => void,
): Promise<number> {
  let redriven = 0;
  let rest: RedriveJobs = { type: "redrive", name, seq, diedBy: store.now(), max: PART };
  try {
    for (;;) {
      const [result] = await groups.apply([rest]);
      if (result instanceof StoreError) throw result;
      const part = result!;
      redriven += part.redriven;
      if (!part.more) return redriven;
      rest = { ...rest, after: part.through };
      await pause();
    }
  } finally {
    onRedriven(redriven);
  }
}
