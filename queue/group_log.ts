/**
 * What the log tells of groups: jobs that died or had to be given up, and groups that are deleted because nobody works on them.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { GroupEvent, GroupName } from "../stores/groups/group_commands.ts";
import { groupFields, groupInWords } from "./group_names.ts";
import type { EventLog, LogEventName } from "./log_event.ts";
import type { HeapTimer, TimerHeap } from "./timer_heap.ts";

/** A group has at most one line of a kind in so many milliseconds. */
const INTERVAL = 60_000;

/** What is said of jobs. */
type JobEvent = LogEventName & ("job_dead" | "job_given_up");

/** Jobs of a group of which the log tells later. */
interface PendingJobs extends HeapTimer {
  readonly event: JobEvent;
  readonly name: GroupName;
  count: number;
}

/** Writes the first of these at once, and others with their number. */
export class GroupLog {
  readonly #log: EventLog;
  readonly #timers: TimerHeap;
  readonly #pending = new NameMap<PendingJobs>();

  /** Writes to a log; `timers` bring the lines that come later. */
  constructor(log: EventLog, timers: TimerHeap) {
    this.#log = log;
    this.#timers = timers;
  }

  /** Something has happened to a group. */
  write({ name, dead, givenUp, abandoned }: GroupEvent): void {
    if (dead > 0) this.#add("job_dead", name, dead);
    if (givenUp > 0) this.#add("job_given_up", name, givenUp);
    if (!abandoned) return;
    const message = `the group ${
      groupInWords(name)
    } is deleted with all its jobs, for nobody has worked on it for too long`;
    this.#log.write({ event: "group_deleted", message, fields: groupFields(name) });
  }

  /** Writes what is left. */
  stop(): void {
    for (const pending of this.#pending.values()) this.#flush(pending);
    this.#pending.clear();
  }

  #add(event: JobEvent, name: GroupName, jobs: number): void {
    const key = JSON.stringify([event, name]);
    const known = this.#pending.get(key);
    if (known) return void (known.count += jobs);
    const onTimeout = () => {
      // After a while without any the next one has its line at once again.
      if (!this.#flush(pending)) this.#pending.delete(key);
      else this.#timers.add(pending, INTERVAL);
    };
    const pending: PendingJobs = { due: 0, index: -1, event, name, count: 0, onTimeout };
    this.#pending.set(key, pending);
    this.#timers.add(pending, INTERVAL);
    this.#write(event, name, jobs, 0);
  }

  /** Writes of jobs that are counted. Returns whether there were some. */
  #flush(pending: PendingJobs): boolean {
    const { event, name, count } = pending;
    if (count > 0) this.#write(event, name, count, INTERVAL);
    pending.count = 0;
    return count > 0;
  }

  #write(event: JobEvent, name: GroupName, count: number, within: number): void {
    const what = event === "job_dead" ? "is dead" : "was given up unfinished, to make room";
    this.#log.write({
      event,
      message: `a job of the group ${groupInWords(name)} ${what}`,
      fields: groupFields(name),
      repeats: { count, within },
    });
  }
}
