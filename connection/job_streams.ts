/**
 * The workers of one connection: `work`, `finish` and `extend`.
 *
 * @module
 */

import { RenewedMap } from "../protocol/renewed_map.ts";
import { claimsReply, workReply } from "../protocol/encode_group_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import type {
  ExtendRequest,
  FinishRequest,
  GroupTarget,
  WorkRequest,
} from "../protocol/group_requests.ts";
import { IdMap } from "../protocol/name_map.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { groupNameOf } from "../queue/group_names.ts";
import { locateGroupStart } from "../queue/positions.ts";
import type { Queue } from "../queue/queue.ts";
import { storeErrorToWire } from "../queue/store_failure.ts";
import type { ExtendedLease, OpenedHolder } from "../stores/groups/group_commands.ts";
import { StoreError } from "../stores/store.ts";
import { workDenied } from "./authorize.ts";
import { JobRequests } from "./job_requests.ts";
import { JobStream, type JobStreamContext } from "./job_stream.ts";
import type { ReadVerbOptions } from "./read_verb.ts";
import { ResumeQueue } from "./resume_queue.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { replyError, type ServerContext } from "./server_context.ts";
import { StreamFrames } from "./stream_frames.ts";
import type { StreamSlots } from "./stream_slots.ts";

/** What these need of their connection. */
export interface JobStreamsOptions extends Pick<ReadVerbOptions, "peer" | "replies"> {
  /** Why a topic, or all topics that begin with a prefix, may not be worked on (any more). */
  readonly workRefusal: (filter: TopicFilter) => WireError | undefined;
}

/** Places that become free with the jobs that a request finishes. */
interface FreedPlaces {
  readonly places: Map<JobStream, number>;
  /** The claims, and whose each was. */
  readonly claims: readonly number[];
  readonly streams: readonly JobStream[];
}

/** A worker is told at once of so many bytes of jobs that it holds without knowing of them. What is beyond goes to any worker. */
const MAX_RESENT_BYTES = 1024 * 1024;

/** So many claims of workers that have ended may be remembered, besides those of others. */
const MAX_STALE = 1024;

/** The workers of a connection, by the id of the request that opened each. */
export class JobStreams implements JobStreamContext {
  readonly queue: Queue;
  readonly output: StreamFrames;
  readonly holders: RenewedMap<number, JobStream> = new RenewedMap();
  readonly #context: ServerContext;
  readonly #replies: ReplyWriter;
  readonly #slots: StreamSlots;
  readonly #refusalOf: JobStreamsOptions["workRefusal"];
  readonly #streams = new IdMap<JobStream>();
  /** How many jobs they may hold together. */
  #credit = 0;
  readonly #toResume: ResumeQueue;
  readonly #requests: JobRequests;
  #closed = false;

  /**
   * Starts without workers.
   *
   * @param context what all connections share
   * @param slots how many streams there may be
   * @param options the rest of the connection
   */
  constructor(
    context: ServerContext,
    slots: StreamSlots,
    { peer, replies, workRefusal }: JobStreamsOptions,
  ) {
    this.#context = context;
    this.#toResume = new ResumeQueue(peer);
    this.#requests = new JobRequests(context, replies);
    this.#replies = replies;
    this.#slots = slots;
    this.#refusalOf = workRefusal;
    this.queue = context.queue;
    this.output = new StreamFrames(peer, replies, context.queue.largeBodies);
  }

  /** How many workers there are. */
  get count(): number {
    return this.#streams.size;
  }

  /**
   * Opens a worker, or goes on with one that was on an earlier connection. An older stream of it ends first: so nothing is claimed
   * for that which this one does not hear of.
   */
  work(request: WorkRequest): Promise<void> | void {
    return this.#requests.open(request, request.holding.length, this.#open(request));
  }

