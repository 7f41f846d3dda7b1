/**
 * How a holder begins, and goes on when it comes again.
 *
 * @module
 */

import type { TopicMessage } from "../queries.ts";
import type { StoreError } from "../store.ts";
import type { ClaimedJob, OpenedHolder, OpenHolder } from "./group_commands.ts";
import { tooManyToOpen } from "./group_errors.ts";
import { type HeldJob, Holder } from "./holder.ts";
import type { SharedGroupState } from "./shared_group_state.ts";
import type { WorkGroup } from "./work_group.ts";

/** How many holders there may be. Each is there until its lease ends, so a client could make very many. */
const MAX_HOLDERS = 100_000;

/**
 * A job that a holder has had for longer without knowing of it is given back, in milliseconds: a worker counts its `timeout` from when it is
 * told, and would still work on the job when somebody else has it.
 */
const TELL_WITHIN = 1000;

/**
 * Opens a holder, or goes on with it.
 *
 * @param group its group
 * @param shared what all groups share
 * @param command which holder, and what it knows of
 * @returns what it has lost, and what it holds without knowing of it; or why there may be no other one
 */
export function openHolder(
  group: WorkGroup,
  shared: SharedGroupState,
  { holder: name, lease, timeout, attempts, holding, bytes, opening }: OpenHolder,
): OpenedHolder | StoreError {
  const { clock, messages, lost: lostClaims } = shared;
  const terms = { lease, timeout, attempts };
  const known = group.holders.get(name);
  if (!known && shared.holders >= MAX_HOLDERS) {
    return tooManyToOpen(`${shared.holders} workers hold leases`, MAX_HOLDERS);
  }
  const { unknown: jobs, left } = jobsToTell(
    known ? known.jobs.values : [],
    new Set<HeldJob | undefined>(holding.map((claim) => group.heldBy(claim))),
    clock.now - TELL_WITHIN,
    bytes,
    (seq) => messages.at(group.name, seq),
  );
  const holder = known ?? new Holder(group.id, name, terms, clock.now);
  holder.terms = terms;
  // First: one that is closed is forgotten with its last job.
  holder.closed = false;
  holder.opening = opening;
  for (const job of left) {
    lostClaims.add(job.claim);
    group.giveBack(job, job.attempt - 1);
  }
  holder.extend(clock.now);
  if (!known) {
    group.holders.set(name, holder);
    shared.holders++;
  }
  shared.onHolder(group.id, holder, true);
  shared.onHeld(holder.nextEnd);
  const lost = holding.filter((claim) => group.heldBy(claim)?.holder !== holder);
  return { lost, jobs };
}

/**
 * The jobs that a holder does not know of, as far as they fit: to read them all could take all memory.
 *
 * @param jobs its jobs, the one that was claimed first at the beginning
 * @param known those that it knows of
 * @param since it is told of those that it holds since then
 * @param bytes about this many bytes of them fit, and one always. Default: all do
 * @param read reads a message; `undefined` if it is gone
 * @returns those of which it is to learn, and those that are too old or do not fit
 */
function jobsToTell(
  jobs: Iterable<HeldJob>,
  known: ReadonlySet<HeldJob | undefined>,
  since: number,
  bytes: number = Infinity,
  read: (seq: number) => TopicMessage | undefined,
): { readonly unknown: readonly ClaimedJob[]; readonly left: readonly HeldJob[] } {
  const unknown: ClaimedJob[] = [];
  const left: HeldJob[] = [];
  let room = bytes;
  for (const job of jobs) {
    if (known.has(job)) continue;
    if (job.since < since || room <= 0 && unknown.length > 0) {
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
