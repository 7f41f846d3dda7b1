/**
 * Which jobs a holder that comes again has to learn of.
 *
 * @module
 */

import type { TopicMessage } from "../queries.ts";
import type { ClaimedJob } from "./group_commands.ts";
import type { HeldJob } from "./holder.ts";

/**
 * The jobs that a holder does not know of, as far as they fit: to read them all could take all memory.
 *
 * @param jobs its jobs, the one that was claimed first at the beginning
 * @param known those that it knows of
 * @param bytes about this many bytes of them fit, and one always. Default: all do
 * @param read reads a message; `undefined` if it is gone
 * @returns those of which it is to learn, and those that do not fit
 */
export function jobsToTell(
  jobs: Iterable<HeldJob>,
  known: ReadonlySet<HeldJob | undefined>,
  bytes: number = Infinity,
  read: (seq: number) => TopicMessage | undefined,
): { readonly unknown: readonly ClaimedJob[]; readonly left: readonly HeldJob[] } {
  const unknown: ClaimedJob[] = [];
  const left: HeldJob[] = [];
  let room = bytes;
  for (const job of jobs) {
    if (known.has(job)) continue;
    if (room <= 0 && unknown.length > 0) {
      left.push(job);
      continue;
    }
    const message = read(job.seq);
    if (!message) continue;
    unknown.push({ message, claim: job.claim, attempt: job.attempt });
    room -= message.bytes;
  }
  return { unknown, left };
}
