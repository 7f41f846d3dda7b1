/**
 * One group with workers on this server: gives them jobs as soon as there are some.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type {
  ClaimedJob,
  ClaimedJobs,
  FinishedJobs,
  FinishJobs,
  GroupCommand,
  GroupName,
  GroupResult,
  JobOutcome,
} from "../stores/groups/group_commands.ts";
import { StoreError } from "../stores/store.ts";
import type { JobTaker } from "./job_taker.ts";
import { type JobClaim, JobTakers } from "./job_takers.ts";
import { storeErrorToWire } from "./store_failure.ts";
import type { TopicListener } from "./topic_batch.ts";
import type { WorkSlices } from "./work_slices.ts";

/** What all groups share. */
export interface WorkContext {
  readonly slices: WorkSlices;
  /** Has the store apply commands. */
  apply(commands: readonly GroupCommand[]): Promise<readonly (GroupResult | StoreError)[]>;
  /** Adds or removes a listener for the messages that groups work on. */
  listen(name: GroupName, listener: TopicListener): void;
  stopListening(name: GroupName, listener: TopicListener): void;
  /** A group has begun to wait for jobs, or has ceased to. */
  onWaiting(isWaiting: boolean): void;
  /** Nobody works on the group any more. */
  onEmpty(group: WorkedGroup): void;
  /** Does something for each of many, in slices. */
  forEach(takers: readonly JobTaker[], task: (taker: JobTaker) => void): void;
  /** Something failed that cannot fail. */
  onDefect(error: unknown): void;
}

/** The error of a worker that goes on in another place. */
const TAKEN_OVER: WireError = {
  code: "session_taken_over",
  message: "Cannot work on: a newer request has taken over this worker",
};

/**
 * Claims jobs while there may be some and somebody has room for them, for all that have room in one command. At most one claim is under
 * way; what happens meanwhile is remembered. While nobody has room it costs nothing but the memory of that.
 */
export class WorkedGroup implements TopicListener {
  readonly name: GroupName;
  readonly #context: WorkContext;
  readonly #takers: JobTakers;
  /** There may be jobs that nobody has asked for. While it does not hear of new messages, there always may be. */
  #mayHaveJobs = true;
  /** It hears of new messages: mostly only while somebody waits for them. */
  #listens = false;
  /** The claim that is under way, or about to be. */
  #underWay: PromiseWithResolvers<void> | undefined;

  /** Nobody works on it yet. */
  constructor(name: GroupName, context: WorkContext) {
    this.name = name;
    this.#context = context;
    this.#takers = new JobTakers((isWaiting) => context.onWaiting(isWaiting));
  }

  /** How many take its jobs. */
  get size(): number {
    return this.#takers.size;
  }

  /** Who takes jobs by this name. */
  takerOf(holder: string): JobTaker | undefined {
    return this.#takers.get(holder);
  }

  /**
   * Somebody will take jobs, after {@linkcode WorkedGroup.offer}. Takes over from an older one with the same name.
   *
   * @returns when its holder may be opened, if that is not now: what was claimed for the older one is handled then
   */
  join(taker: JobTaker): Promise<void> | undefined {
    this.#takers.add(taker)?.end(TAKEN_OVER);
    return this.#underWay?.promise;
  }

  /** Somebody takes no more jobs; may be called twice, and after another one has taken over. */
  remove(taker: JobTaker): void {
    this.#takers.delete(taker);
    this.#endIfEmpty();
  }

  /** Somebody has room for jobs. Returns when a claim that is under way has been handled. */
  offer(taker: JobTaker): Promise<void> | undefined {
    if (!this.#takers.has(taker) || taker.capacity(0) === 0) return undefined;
    this.#takers.setReady(taker, true);
    this.#start(taker.hasOthers(0));
    return this.#underWay?.promise;
  }

  /**
   * Finishes jobs. If more may be there, they are claimed in the same step: for those who wait, and in the places that become free.
   * But if those who have finished these have others, too, that is done a turn of the event loop later: if more of their requests
   * have arrived, one claim is for all of them. Else the jobs of a busy worker would come in small frames for ever.
   *
   * @param command what becomes of the jobs
   * @param freed whose places become free, and how many
   * @param onFinished gets the result, before anybody gets another job
   */
  async finish(
    command: FinishJobs,
    freed: ReadonlyMap<JobTaker, number>,
    onFinished: (result: FinishedJobs | StoreError) => void,
  ): Promise<void> {
    const canWait = freed.size > 0 &&
      [...freed].every(([taker, places]) => taker.hasOthers(places));
    const claim = this.#underWay || !this.#mayHaveJobs || canWait
      ? undefined
      : this.#takers.nextClaim(this.name, freed);
    if (!claim) {
      const [result] = await this.#context.apply([command]);
      return onFinished(result as FinishedJobs | StoreError);
    }
    this.#underWay = Promise.withResolvers();
    this.#mayHaveJobs = false;
    try {
      const [finished, claimed] = await this.#context.apply([command, claim.command]);
      onFinished(finished as FinishedJobs | StoreError);
      this.#settle(claim, claimed as ClaimedJobs | StoreError);
    } finally {
      this.#onClaimed();
      this.#start();
    }
  }

  /**
   * As if somebody had not been given these jobs, unless that has been opened again, perhaps at another server: it knows of them then.
   * If that fails they stay with their holder until the lease ends.
   */
  giveBack(taker: JobTaker, jobs: readonly ClaimedJob[]): void {
    this.#release(jobs.map((job) => releaseOf(taker, job)));
  }

  #release(outcomes: readonly JobOutcome[]): void {
    if (outcomes.length === 0) return;
    void this.#context.apply([{ type: "finish", name: this.name, done: [], outcomes }]);
    this.wake();
  }

