/**
 * One group of the model of a store.
 *
 * @module
 */

import type {
  ClaimJobs,
  ExtendLease,
  FinishJobs,
  GroupName,
  OpenHolder,
  StoredGroup,
} from "../../stores/groups/group_commands.ts";
import type { GroupModel, JobMessage } from "./group_model.ts";
import { bySeq, type ModelJob, ModelJobs } from "./model_jobs.ts";

/** Who holds jobs. */
interface ModelHolder {
  lease: number;
  timeout: number;
  attempts: number;
  until: number;
  closed: boolean;
}

/** A job that was given. */
export interface GivenJob {
  readonly seq: number;
  readonly claim: number;
  readonly attempt: number;
}

/** A group. */
export class ModelGroup {
  readonly name: GroupName;
  frontier: number;
  usedAt: number;
  readonly jobs: ModelJobs;
  readonly holders: Map<string, ModelHolder> = new Map();
  readonly counts = { claimed: 0, done: 0, retried: 0, givenUp: 0 };
  readonly #model: GroupModel;

  constructor(model: GroupModel, name: GroupName, frontier: number) {
    this.#model = model;
    this.jobs = new ModelJobs(model);
    this.name = name;
    this.frontier = frontier;
    this.usedAt = model.idleClock;
  }

  needs(seq: number): boolean {
    return this.#matches(this.#model.messages[seq - 1]!) &&
      (seq > this.frontier || this.jobs.all.has(seq));
  }

  open({ holder: name, lease, timeout, attempts, holding, bytes = Infinity }: OpenHolder): {
    lost: number[];
    jobs: GivenJob[];
  } {
    const { clock } = this.#model;
    const jobs: GivenJob[] = [];
    const until = Math.max(this.holders.get(name)?.until ?? 0, clock + lease);
    this.holders.set(name, { lease, timeout, attempts, until, closed: false });
    for (const job of this.jobs.held(name)) {
      const { seq, claim, attempt, since } = job;
      if (holding.includes(claim!)) continue;
      if (since! < clock - 1000 || bytes <= 0 && jobs.length > 0) {
        this.#model.lost.add(claim!);
        this.jobs.giveBack(job, attempt - 1);
        continue;
      }
      const message = this.#model.available(seq);
      if (!message) continue;
      jobs.push({ seq, claim: claim!, attempt });
      bytes -= message.bytes;
    }
    const held = this.jobs.held(name);
    return {
      lost: holding.filter((claim) => !held.some((job) => job.claim === claim)),
      jobs,
    };
  }

  close(name: string): void {
    const holder = this.holders.get(name);
    if (holder) holder.closed = true;
    this.#forgetIfDone(name);
  }

