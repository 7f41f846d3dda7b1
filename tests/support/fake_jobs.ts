/**
 * Jobs of one group without a store, and takers that do as the test says.
 *
 * @module
 */

import { BackgroundTasks } from "../../queue/background_tasks.ts";
import { Groups, type GroupsQueue } from "../../queue/groups.ts";
import type { JobTaker } from "../../queue/job_taker.ts";
import type { LogEvent } from "../../queue/log_event.ts";
import { TimerHeap } from "../../queue/timer_heap.ts";
import { TopicBatch, type TopicListener } from "../../queue/topic_batch.ts";
import type { WorkedGroup } from "../../queue/worked_group.ts";
import type { WireError } from "../../protocol/errors.ts";
import type {
  ClaimedJob,
  ClaimedJobs,
  ClaimJobs,
  FinishedJobs,
  FinishJobs,
  GroupCommand,
  GroupName,
} from "../../stores/groups/group_commands.ts";
import type { StoreError, TopicMessage } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** The group. */
export const GROUP: GroupName = { topic: "t", group: "default" };

/** What groups need of their queue. Messages are numbers, and each claim is that number and a count. */
export class FakeJobs implements GroupsQueue {
  readonly clock: ManualClock = new ManualClock();
  readonly timers: TimerHeap = new TimerHeap(this.clock);
  readonly logged: LogEvent[] = [];
  readonly log = { write: (event: LogEvent): void => void this.logged.push(event) };
  readonly cleanup: BackgroundTasks = new BackgroundTasks((error) => {
    throw error;
  });
  /** The commands of each call. */
  readonly applied: (readonly GroupCommand[])[] = [];
  /** Those who listen for messages. */
  readonly listeners: Set<TopicListener> = new Set();
  /** The leases of these have ended. */
  readonly endedHolders: Set<string> = new Set();
  /** What claims fail with. */
  failure: StoreError | undefined;
  holdsJobs = false;
  nextDue: number | undefined;
  readonly groups: Groups;
  readonly #waiting: number[] = [];
  readonly #held = new Map<number, number>();
  #claims = 0;
  #last = 0;
  /** Answers wait for it. */
  #gate: PromiseWithResolvers<void> | undefined;

  constructor() {
    this.groups = new Groups(this);
  }

  get store(): GroupsQueue["store"] {
    const { holdsJobs, nextDue } = this;
    return { now: () => this.clock.now(), holdsJobs, nextDue };
  }

  /** The group, with takers that have joined it. */
  join(...takers: FakeTaker[]): WorkedGroup {
    const group = this.groups.enter(GROUP);
    for (const taker of takers) taker.join(group);
    return group;
  }

  /** How many claims there were. */
  get claims(): readonly ClaimJobs[] {
    return this.applied.flat().filter((command) => command.type === "claim");
  }

