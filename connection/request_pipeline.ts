/**
 * Runs the requests of one connection in order.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { RefusedRequest, WireRequest } from "../protocol/requests.ts";
import { Backlog } from "./backlog.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { mustWait, type Peer } from "../transports/peer.ts";

/**
 * At most this many requests are decoded at a time, and go together. There are fewer if the peer wants small frames, since
 * sending a frame takes longer than making a reply.
 */
const RUN_SIZE = { min: 64, bytes: 64 };

/** How often the topic may change in a run: a topic costs a store more than a message. */
const MAX_TOPICS = 512;

/** The assumed cost of a request, in milliseconds: whose time it was can hardly be measured. */
const REQUEST_COST = 0.005;

/** The cost of scanning a part of a large frame, in milliseconds. */
const SCAN_COST = 0.5;

/** In the order of turns, each request that is left of a frame counts for this many bytes, up to a maximum. */
const [REQUEST_BYTES, MAX_REMAINING_BYTES] = [64, 64 * 1024];

/** Handles the requests of a pipeline. */
export interface RequestHandler {
  /** Handles a run of requests of one kind, and replies in order; or throws, and has replied to none. */
  dispatch(run: readonly WireRequest[]): Promise<void> | void;
  /** Handling a run threw: replies to all of it with that error. */
  failAll(run: readonly WireRequest[], error: unknown): void;
  /** These requests were refused and get no reply. */
  onUnanswered(unanswered: readonly RefusedRequest[]): void;
}

/** The connection, which has to be closed if the pipeline cannot continue. */
export interface PipelineConnection {
  /** The peer keeps sending although far too many of its requests wait, or (`outOfMemory`) those of all peers. The pipeline has stopped. */
  onFlood(outOfMemory: boolean): void;
  /** Not even the error could be handled. The pipeline has stopped. */
  onDefect(error: unknown): void;
}

const NOTHING = () => {};

/**
 * Processes the frames of a connection one after another, and the requests of a frame as well: two at the same time could
 * use the same cursor. Consecutive `put`s, and consecutive `get`s, go together.
 */
export class RequestPipeline {
  readonly #peer: Pick<Peer, "buffered" | "drained" | "mustReadFirst">;
  readonly #turn: Turn;
  readonly #replies: ReplyWriter;
  readonly #handler: RequestHandler;
  readonly #connection: PipelineConnection;
  /** Frames that wait. They are decoded in their turn: otherwise a peer that sends much would block all others. */
  readonly #backlog: Backlog;
  #running: Promise<void> | undefined;
  /** Whether it accepts more frames, and whether it processes those that it has. */
  #accepting = true;
  #processing = true;
  #endPause: () => void = NOTHING;

  /**
   * Starts empty.
   *
   * @param peer tells how much the peer has not read yet
   * @param replies where replies go
   * @param limits the limits of the connection
   * @param handler handles the requests
   * @param connection is notified if the pipeline cannot continue
   * @param budgets the share of the connection in what all share. Default: no limit
   */
  constructor(
    peer: Pick<Peer, "buffered" | "drained" | "mustReadFirst" | "turn">,
    replies: ReplyWriter,
    limits: Limits,
    handler: RequestHandler,
    connection: PipelineConnection,
    budgets?: ConnectionBudgets,
  ) {
    this.#peer = peer;
    this.#turn = peer.turn ?? new Turns().join();
    this.#replies = replies;
    this.#handler = handler;
    this.#connection = connection;
    this.#backlog = new Backlog(limits, (unanswered) => handler.onUnanswered(unanswered), budgets);
  }

