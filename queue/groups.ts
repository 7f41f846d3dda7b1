/**
 * The groups with workers on this server.
 *
 * @module
 */

import { RecurringNameMap } from "../budgets/recurring_name_map.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import type {
  FinishedJobs,
  FinishJobs,
  GroupCommand,
  GroupEvent,
  GroupName,
  GroupResult,
} from "../stores/groups/group_commands.ts";
import { type Store, type StoreError, toStoreError } from "../stores/store.ts";
import type { BackgroundTasks } from "./background_tasks.ts";
import type { Clock } from "./clock.ts";
import { GroupLog } from "./group_log.ts";
import { groupNameKey } from "./group_names.ts";
import type { JobTaker } from "./job_taker.ts";
import { LeaseTicks } from "./lease_ticks.ts";
import type { EventLog } from "./log_event.ts";
import type { TimerHeap } from "./timer_heap.ts";
import type { TopicListener } from "./topic_batch.ts";
import { type WorkContext, WorkedGroup } from "./worked_group.ts";
import { WorkSlices } from "./work_slices.ts";

/** What groups need of their queue. */
export interface GroupsQueue {
  readonly store: Pick<Store, "now" | "holdsJobs" | "nextDue">;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly timers: TimerHeap;
  readonly cleanup: Pick<BackgroundTasks, "forEach">;
  apply(commands: readonly GroupCommand[]): Promise<readonly (object | StoreError)[]>;
  listen(filter: TopicFilter, listener: TopicListener): void;
  stopListening(filter: TopicFilter, listener: TopicListener): void;
}

/** The error of those who work on a group that is deleted. */
const GROUP_DELETED: WireError = {
  code: "not_found",
  message: "Cannot work on: the group was deleted",
};

/** Nobody's places become free. */
const NOBODY: ReadonlyMap<JobTaker, number> = new Map();

/** The groups that somebody on this server works on, by their names. */
export class Groups implements WorkContext {
  readonly slices: WorkSlices = new WorkSlices();
  readonly #queue: GroupsQueue;
  readonly #groups = new RecurringNameMap<WorkedGroup>();
  readonly #ticks: LeaseTicks;
  readonly #log: GroupLog;
  /** In how many groups somebody waits for jobs. */
  #waiting = 0;

  /** Nobody works yet. */
  constructor(queue: GroupsQueue) {
    this.#queue = queue;
    this.#ticks = new LeaseTicks(queue, () => this.#waiting > 0);
    this.#log = new GroupLog(queue.log, queue.timers);
  }

  /** What has happened to jobs since the start. */
  readonly counts: Record<"claimed" | "died" | "givenUp", number> = {
    ...{ claimed: 0, died: 0, givenUp: 0 },
  };

  /** How many workers of all groups are here, and calls that wait for a job. */
  get workers(): number {
    return this.#groups.values().reduce((sum, { size }) => sum + size, 0);
  }

  /** How many groups have workers here. */
  get size(): number {
    return this.#groups.size;
  }

  /** How many work on a group here: its workers, and calls that wait for a job. */
  workersOf(name: GroupName): number {
    return this.find(name)?.size ?? 0;
  }

  /** The group of a name, if somebody here works on it. */
  find(name: GroupName): WorkedGroup | undefined {
    return this.#groups.get(groupNameKey(name));
  }

  /** The group of a name, for somebody who joins it now. */
  enter(name: GroupName): WorkedGroup {
    const key = groupNameKey(name);
    const known = this.#groups.get(key);
    if (known) return known;
    const group = new WorkedGroup(name, this);
    this.#groups.set(key, group);
    return group;
  }

  /**
   * Finishes jobs: see {@linkcode WorkedGroup.finish}.
   *
   * @param command what becomes of the jobs
   * @param freed whose places become free, and how many. Default: nobody's on this server
   * @param onFinished gets the result, before anybody gets another job. Default: nobody does
   */
  async finish(
    command: FinishJobs,
    freed: ReadonlyMap<JobTaker, number> = NOBODY,
    onFinished: (result: FinishedJobs | StoreError) => void = () => {},
  ): Promise<void> {
    const group = this.find(command.name);
    if (group) return await group.finish(command, freed, onFinished);
    const [result] = await this.apply([command]);
    onFinished(result as FinishedJobs | StoreError);
  }

  /** The store tells what has happened to groups. */
  onEvents(events: readonly GroupEvent[]): void {
    for (const event of events) {
      this.#log.write(event);
      this.counts.died += event.dead;
      this.counts.givenUp += event.givenUp;
      if (event.deleted) this.find(event.name)?.endAll(GROUP_DELETED);
      else if (event.ready) this.find(event.name)?.wake();
    }
    this.start();
  }

  /** What the store has told may be incomplete. */
  resync(): void {
    for (const group of this.#groups.values()) group.wake();
  }

  /** Lets the store know that time passes, if that is needed: leases may run, or jobs come due. */
  start(): void {
    this.#ticks.update();
  }

  /** Nothing happens by itself any more. */
  stop(): void {
    this.#ticks.stop();
    this.#log.stop();
  }

  /**
   * Has the store apply commands.
   *
   * @param commands what changes groups
   * @returns the result of each, or its error
   */
  async apply<C extends GroupCommand>(
    commands: readonly C[],
  ): Promise<readonly (GroupResult<C> | StoreError)[]> {
    try {
      const results = await this.#queue.apply(commands) as readonly (GroupResult<C> | StoreError)[];
      for (const result of results) {
        if (!("jobs" in result && "more" in result)) continue;
        for (const { length } of result.jobs) this.counts.claimed += length;
      }
      return results;
    } catch (error) {
      const failure = toStoreError("work on a group", error);
      return commands.map(() => failure);
    } finally {
      this.#ticks.update();
    }
  }

  listen(name: GroupName, listener: TopicListener): void {
    this.#queue.listen(name, listener);
  }

  stopListening(name: GroupName, listener: TopicListener): void {
    this.#queue.stopListening(name, listener);
  }

  onWaiting(isWaiting: boolean): void {
    this.#waiting += isWaiting ? 1 : -1;
    if (isWaiting && this.#waiting === 1) this.#ticks.update();
  }

  onEmpty(group: WorkedGroup): void {
    const key = groupNameKey(group.name);
    if (this.#groups.get(key) === group) this.#groups.delete(key);
  }

  forEach(takers: readonly JobTaker[], task: (taker: JobTaker) => void): void {
    void this.#queue.cleanup.forEach(takers, takers.length, task);
  }

  onDefect(reason: unknown): void {
    const message = "jobs could not be given to their workers";
    this.#queue.log.write({ event: "unexpected_error", message, reason });
  }
}