  /** Stores messages, and tells those who listen. */
  put(count: number): void {
    const messages: TopicMessage[] = [];
    for (let i = 0; i < count; i++) {
      this.#waiting.push(++this.#last);
      messages.push(messageOf(this.#last));
    }
    for (const listener of this.listeners) listener.onMessages(new TopicBatch(messages));
  }

  /** Answers wait from now on. Returns what lets them go. */
  hold(): () => void {
    const gate = this.#gate = Promise.withResolvers<void>();
    return () => {
      this.#gate = undefined;
      gate.resolve();
    };
  }

  async apply(commands: readonly GroupCommand[]): Promise<readonly (object | StoreError)[]> {
    this.applied.push(commands);
    const results = commands.map((command) => this.#applyOne(command));
    await this.#gate?.promise;
    return results;
  }

  listen(_: GroupName, listener: TopicListener): void {
    this.listeners.add(listener);
  }

  stopListening(_: GroupName, listener: TopicListener): void {
    this.listeners.delete(listener);
  }

  #applyOne(command: GroupCommand): object | StoreError {
    switch (command.type) {
      case "claim":
        return this.failure ?? this.#claim(command);
      case "finish":
        return this.#finish(command);
      case "open_holder":
        this.endedHolders.delete(command.holder);
        return { lost: [], jobs: [] };
      default:
        return {};
    }
  }

  #claim({ holders }: ClaimJobs): ClaimedJobs {
    const jobs: ClaimedJob[][] = holders.map(() => []);
    const ended = [...holders.keys()].filter((i) => this.endedHolders.has(holders[i]!.holder));
    const takes = (i: number) => !ended.includes(i) && jobs[i]!.length < holders[i]!.count;
    for (let i = 0; this.#waiting.length > 0 && [...holders.keys()].some(takes); i++) {
      const index = i % holders.length;
      if (!takes(index)) continue;
      const seq = this.#waiting.shift()!;
      const claim = seq * 1000 + ++this.#claims;
      this.#held.set(claim, seq);
      jobs[index]!.push({ message: messageOf(seq), claim, attempt: 1 });
    }
    return { jobs, more: this.#waiting.length > 0, ended };
  }

  #finish({ done, outcomes }: FinishJobs): FinishedJobs {
    for (const claim of done) this.#held.delete(claim);
    for (const { claim, outcome } of outcomes) {
      const seq = this.#held.get(claim)!;
      this.#held.delete(claim);
      if (outcome !== "dead") this.#waiting.unshift(seq);
    }
    return { lost: [], dead: [] };
  }
}

/** A taker of a test. */
export class FakeTaker implements JobTaker {
  readonly holder: string;
  previous: JobTaker | undefined;
  next: JobTaker | undefined;
  /** How many jobs it holds at most. */
  credit: number;
  /** Its peer reads. */
  hasRoom = true;
  /** It gives these back. */
  refuses = 0;
  /** The jobs that it took, in order, and those of them that are not finished. */
  readonly taken: ClaimedJob[] = [];
  held: ClaimedJob[] = [];
  /** How it ended. */
  endedWith: WireError | "lease" | undefined;
  #group: WorkedGroup | undefined;

  /** Creates one that has not joined. */
  constructor(holder: string, credit: number) {
    this.holder = holder;
    this.credit = credit;
  }

  /** The numbers of the messages that it got. */
  get seqs(): readonly number[] {
    return this.taken.map(({ message }) => message.seq);
  }

  /** Joins a group, and takes jobs. */
  join(group: WorkedGroup): void {
    this.#group = group;
    void group.join(this);
    this.offer();
  }

  /** It has room. */
  offer(): void {
    void this.#group!.offer(this);
  }

  /** Finishes its oldest job, as a connection does. */
  async finish(onFinished: () => void = () => {}): Promise<void> {
    const { claim } = this.held.shift()!;
    const command = { type: "finish", name: GROUP, done: [claim], outcomes: [] } as const;
    this.held.unshift({ claim } as ClaimedJob);
    await this.#group!.finish(command, new Map([[this, 1]]), () => {
      this.held.shift();
      onFinished();
      this.offer();
    });
  }

  hasOthers(freed: number): boolean {
    return this.held.length > freed;
  }

  capacity(freed: number): number {
    return this.hasRoom ? Math.max(0, this.credit - this.held.length + freed) : 0;
  }

  take(jobs: readonly ClaimedJob[]): readonly ClaimedJob[] {
    const refused = jobs.slice(jobs.length - this.refuses);
    if (this.refuses === 0) refused.length = 0;
    const rest = jobs.slice(0, jobs.length - refused.length);
    this.taken.push(...rest);
    this.held.push(...rest);
    return refused;
  }

  onLeaseEnded(): void {
    this.endedWith = "lease";
    this.#group!.remove(this);
  }

  end(error: WireError): void {
    this.endedWith = error;
  }
}

function messageOf(seq: number): TopicMessage {
  return { seq, time: 0, topic: "t", body: '"m"', bytes: 3 };
}