  /** Jobs can be claimed that could not be before. */
  wake(): void {
    this.#mayHaveJobs = true;
    // Until somebody has room that is all there is to know.
    if (this.#takers.areBusy) this.#stopListening();
    else this.#start();
  }

  onMessages(): void {
    this.wake();
  }

  resync(): void {
    this.wake();
  }

  /** The group is not there any more: everybody leaves it. */
  endAll(error: WireError): void {
    const { all } = this.#takers;
    // Nothing is claimed for those whose turn to end comes later.
    for (const taker of all) this.#takers.setReady(taker, false);
    this.#context.forEach(all, (taker) => this.#end(taker, error));
  }

  #start(canWait = false): void {
    if (this.#underWay || !this.#mayHaveJobs || this.#takers.areBusy) return;
    this.#underWay = Promise.withResolvers();
    void this.#claimAll(canWait);
  }

  async #claimAll(canWait: boolean): Promise<void> {
    // At least one microtask later: so that the store has answered who put the message.
    await (canWait ? new Promise<void>((resolve) => void setImmediate(resolve)) : undefined);
    try {
      for (let isFirst = true; this.#mayHaveJobs; isFirst = false) {
        const pause = isFirst ? undefined : this.#context.slices.pause();
        if (pause) await pause;
        const claim = this.#takers.nextClaim(this.name);
        if (!claim) break;
        // What is stored from now on is not in its result for certain.
        this.#mayHaveJobs = false;
        const [result] = await this.#context.apply([claim.command]);
        this.#settle(claim, result as ClaimedJobs | StoreError);
        this.#underWay!.resolve();
        this.#underWay = Promise.withResolvers();
      }
    } catch (error) {
      this.#context.onDefect(error);
    } finally {
      this.#onClaimed();
    }
  }

  /** No claim is under way any more. */
  #onClaimed(): void {
    this.#underWay?.resolve();
    this.#underWay = undefined;
    this.#endIfEmpty();
  }

  #settle({ takers }: JobClaim, result: ClaimedJobs | StoreError): void {
    if (result instanceof StoreError) return this.#onFailure(takers, result);
    const refused: JobOutcome[] = [];
    for (const [i, taker] of takers.entries()) {
      const jobs = result.jobs[i]!;
      if (jobs.length === 0) continue;
      for (const job of taker.take(jobs)) refused.push(releaseOf(taker, job));
      // Its turn is over.
      if (this.#takers.has(taker)) this.#takers.setReady(taker, taker.capacity(0) > 0);
    }
    for (const i of result.ended) this.#onLeaseEnded(takers[i]!);
    this.#release(refused);
    this.#mayHaveJobs ||= result.more;
    if (this.#mayHaveJobs || this.#listens) return;
    // Messages may have come since the claim, for it does not hear of them.
    this.#mayHaveJobs = true;
    if (this.#takers.areBusy) return;
    this.#listens = true;
    this.#context.listen(this.name, this);
  }

  #onLeaseEnded(taker: JobTaker): void {
    this.#takers.setReady(taker, false);
    if (this.#takers.has(taker)) taker.onLeaseEnded();
  }

  #onFailure(takers: readonly JobTaker[], failure: StoreError): void {
    const error = storeErrorToWire(failure);
    this.#mayHaveJobs = true;
    if (failure.code === "not_found") return this.endAll(error);
    for (const taker of takers) this.#end(taker, error);
  }

  #end(taker: JobTaker, error: WireError): void {
    if (!this.#takers.has(taker)) return;
    this.remove(taker);
    taker.end(error);
  }

  #stopListening(): void {
    if (!this.#listens) return;
    this.#listens = false;
    this.#context.stopListening(this.name, this);
  }

  #endIfEmpty(): void {
    if (this.#takers.size > 0 || this.#underWay) return;
    this.#stopListening();
    this.#context.onEmpty(this);
  }
}

/** A job is given back by who has opened its holder, and not by the holder itself. */
function releaseOf({ opening }: JobTaker, { claim }: ClaimedJob): JobOutcome {
  return { claim, outcome: "release", opening };
}
