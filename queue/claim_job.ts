/**
 * Claims one job, and waits for it if there is none.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type {
  ClaimedJob,
  ClaimedJobs,
  ClaimJobs,
  GroupName,
  OpenHolder,
} from "../stores/groups/group_commands.ts";
import { StoreError } from "../stores/store.ts";
import type { JobTaker } from "./job_taker.ts";
import type { Queue } from "./queue.ts";
import type { HeapTimer } from "./timer_heap.ts";
import type { WorkedGroup } from "./worked_group.ts";

/** What is claimed, and how. Times are in milliseconds. */
export interface ClaimJobOptions
  extends Pick<OpenHolder, "after" | "lease" | "timeout" | "attempts"> {
  /** The group; it is made if it is not there. */
  readonly name: GroupName;
  /** For how long to wait. */
  readonly wait: number;
}

/**
 * Claims one job. It has a holder of its own, of which nobody else knows the name.
 *
 * @param queue the queue
 * @param options the group, and how long it is held
 * @param signal ends the wait; a job that is claimed in this moment is given back
 * @returns the job; `undefined` if there was none
 * @throws {StoreError} if the store cannot tell, or the group was deleted
 */
export async function claimJob(
  queue: Pick<Queue, "groups" | "timers">,
  options: ClaimJobOptions,
  signal: AbortSignal,
): Promise<ClaimedJob | undefined> {
  const claim = new OneClaim(queue, options);
  try {
    const job = await claim.try();
    if (!job && !signal.aborted && options.wait > 0) return await claim.wait(signal);
    if (!signal.aborted) return job;
    if (job) claim.giveBack(job);
  } finally {
    claim.close();
  }
}

/** A call that claims a job. */
class OneClaim implements JobTaker, HeapTimer {
  readonly holder: string = crypto.randomUUID();
  previous: JobTaker | undefined;
  next: JobTaker | undefined;
  due = 0;
  index = -1;
  readonly #queue: Pick<Queue, "groups" | "timers">;
  readonly #options: ClaimJobOptions;
  readonly #result = Promise.withResolvers<ClaimedJob | undefined>();
  #group: WorkedGroup | undefined;
  #isSettled = false;

  constructor(queue: Pick<Queue, "groups" | "timers">, options: ClaimJobOptions) {
    this.#queue = queue;
    this.#options = options;
  }

  /** Claims what is there now. */
  async try(): Promise<ClaimedJob | undefined> {
    const { name } = this.#options;
    const holders = [{ holder: this.holder, count: 1 }];
    const command: ClaimJobs = { type: "claim", name, holders, bytes: 1 };
    const results = await this.#queue.groups.apply([this.#opening, command]);
    const failure = results.find((result) => result instanceof StoreError);
    if (failure) throw failure;
    return (results[1] as ClaimedJobs).jobs[0]![0];
  }

  /** Waits for a job, for as long as it may. */
  async wait(signal: AbortSignal): Promise<ClaimedJob | undefined> {
    const group = this.#group = this.#queue.groups.enter(this.#options.name);
    const onAbort = () => this.#settle(undefined);
    signal.addEventListener("abort", onAbort);
    this.#queue.timers.add(this, this.#options.wait);
    void group.join(this);
    void group.offer(this);
    try {
      return await this.#result.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (this.index >= 0) this.#queue.timers.remove(this);
    }
  }

  /** As if a job had not been claimed. */
  giveBack({ claim }: ClaimedJob): void {
    const outcomes = [{ claim, outcome: "release" as const }];
    const { name } = this.#options;
    void this.#queue.groups.finish({ type: "finish", name, done: [], outcomes });
  }

  /** It takes no other job: its holder is forgotten once the job is finished. */
  close(): void {
    const { name } = this.#options;
    void this.#queue.groups.apply([{ type: "close_holder", name, holder: this.holder }]);
  }

  hasOthers(): boolean {
    return false;
  }

  capacity(): number {
    return this.#isSettled ? 0 : 1;
  }

  take(jobs: readonly ClaimedJob[]): readonly ClaimedJob[] {
    if (this.#isSettled) return jobs;
    this.#settle(jobs[0]);
    return jobs.slice(1);
  }

  /** It has waited for longer than it asked to hold a job: it does that from now on. */
  onLeaseEnded(): void {
    void this.#queue.groups.apply([this.#opening]).then(([result]) => {
      if (result instanceof StoreError) this.#fail(result);
      else void this.#group!.offer(this);
    });
  }

  onTimeout(): void {
    this.#settle(undefined);
  }

  end({ code, message }: WireError): void {
    this.#fail(new StoreError(message, { code }));
  }

  get #opening(): OpenHolder {
    const { name, after, lease, timeout, attempts } = this.#options;
    const { holder } = this;
    return { type: "open_holder", name, after, holder, lease, timeout, attempts, holding: [] };
  }

  #settle(job: ClaimedJob | undefined): void {
    this.#isSettled = true;
    this.#group!.remove(this);
    this.#result.resolve(job);
  }

  #fail(error: StoreError): void {
    this.#isSettled = true;
    this.#group!.remove(this);
    this.#result.reject(error);
  }
}
