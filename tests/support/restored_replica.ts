/**
 * The parts of a store over a database, which can be dumped and restored at any time.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Admission } from "../../stores/admission.ts";
import type { CommandBatch } from "../../stores/commands.ts";
import { type DedupRow, dumpDedup, restoreDedup } from "../../stores/dedup_dump.ts";
import { DedupIndex } from "../../stores/dedup_index.ts";
import type { Database, Engine } from "../../stores/engine.ts";
import { GoneTable } from "../../stores/gone_table.ts";
import { dumpGroups, type GroupRow } from "../../stores/groups/dump_groups.ts";
import { listDeadJobs, listGroups } from "../../stores/groups/group_lists.ts";
import { GroupMachine } from "../../stores/groups/group_machine.ts";
import { GroupState } from "../../stores/groups/group_state.ts";
import { JOB_STATE } from "../../stores/groups/job_list.ts";
import { restoreGroups } from "../../stores/groups/restore_groups.ts";
import { MessageLog } from "../../stores/message_log.ts";
import { StateMachine } from "../../stores/state_machine.ts";
import { type Result, StoreError, type TopicMessage } from "../../stores/store.ts";
import { completeLimits, type StoreLimits } from "../../stores/store_limits.ts";
import { StoreTime } from "../../stores/store_time.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { GROUP_TOPICS } from "./group_programs.ts";
import type { KnownJobs } from "./group_steps.ts";

/** How a replica is set up. */
export interface ReplicaSetting {
  readonly retention: number;
  readonly limits: Partial<StoreLimits>;
}

/** Everything, as one page. */
const ALL = { count: 1_000_000, bytes: 2 ** 40 };

/** What changes when a replica is restored. */
interface Parts {
  readonly log: MessageLog;
  readonly dedup: DedupIndex;
  readonly groups: GroupMachine;
  readonly machine: StateMachine;
  readonly time: StoreTime;
}

/** One replica. All of them have one seed. */
export class RestoredReplica implements Disposable {
  readonly #db: Database;
  readonly #setting: ReplicaSetting;
  #parts: Parts;

  constructor(engine: Engine, setting: ReplicaSetting) {
    this.#db = engine.open(":memory:");
    this.#setting = setting;
    this.#parts = this.#open();
  }

  /** What the rows of a dump are, as texts. */
  dump(): string[] {
    const { dedup, groups } = this.#parts;
    return Array.from([...dumpDedup(dedup), ...dumpGroups(groups)], (row) => JSON.stringify(row));
  }

  /** Goes on with new objects over the same database. */
  restore(): void {
    const { log, dedup, groups, time } = this.#parts;
    log.flush();
    const before = this.dump();
    const dedupRows = JSON.stringify([...dumpDedup(dedup)]);
    const groupRows = JSON.stringify([...dumpGroups(groups)]);
    this.#parts = this.#open(log, time.applied);
    restoreDedup(this.#parts.dedup, JSON.parse(dedupRows) as DedupRow[]);
    restoreGroups(this.#parts.groups, JSON.parse(groupRows) as GroupRow[]);
    assertEquals(this.dump(), before, "the dump of what is restored");
  }

  /** Applies batches in one transaction; returns the results and events of each. */
  apply(batches: readonly CommandBatch[]): unknown[] {
    const { log, dedup, groups, machine } = this.#parts;
    const found: unknown[] = [];
    log.transaction(() => {
      for (const batch of batches) {
        const messages: TopicMessage[] = [];
        const results = machine.apply(batch, messages);
        dedup.commit();
        const { holdsJobs, nextDue, isBehind } = groups;
        found.push(results.map(shown), groups.takeEvents(), { holdsJobs, nextDue, isBehind });
      }
    });
    return found;
  }

  /** What steps refer to. */
  get known(): KnownJobs {
    const { log, groups } = this.#parts;
    return {
      last: log.range.last,
      find(name) {
        const group = groups.state?.registry.find(name);
        if (!group) return undefined;
        const { holders, jobs: { list } } = group;
        return {
          jobs: {
            held: (holder) => holders.get(holder)?.jobs.values ?? [],
            inState: () => [...list.inState(JOB_STATE.dead, 0)].map((seq) => ({ seq })),
          },
        };
      },
    };
  }

  /** Moves the messages into the database. */
  flush(): void {
    this.#parts.log.flush();
  }

  /** Purges what has expired, for some time. */
  trim(budgetMs: number): void {
    const { log } = this.#parts;
    const end = performance.now() + budgetMs;
    if (log.purgeUntil(end, budgetMs / 8)) log.flush();
  }

  /** What can be read. It moves the messages into the database. */
  look(): unknown {
    const { log, groups } = this.#parts;
    const { range } = log;
    const { floor, last, lastTime } = range;
    const page = log.prefixes.page({ prefix: "", after: 0, ...ALL }, floor);
    const listed = listGroups(groups.state, { count: ALL.count });
    const dead = listed.map(({ name }) => listDeadJobs(groups.state, { name, after: 0, ...ALL }));
    const sizes: unknown[] = [];
    for (let after: string | undefined = ""; after !== undefined;) {
      const listed = log.list({ prefix: "", after, count: ALL.count }, floor);
      // How many were stored since the store was opened is not restored.
      for (const { topic, messages, bytes } of listed.topics) {
        sizes.push({ topic, messages, bytes });
      }
      ({ after } = listed);
    }
    const gone = GROUP_TOPICS.map((topic) => log.gone.find(topic, floor) ?? null);
    const asOf = log.gone.asOf(this.#parts.time.applied);
    return plain({
      ...{ floor, last, lastTime, messages: page.messages, listed, dead, sizes },
      ...(this.#knowsGone && { gone, asOf }),
    });
  }

  /** Of each topic it is known exactly what is gone. Of others that depends on when messages are purged. */
  get #knowsGone(): boolean {
    const { goneTopics = 1000 } = this.#setting.limits;
    return goneTopics >= GROUP_TOPICS.length;
  }

  /** What is held that groups need and that has expired. */
  expired(): unknown[] {
    if (!this.#parts.groups.state) return [];
    return this.#db.prepare("SELECT seq, topic, bytes FROM expired_jobs ORDER BY seq").all();
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #open(before?: MessageLog, applied = 0): Parts {
    const { retention } = this.#setting;
    const limits = completeLimits(this.#setting.limits);
    const time = new StoreTime(new ManualClock(0));
    time.apply(applied);
    const log = new MessageLog(this.#db, {
      retention,
      gone: new GoneTable(this.#db, limits.goneTopics),
      seed: 12345,
      ...(before && { start: stateOf(before) }),
    });
    for (const { upTo, at, retention } of before?.gone.times.drops ?? []) {
      log.gone.times.drop(upTo, at, retention);
    }
    const { dedupWindow: window, dedupRuns: maxRuns } = limits;
    const dedup = new DedupIndex({ window, retention, maxRuns });
    const groups = new GroupMachine(
      log,
      limits,
      (saved) => new GroupState(this.#db, log, limits, saved),
    );
    const admission = new Admission(log, dedup, groups, limits, true);
    const machine = new StateMachine({
      ...{ messageLog: log, dedup, groups, admission, time, retention },
    });
    return { log, dedup, groups, machine, time };
  }
}

function stateOf({ range: { floor, last, lastTime }, gone }: MessageLog) {
  return { floor, last, lastTime, clock: gone.purgedAt - 1 };
}

/** A result, in a form to compare. */
function shown(result: Result | StoreError): unknown {
  if (result instanceof StoreError) return [result.code, result.message];
  return plain(result);
}

/** Messages are of several classes, and none of them where they come from tables. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
