/**
 * A worker of a group on one connection: the stream of its jobs, limited by its credit.
 *
 * @module
 */

import type { RenewedMap } from "../protocol/renewed_map.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import type { JobTaker } from "../queue/job_taker.ts";
import type { Queue } from "../queue/queue.ts";
import { TopicBatch } from "../queue/topic_batch.ts";
import type { WorkedGroup } from "../queue/worked_group.ts";
import type { ClaimedJob, GroupName } from "../stores/groups/group_commands.ts";
import { CreditWindow } from "./credit_window.ts";
import type { StreamFrames } from "./stream_frames.ts";

/** What a worker needs to know. */
export interface JobStreamOptions {
  /** The id of its stream. */
  readonly sub: number;
  /** What it works on. */
  readonly filter: TopicFilter;
  readonly group: WorkedGroup;
  /** Names it within the group. */
  readonly holder: string;
  /** How many jobs it holds at most. */
  readonly credit: number;
}

/** What all workers of a connection share. */
export interface JobStreamContext {
  readonly queue: Pick<Queue, "counts" | "tracing">;
  readonly output: StreamFrames;
  /** Which worker a claim was sent to. */
  readonly holders: RenewedMap<number, JobStream>;
  /** The peer has enough to read: {@linkcode JobStream.resume} is called once it has read, and there is room for so many bytes. */
  waitForRoom(stream: JobStream, bytes: number): void;
  /** A worker has ended. */
  onEnded(stream: JobStream): void;
}

/** The error of a worker whose lease has ended. */
const LEASE_LOST: WireError = {
  code: "lease_lost",
  message: "Cannot work on: the lease has ended, and others may have the jobs",
};

/** Frames are bounded by their size alone: there is no more credit than places. */
const UNLIMITED = new CreditWindow({ messages: Infinity, bytes: Infinity });

/** A worker takes jobs while it has free places and its peer reads what it was sent. */
export class JobStream implements JobTaker {
  readonly sub: number;
  readonly filter: TopicFilter;
  readonly group: WorkedGroup;
  readonly holder: string;
  readonly credit: number;
  readonly opening: number = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  previous: JobTaker | undefined;
  next: JobTaker | undefined;
  readonly #context: JobStreamContext;
  /** How many jobs were sent that are not finished. */
  #held = 0;
  /** `opening`: there is no answer to its request yet. */
  #state: "opening" | "open" | "ended" = "opening";
  /** Why it ended before it was open. */
  #error: WireError | undefined;
  #waitsForRoom = false;

  /** Creates one that takes no jobs yet. */
  constructor(
    context: JobStreamContext,
    { sub, filter, group, holder, credit }: JobStreamOptions,
  ) {
    this.#context = context;
    this.sub = sub;
    this.filter = filter;
    this.group = group;
    this.holder = holder;
    this.credit = credit;
  }

  /** It has been opened, and has not ended. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether this is its group: by name, for others enter it anew once all its workers have ended. */
  worksOn({ topic, prefix, group }: GroupName): boolean {
    const { name } = this.group;
    return name.group === group && name.topic === topic && name.prefix === prefix;
  }

  /** Why it ended before it was open. */
  get error(): WireError | undefined {
    return this.#error;
  }

  /**
   * Its request is answered: it takes jobs from now on, after those that it holds already.
   *
   * @param holding the claims that its client knows of
   * @param jobs those that it has to be told of again
   */
  open(holding: readonly number[], jobs: readonly ClaimedJob[]): void {
    this.#state = "open";
    this.#held = holding.length;
    for (const claim of holding) this.#context.holders.set(claim, this);
    this.group.giveBack(this, this.#sendWhatFits(jobs));
    void this.group.offer(this);
  }

  capacity(freed: number): number {
    const places = this.credit - this.#held + freed;
    if (this.#state !== "open" || places <= 0 || this.#waitsForRoom) return 0;
    if (!this.#context.output.isFull) return places;
    this.#waitForRoom(0);
    return 0;
  }

  hasOthers(freed: number): boolean {
    return this.#held > freed;
  }

  take(jobs: readonly ClaimedJob[]): readonly ClaimedJob[] {
    if (this.#state !== "open") return jobs;
    return this.#sendWhatFits(jobs);
  }

  /** This many of its jobs are finished: their places are free. */
  free(places: number): void {
    this.#held -= places;
    void this.group.offer(this);
  }

  /** It waited for room, and there is some. Returns when what could be claimed for it has been, if that is not now. */
  resume(): Promise<void> | undefined {
    this.#waitsForRoom = false;
    return this.group.offer(this);
  }

  onLeaseEnded(): void {
    this.end(LEASE_LOST);
  }

  end(error: WireError): void {
    if (this.#state === "ended") return;
    if (this.#state === "open") this.#context.output.sendError(this.sub, error, undefined);
    else this.#error = error;
    this.close();
  }

  /** Ends it without a frame. May be called twice. */
  close(): void {
    if (this.#state === "ended") return;
    this.stop();
    this.#context.onEnded(this);
  }

  /** It gets no more jobs. May be called twice. */
  stop(): void {
    this.#state = "ended";
    this.group.remove(this);
  }

  #waitForRoom(bytes: number): void {
    this.#waitsForRoom = true;
    this.#context.waitForRoom(this, bytes);
  }

  /** Sends jobs in frames. Returns those for which the peer has no room: it has to read first. */
  #sendWhatFits(jobs: readonly ClaimedJob[]): readonly ClaimedJob[] {
    const { output } = this.#context;
    let rest = jobs;
    while (rest.length > 0) {
      const { part, batch } = this.#nextFrame(rest);
      if (output.isFull || !output.hasRoom(batch.bytes)) {
        this.#waitForRoom(batch.bytes);
        break;
      }
      this.#send(part, batch);
      rest = rest.slice(part.length);
    }
    return rest;
  }

  /** As many jobs as one frame holds, and at least one. */
  #nextFrame(jobs: readonly ClaimedJob[]): {
    readonly part: readonly ClaimedJob[];
    readonly batch: TopicBatch;
  } {
    const isNamed = this.filter.prefix !== undefined;
    const messages = jobs.map(({ message }) => message);
    const count = UNLIMITED.fitting(messages, this.#context.output.frameBytes, isNamed);
    return count === jobs.length
      ? { part: jobs, batch: new TopicBatch(messages, isNamed) }
      : { part: jobs.slice(0, count), batch: new TopicBatch(messages.slice(0, count), isNamed) };
  }

  #send(jobs: readonly ClaimedJob[], batch: TopicBatch): void {
    const { output, holders, queue } = this.#context;
    const claims = jobs.map(({ claim }) => claim);
    output.sendJobs(this.sub, batch, claims, jobs.map(({ attempt }) => attempt));
    for (const claim of claims) holders.set(claim, this);
    this.#held += jobs.length;
    queue.counts.deliver(jobs.length, batch.bytes);
    queue.tracing?.deliver(batch.messages);
  }
}
