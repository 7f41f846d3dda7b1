/**
 * What a server and its store tell of groups, in sums and of the deepest ones.
 *
 * @module
 */

import { networkPolled } from "../budgets/after_network_poll.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { GroupName, StoredGroup } from "../stores/groups/group_commands.ts";
import type { Store } from "../stores/store.ts";
import { groupNameKey } from "./group_names.ts";

/** How many groups are told of one by one: more would be too many series for those who collect them. */
export const MAX_NAMED_GROUPS = 100;

/** So many groups are read before others have their turn. */
const PAGE = 100;

/** What jobs can be that are not done. */
const STATES = ["ready", "delayed", "blocked", "held", "dead"] as const;

/** What is counted of jobs. */
const COUNTS = ["claimed", "done", "retried", "died", "givenUp"] as const;

/** How many jobs of all groups are what. `waiting`: nobody has begun them. */
export type SummedStates = Readonly<Record<"waiting" | typeof STATES[number], number>>;

/** How often something has happened to jobs of all groups. */
export type SummedCounts = Readonly<Record<typeof COUNTS[number], number>>;

/** A group, and how many work on it here. */
export interface ReadGroup extends StoredGroup {
  readonly workers: number;
}

/** What is told of groups. */
export interface GroupReadings {
  /** How many there are. */
  readonly groups: number;
  /** How many of them take no new messages. */
  readonly stalled: number;
  /** Workers that are connected to this server, and calls that wait for a job. */
  readonly workers: number;
  readonly jobs: SummedStates;
  /** They only grow, also when groups are deleted. */
  readonly counts: SummedCounts;
  /** When the oldest message that is not finished was stored, in milliseconds since 1970, if there is one. */
  readonly oldest: number | undefined;
  /** How many seconds ago that was, by the store's time; 0 without one. */
  readonly oldestAge: number;
  /** The deepest ones, the deepest first. */
  readonly deepest: readonly ReadGroup[];
  /** The store's time. */
  readonly now: number;
}

/** Reads them when somebody asks. */
export class GroupReader {
  readonly #store: Pick<Store, "groups" | "now">;
  readonly #workersOf: (name: GroupName) => number;
  /** What each group has counted when it was read last. */
  #known = new NameMap<SummedCounts>();
  readonly #counts: Record<typeof COUNTS[number], number> = zeros(COUNTS);
  #reading: Promise<GroupReadings> | undefined;

  /**
   * Has read nothing yet.
   *
   * @param store the store
   * @param workersOf how many work on a group here
   */
  constructor(store: Pick<Store, "groups" | "now">, workersOf: (name: GroupName) => number) {
    this.#store = store;
    this.#workersOf = workersOf;
  }

  /** Reads all groups. Those who ask meanwhile get the same. Rejects if the store cannot be read. */
  read(): Promise<GroupReadings> {
    return this.#reading ??= this.#read().finally(() => this.#reading = undefined);
  }

  async #read(): Promise<GroupReadings> {
    const jobs = zeros(["waiting", ...STATES]);
    const seen = new NameMap<SummedCounts>();
    let [groups, stalled, workers] = [0, 0, 0];
    let oldest: number | undefined;
    let deepest: ReadGroup[] = [];
    let after: GroupName | undefined;
    for (;;) {
      const page = await this.#store.groups({ count: PAGE, after });
      for (const group of page) {
        const named = { ...group, workers: this.#workersOf(group.name) };
        groups++;
        if (group.stalled) stalled++;
        workers += named.workers;
        for (const state of STATES) jobs[state] += group[state];
        jobs.waiting += group.depth - group.ready - group.delayed - group.blocked;
        oldest = Math.min(oldest ?? Infinity, group.oldest ?? Infinity);
        this.#count(group, seen);
        deepest.push(named);
      }
      deepest = deepest.sort((a, b) => b.depth - a.depth || b.dead - a.dead)
        .slice(0, MAX_NAMED_GROUPS);
      if (page.length < PAGE) break;
      after = page.at(-1)!.name;
      await networkPolled();
    }
    this.#known = seen;
    const now = this.#store.now();
    const isAny = oldest !== undefined && oldest < Infinity;
    return {
      ...{ groups, stalled, workers, jobs, deepest, now },
      counts: { ...this.#counts },
      oldest: isAny ? oldest : undefined,
      oldestAge: isAny ? Math.max(0, now - oldest!) / 1000 : 0,
    };
  }

  /** Adds what has happened since it was read last. One that counts less by now was deleted and made again. */
  #count(group: StoredGroup, seen: NameMap<SummedCounts>): void {
    const key = groupNameKey(group.name);
    const before = this.#known.get(key);
    for (const name of COUNTS) {
      const known = before?.[name] ?? 0;
      this.#counts[name] += group[name] < known ? group[name] : group[name] - known;
    }
    const { claimed, done, retried, died, givenUp } = group;
    seen.set(key, { claimed, done, retried, died, givenUp });
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