  async #open(request: WorkRequest): Promise<void> {
    const { id: sub, worker: holder, credit, lease, timeout, attempts, holding } = request;
    const name = groupNameOf(request);
    const refusal = this.#creditError(credit) ?? this.#slots.take(sub, "work");
    if (refusal) return replyError(this.#context, request, refusal, this.#replies);
    const group = this.queue.groups.enter(name);
    const stream = new JobStream(this, { sub, filter: name, group, holder, credit });
    this.#streams.set(sub, stream);
    this.#credit += credit;
    try {
      const claimed = group.join(stream);
      if (claimed) await claimed;
      const after = await locateGroupStart(this.queue, request.since);
      const { opening } = stream;
      const given = { after, holder, lease, timeout, attempts, holding, opening };
      const terms = { ...given, bytes: MAX_RESENT_BYTES };
      const [opened] = await this.queue.groups.apply([{ type: "open_holder", name, ...terms }]);
      if (opened instanceof StoreError) throw opened;
      if (this.#closed) {
        // Unless another connection has taken over.
        if (!this.queue.groups.find(name)?.takerOf(holder)) this.#closeHolders([stream]);
        return;
      }
      // Checked only now: the permissions can have changed meanwhile, and another connection can have taken over.
      const ended = this.#refusalOf(name) ?? stream.error;
      if (ended) {
        stream.close();
        return replyError(this.#context, request, ended, this.#replies);
      }
      const { lost, jobs } = opened as OpenedHolder;
      this.#requests.reply(workReply(sub, lost));
      let losses = 0;
      // The lost ones are in the order in which they were given.
      const held = holding.filter((claim) => {
        if (claim !== lost[losses]) return true;
        losses++;
        return false;
      });
      stream.open(held, jobs);
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  /** Finishes jobs. Their places are free again, whatever became of them. */
  finish(request: FinishRequest): Promise<void> | void {
    const { done, outcomes } = request;
    return this.#requests.run(request, done.length + outcomes.length, this.#finish(request));
  }

  async #finish(request: FinishRequest): Promise<void> {
    const { opened } = this.#requests;
    if (opened) await opened;
    const { id, done, outcomes } = request;
    const name = groupNameOf(request);
    const refusal = this.#refusalOf(name);
    // What its workers were given may be finished even then: so others need not wait for the end of the lease.
    if (refusal && !this.#haveHeld(request)) {
      return replyError(this.#context, request, refusal, this.#replies);
    }
    const freed = this.#freePlaces(request);
    await this.queue.groups.finish(
      { type: "finish", name, done, outcomes },
      freed.places,
      (result) => {
        if (result instanceof StoreError) {
          // Its client finishes them again.
          freed.claims.forEach((claim, i) => this.holders.set(claim, freed.streams[i]!));
          return replyError(this.#context, request, storeErrorToWire(result), this.#replies);
        }
        this.#requests.reply(claimsReply(id, result));
        for (const [stream, places] of freed.places) stream.free(places);
      },
    );
  }

  /** Renews leases. A worker whose lease has ended ends. */
  extend(request: ExtendRequest): Promise<void> | void {
    return this.#requests.run(request, request.claims.length, this.#extend(request));
  }

  async #extend(request: ExtendRequest): Promise<void> {
    const { opened } = this.#requests;
    if (opened) await opened;
    const { id, worker: holder, claims } = request;
    const name = groupNameOf(request);
    const { groups } = this.queue;
    const [result] = await groups.apply([{ type: "extend", name, holder, claims }]);
    if (result instanceof StoreError) {
      return replyError(this.#context, request, storeErrorToWire(result), this.#replies);
    }
    const { lost, ended } = result as ExtendedLease;
    this.#requests.reply(claimsReply(id, { lost, ended }));
    if (lost.length > 0) {
      const { places } = this.#freePlaces({ ...request, done: lost, outcomes: [] });
      for (const [stream, count] of places) stream.free(count);
    }
    if (!ended) return;
    const taker = groups.find(name)?.takerOf(holder!);
    if (taker instanceof JobStream && this.#streams.get(taker.sub) === taker) taker.onLeaseEnded();
  }

  /** Ends the stream of a worker, if there is one. The jobs that it holds stay with it until they are finished or its lease ends. */
  unsubscribe(sub: number): void {
    const stream = this.#streams.get(sub);
    if (!stream) return;
    stream.close();
    this.#closeHolders([stream]);
  }

  /** Those that hold no jobs are forgotten: who connects again and again would leave one behind each time. */
  #closeHolders(streams: Iterable<JobStream>): void {
    const commands = Array.from(
      streams,
      ({ group: { name }, holder, opening }) =>
        ({ type: "close_holder", name, holder, opening }) as const,
    );
    if (commands.length > 0) void this.queue.groups.apply(commands);
  }

  waitForRoom(stream: JobStream, bytes: number): void {
    this.#toResume.add(stream, bytes);
  }

  /** A worker has ended; `finishes`: what it has got may be finished all the same. */
  onEnded({ sub, credit }: JobStream, finishes = false): void {
    if (!this.#streams.delete(sub)) return;
    this.#credit -= credit;
    this.#slots.release(sub);
    // Mostly nobody finishes these any more; and who does knows nothing of places.
    if (finishes || this.holders.size <= this.#credit + MAX_STALE) return;
    for (const [claim, stream] of [...this.holders]) if (!stream.isOpen) this.holders.delete(claim);
  }

  /** Ends the workers of topics that may not be worked on any more. */
  endForbidden(): void {
    const forbidden = [...this.#streams.values()].filter(({ filter, isOpen }) =>
      isOpen && this.#refusalOf(filter)
    );
    // None of them gets a job while the others are ended.
    for (const stream of forbidden) stream.stop();
    void this.queue.cleanup.forEach(forbidden, forbidden.length, (stream) => {
      if (this.#streams.get(stream.sub) !== stream) return;
      this.output.sendError(stream.sub, workDenied(stream.filter), undefined);
      this.onEnded(stream, true);
    });
  }

  /** Ends all, without a frame. The leases of those that hold jobs go on. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    this.#closed = true;
    this.#toResume.close();
    const streams = this.#streams;
    this.#closeHolders(streams.values());
    return this.queue.cleanup.forEach(streams.values(), streams.size, (stream) => {
      stream.stop();
      this.onEnded(stream);
    });
  }

  /** Why the workers cannot hold so many more jobs. */
  #creditError(more: number): WireError | undefined {
    const { heldJobs } = this.#context.welcome.limits;
    if (this.#credit + more <= heldJobs) return undefined;
    return limitExceeded("work", heldJobs, `${this.#credit + more} jobs would be held`);
  }

  /** Whether all these jobs, and one at least, were given to workers of the group on this connection, and not finished since. */
  #haveHeld({ done, outcomes, ...target }: FinishRequest): boolean {
    const claims = [...done, ...outcomes.map(({ claim }) => claim)];
    return claims.length > 0 && claims.every((claim) => this.holders.get(claim)?.worksOn(target));
  }

  /** Takes the places of jobs from the workers of a group that hold them on this connection. */
  #freePlaces(
    { done, outcomes, ...target }: Pick<FinishRequest, "done" | "outcomes"> & GroupTarget,
  ): FreedPlaces {
    const places = new Map<JobStream, number>();
    const [claims, streams]: [number[], JobStream[]] = [[], []];
    const free = (claim: number) => {
      const stream = this.holders.get(claim);
      if (!stream?.worksOn(target)) return;
      this.holders.delete(claim);
      places.set(stream, (places.get(stream) ?? 0) + 1);
      claims.push(claim);
      streams.push(stream);
    };
    if (this.holders.size > 0) {
      for (const claim of done) free(claim);
      for (const { claim } of outcomes) free(claim);
    }
    return { places, claims, streams };
  }
}
