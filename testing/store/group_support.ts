/**
 * Helpers for the tests of a store's groups.
 *
 * @module
 */

import { assert } from "../assert.ts";
import type {
  ClaimedJob,
  ClaimedJobs,
  ClaimJobs,
  ExtendedLease,
  FinishedJobs,
  GroupCommand,
  GroupName,
  GroupResult,
  JobOutcome,
  OpenedHolder,
  OpenHolder,
  StoredGroup,
} from "../../stores/groups/group_commands.ts";
import { type Put, type Store, StoreError } from "../../stores/store.ts";
import { apply, put } from "./support.ts";

/** The group of most tests. */
export const T: GroupName = { topic: "t", group: "default" };

/** For how long holders of these tests hold what they have, in milliseconds. */
export const LEASE = 30_000;

/** For how long they hold a job in any case, in milliseconds. */
export const TIMEOUT = 600_000;

/** How often a job is tried in these tests. */
export const ATTEMPTS = 3;

/** Applies a command of groups; throws if it is refused. */
export async function command<C extends GroupCommand>(
  store: Store,
  one: C,
): Promise<GroupResult<C>> {
  const [result] = await apply(store, [one]);
  if (result instanceof StoreError) throw result;
  return result as GroupResult<C>;
}

/** The code with which a command is refused. */
export async function refusal(store: Store, one: GroupCommand): Promise<string> {
  const [result] = await apply(store, [one]);
  assert(result instanceof StoreError, "it is refused");
  return result.code;
}

/** Opens a holder. */
export async function open(
  store: Store,
  holder: string,
  terms: Partial<Omit<OpenHolder, "type" | "holder">> = {},
): Promise<OpenedHolder> {
  const defaults = { name: T, lease: LEASE, timeout: TIMEOUT, attempts: ATTEMPTS, holding: [] };
  return await command(store, { type: "open_holder", holder, ...defaults, ...terms });
}

/** Claims jobs for a holder; all that there are, unless a number is given. */
export async function claim(
  store: Store,
  holder: string,
  count = 1000,
  name: GroupName = T,
): Promise<readonly ClaimedJob[]> {
  const { jobs, ended } = await claimAll(store, [{ holder, count }], name);
  assert(ended.length === 0, `${holder} is there`);
  return jobs[0]!;
}

/** Claims jobs for several holders. */
export async function claimAll(
  store: Store,
  holders: ClaimJobs["holders"],
  name: GroupName = T,
  bytes = 2 ** 40,
): Promise<ClaimedJobs> {
  return await command(store, { type: "claim", name, holders, bytes });
}

/** Finishes jobs: those that are done, and others. */
export async function finish(
  store: Store,
  done: readonly (ClaimedJob | number)[],
  outcomes: readonly JobOutcome[] = [],
  name: GroupName = T,
): Promise<FinishedJobs> {
  const claims = done.map((job) => typeof job === "number" ? job : job.claim);
  return await command(store, { type: "finish", name, done: claims, outcomes });
}

/** Extends the lease of a holder. */
export async function extend(
  store: Store,
  holder: string | undefined,
  claims: readonly number[] = [],
  name: GroupName = T,
): Promise<ExtendedLease> {
  return await command(store, { type: "extend", name, holder, claims });
}

/** Has dead jobs worked again, all in one step; returns how many. */
export async function redrive(store: Store, { seq }: { seq?: number } = {}): Promise<number> {
  const redriven = await command(store, { type: "redrive", name: T, seq, max: 1000 });
  assert(!redriven.more, "there are no more");
  return redriven.redriven;
}

/** The texts of jobs. */
export function textsOf(jobs: readonly ClaimedJob[]): string[] {
  return jobs.map(({ message }) => JSON.parse(message.body) as string);
}

/** The texts of jobs, each with its attempt if that is not the first. */
export function tries(jobs: readonly ClaimedJob[]): string[] {
  return jobs.map((job) => {
    const [text] = textsOf([job]);
    return job.attempt === 1 ? text! : `${text} ${job.attempt}`;
  });
}

/** A put with attributes that count for groups. */
export function workPut(
  topic: string,
  text: string,
  attributes: { readonly key?: string; readonly delay?: number },
): Put {
  const json = JSON.stringify(attributes);
  const plain = put(topic, text);
  return { ...plain, attributes: json, bytes: plain.bytes + json.length };
}

/** What is known of a group; it must be there. */
export async function stateOf(store: Store, name: GroupName = T): Promise<StoredGroup> {
  const groups = await store.groups({ count: 1000 });
  const found = groups.find((one) =>
    one.name.topic === name.topic && one.name.prefix === name.prefix &&
    one.name.group === name.group
  );
  assert(found, `group ${name.group} is there`);
  return found;
}

/** Lets time pass as a server does: in steps of half a second, each of which the store is told of. */
export async function pass(
  store: Store,
  clock: { advance(ms: number): unknown },
  ms: number,
): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    clock.advance(Math.min(500, left));
    await apply(store, []);
  }
}