  /** Takes the data of a frame. */
  receive(data: unknown): void {
    if (!this.#accepting) return;
    if (!this.#backlog.add(data)) {
      this.stop();
      return this.#connection.onFlood(this.#backlog.outOfMemory);
    }
    // No more input is read before this had its turn.
    if (this.#backlog.hasLarge) this.#turn.busy();
    this.#running ??= this.#run();
  }

  /** Accepts no more frames. Returns when all accepted ones are processed; nothing if they are. */
  finish(): Promise<void> | void {
    this.#accepting = false;
    return this.#running;
  }

  /** Accepts no more frames, and drops those that wait. */
  stop(): void {
    this.#accepting = this.#processing = false;
    this.#backlog.clear();
    this.#endPause();
  }

  /** If the peer has too much to read: sends the replies so far, and waits. */
  applyBackpressure(): Promise<void> | undefined {
    if (!mustWait(this.#peer, this.#replies.pending)) return undefined;
    this.#replies.flush();
    // The peer may have to send everything before it reads.
    this.#turn.idle();
    return this.#peer.drained();
  }

  /** The same, and waits also if it is time for others to have their turn. */
  pause(): Promise<void> | undefined {
    return this.applyBackpressure() ?? this.yieldTurn();
  }

  /** Waits if it is time for others to have their turn, however slowly the peer reads. */
  yieldTurn(): Promise<void> | undefined {
    return this.#turn.isOver ? this.#yieldTurn(MAX_REMAINING_BYTES) : undefined;
  }

  async #run(): Promise<void> {
    // One microtask later `#running` is set, so that `finish` can wait for it.
    await undefined;
    try {
      // Mostly there is nothing to wait for, and an `await` takes time, too.
      const { nextBytes } = this.#backlog;
      if (this.#turn.begin(nextBytes)) await this.#yieldTurn(nextBytes);
      while (!this.#backlog.empty) {
        for (; this.#backlog.scanNext(); this.#turn.charge(SCAN_COST)) {
          if (this.#turn.isOver) await this.#yieldTurn(this.#backlog.nextBytes);
        }
        const frame = this.#backlog.take();
        if (!frame) {
          this.stop();
          if (this.#backlog.flooded) this.#connection.onFlood(this.#backlog.outOfMemory);
          break;
        }
        this.#replies.beginFrame(frame.batched);
        for (let i = 0; i < frame.length && this.#processing;) {
          const max = Math.max(RUN_SIZE.min, Math.floor(this.#replies.frameBytes / RUN_SIZE.bytes));
          const part = frame.requests(i, Math.min(i + max, frame.length));
          if (i === 0 && isLegacyRead(part[0]!)) await this.#afterOthers();
          await this.#processPart(part, frame.length - i);
          i += part.length;
        }
        this.#backlog.finishFrame();
        this.#replies.endFrame();
        if (!this.#backlog.empty && this.#turn.isOver) {
          await this.#yieldTurn(this.#backlog.nextBytes);
        }
      }
    } catch (error) {
      this.stop();
      this.#connection.onDefect(error);
    } finally {
      this.#running = undefined;
      this.#turn.idle();
    }
  }

  /** Processes some requests of a frame that has this many left. */
  async #processPart(requests: readonly WireRequest[], remaining: number): Promise<void> {
    for (let i = 0, end; i < requests.length && this.#processing; i = end) {
      end = endOfRun(requests, i);
      this.#backlog.markStarted(end - i);
      await this.#processRun(requests.slice(i, end));
      this.#turn.charge(REQUEST_COST * (end - i), this.#turn.checkedAt);
      const pause = this.applyBackpressure();
      if (pause) await pause;
      if (end < remaining && this.#turn.isOver) {
        await this.#yieldTurn(Math.min(MAX_REMAINING_BYTES, REQUEST_BYTES * (remaining - end)));
      }
    }
  }

  async #processRun(run: readonly WireRequest[]): Promise<void> {
    try {
      await this.#handler.dispatch(run);
    } catch (error) {
      this.#handler.failAll(run, error);
    }
  }

  /** A client of dsmq 1.x gets no acknowledgement: its read on another connection can arrive first. */
  #afterOthers(): Promise<void> | undefined {
    const { promise, resolve } = Promise.withResolvers<void>();
    return this.#turn.afterOthers(resolve) ? promise : undefined;
  }

  /** Lets others have their turn: a store that answers at once would block them for a whole frame. */
  #yieldTurn(bytes = 0): Promise<void> {
    this.#turn.busy();
    return new Promise<void>((resolve) => {
      const cancel = this.#turn.next(resolve, bytes);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** The end of the run that begins at an index. */
function endOfRun(requests: readonly WireRequest[], begin: number): number {
  let end = begin + 1;
  let topic = topicOf(requests[begin]!);
  for (let topics = 1; end < requests.length; end++) {
    const request = requests[end]!;
    if (!canBatch(requests[begin]!, request)) break;
    const next = topicOf(request);
    if (next === topic) continue;
    topic = next;
    if (++topics > MAX_TOPICS) break;
  }
  return end;
}

function topicOf(request: WireRequest): string | undefined {
  return (request as { readonly topic?: string }).topic;
}

/** A refused request does not split the puts around it: it fails alone, and they are stored as one batch. */
function canBatch(one: WireRequest, other: WireRequest): boolean {
  const isPut = ({ action }: WireRequest) => action === "put" || action === "refused";
  return isPut(one) ? isPut(other) : one.action === "get" && other.action === "get";
}

/** A read of dsmq 1.x. */
function isLegacyRead({ action, id }: WireRequest): boolean {
  return id === undefined && (action === "get" || action === "get_latest");
}