  /** Gives jobs, the oldest first, in turn to those who take some. */
  claim({ holders, bytes }: ClaimJobs): { jobs: GivenJob[][]; more: boolean; ended: number[] } {
    this.#model.claim = Math.max(this.#model.claim, this.#model.now * 1000);
    const jobs: GivenJob[][] = holders.map(() => []);
    const takes = (holder: string) => this.holders.get(holder)?.closed === false;
    const ended = holders.flatMap(({ holder }, i) => takes(holder) ? [] : [i]);
    const takers = holders.flatMap(({ holder, count }, i) =>
      takes(holder) && count > 0 ? [{ holder, left: count, jobs: jobs[i]! }] : []
    );
    let turn = 0;
    const give = (job: ModelJob, { bytes: size }: JobMessage) => {
      const taker = takers[turn]!;
      const [claim, attempt] = [++this.#model.claim, job.attempt + 1];
      const { holder } = taker;
      Object.assign(job, { state: "held", attempt, claim, holder, since: this.#model.clock });
      delete job.due;
      taker.jobs.push({ seq: job.seq, claim, attempt });
      this.counts.claimed++;
      bytes -= size;
      if (--taker.left === 0) takers.splice(turn, 1);
      else turn++;
      turn %= takers.length || 1;
    };
    const fits = (message: JobMessage) =>
      jobs.every(({ length }) => length === 0) || message.bytes <= bytes;
    const result = (more: boolean) => ({ jobs, more, ended });
    for (let [job] = this.jobs.inState("ready"); job; [job] = this.jobs.inState("ready")) {
      if (takers.length === 0) return result(true);
      const message = this.#model.available(job.seq);
      if (!message) {
        this.jobs.drop(job);
        continue;
      }
      if (!fits(message)) return result(true);
      if (this.jobs.begin(job, message)) give(job, message);
    }
    for (const message of this.waiting()) {
      if (takers.length === 0) return result(true);
      if (this.isFull) return result(false);
      if (!fits(message)) return result(true);
      const { seq, time, delay } = message;
      const job: ModelJob = { seq, state: "ready", attempt: 0 };
      this.jobs.all.set(seq, job);
      this.frontier = seq;
      if (time + delay > this.#model.now) {
        Object.assign(job, { state: "delayed", due: time + delay });
      } else if (this.jobs.begin(job, message)) give(job, message);
    }
    if (takers.length === 0) return result(true);
    this.frontier = Math.max(this.frontier, this.#model.last);
    return result(false);
  }

  finish({ done, outcomes }: FinishJobs): { lost: number[]; dead: number[] } {
    const [lost, dead]: [number[], number[]] = [[], []];
    const find = (claim: number) => {
      const job = this.jobs.held().find((one) => one.claim === claim);
      if (!job && this.#model.isLost(claim)) lost.push(claim);
      if (job) this.#extend(job.holder!);
      return job;
    };
    for (const claim of done) {
      const job = find(claim);
      if (!job) continue;
      this.counts.done++;
      this.jobs.remove(job);
      this.#forgetIfDone(job.holder!);
    }
    for (const { claim, outcome, delay = 0, reason = "" } of outcomes) {
      const job = find(claim);
      if (!job) continue;
      if (outcome === "release") this.jobs.giveBack(job, job.attempt - 1);
      else if (outcome === "dead" || this.#isLast(job)) {
        dead.push(claim);
        this.jobs.die(job, reason);
      } else {
        this.counts.retried++;
        this.jobs.giveBack(job, job.attempt, delay > 0 ? this.#model.now + delay : undefined);
      }
      this.#forgetIfDone(job.holder!);
    }
    return { lost, dead };
  }

  extend({ holder, claims }: ExtendLease): { lost: number[]; ended: boolean } {
    if (holder !== undefined) this.#extend(holder);
    const lost = claims.filter((claim) => {
      const job = this.jobs.held().find((one) => one.claim === claim);
      if (job) this.#extend(job.holder!);
      return !job && this.#model.isLost(claim);
    });
    return { lost, ended: holder !== undefined && !this.holders.has(holder) };
  }

  /** Leases that have ended, and the time of jobs. */
  endLeases(): void {
    const { clock } = this.#model;
    for (const [name, { until, timeout }] of [...this.holders]) {
      const isOver = until <= clock;
      for (const job of this.jobs.held(name)) {
        if (!isOver && job.since! + timeout > clock) continue;
        this.#model.lost.add(job.claim!);
        if (this.#isLast(job)) this.jobs.die(job, isOver ? "lease" : "time");
        else {
          this.counts.retried++;
          this.jobs.giveBack(job, job.attempt);
        }
      }
      if (isOver) this.holders.delete(name);
      else this.#forgetIfDone(name);
    }
  }

  comeDue(): void {
    for (const job of this.jobs.inState("delayed")) {
      if (job.due! <= this.#model.now) job.state = "ready";
    }
  }

  /** A message that expired has no room. */
  giveUp(seq: number): void {
    if (!this.needs(seq)) return;
    this.counts.givenUp++;
    const job = this.jobs.all.get(seq);
    if (job && job.state !== "held") this.jobs.drop(job);
  }

  /** The store was opened again: all leases begin anew. */
  reopened(): void {
    const { clock } = this.#model;
    for (const holder of this.holders.values()) {
      holder.until = clock + holder.lease;
      holder.closed = false;
    }
    for (const job of this.jobs.held()) job.since = clock;
  }

  /** The messages after the frontier. */
  waiting(): JobMessage[] {
    return this.#model.messages.filter((message) =>
      message.seq > this.frontier && this.#matches(message) && this.#model.available(message.seq)
    );
  }

  /** The frontier may be anywhere between the last message that was begun and the next one that waits. */
  moveFrontier(to: number): void {
    const [next] = this.waiting();
    if (to > this.frontier && to < (next?.seq ?? Infinity)) this.frontier = to;
  }

  get isFull(): boolean {
    return this.jobs.all.size >= this.#model.setting.limits.unfinished;
  }

  /** Whether a claim would give something. */
  get canBeClaimed(): boolean {
    const ready = this.jobs.inState("ready").map(({ seq }) => this.#model.available(seq));
    if (ready.some((message) => message && this.jobs.isFree(message))) return true;
    let room = this.#model.setting.limits.unfinished - this.jobs.all.size;
    return this.waiting().some((message) =>
      room-- > 0 && message.time + message.delay <= this.#model.now && this.jobs.isFree(message)
    );
  }

  /** What the store should tell of it. */
  described(): StoredGroup {
    const [waiting, held] = [this.waiting(), this.jobs.inState("held")];
    const [ready, delayed, blocked] = (["ready", "delayed", "blocked"] as const)
      .map((state) => this.jobs.inState(state)) as [ModelJob[], ModelJob[], ModelJob[]];
    const unfinished = [...ready, ...delayed, ...blocked, ...held, ...waiting]
      .flatMap(({ seq }) => this.#model.available(seq) ?? []);
    return {
      name: this.name,
      frontier: this.frontier,
      depth: waiting.length + ready.length + delayed.length + blocked.length,
      ready: ready.length,
      delayed: delayed.length,
      blocked: blocked.length,
      held: held.length,
      dead: this.jobs.inState("dead").length,
      oldest: unfinished.sort(bySeq)[0]?.time,
      stalled: this.isFull,
      ...this.counts,
      died: this.jobs.died,
    };
  }

  #matches({ topic }: JobMessage): boolean {
    const { topic: own, prefix } = this.name;
    return prefix === undefined ? topic === own : topic.startsWith(prefix);
  }

  #isLast({ attempt, holder }: ModelJob): boolean {
    return attempt >= this.holders.get(holder!)!.attempts;
  }

  #extend(name: string): void {
    const holder = this.holders.get(name);
    if (holder) holder.until = Math.max(holder.until, this.#model.clock + holder.lease);
  }

  #forgetIfDone(name: string): void {
    if (this.holders.get(name)?.closed && this.jobs.held(name).length === 0) {
      this.holders.delete(name);
    }
  }
}
