/**
 * The requests of one connection, one after another.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import type { Limits } from "../protocol/limits.ts";
import type { RefusedRequest, WireRequest } from "../protocol/requests.ts";
import { Backlog } from "./backlog.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { mustWait, type Peer } from "../transports/peer.ts";

/**
 * At most so many requests are understood at a time, and go together: fewer where the peer wants small frames, for to send
 * a frame takes longer than to make an answer.
 */
const RUN_SIZE = { min: 64, bytes: 64 };

/** How often the topic may change in a run: a store has more to do with each topic than with each message. */
const MAX_TOPICS = 512;

/** What a request is taken to cost its connection, in milliseconds: whose time it was can hardly be measured. */
const REQUEST_COST = 0.005;

/** What it costs to scan a part of a large frame, in milliseconds. */
const SCAN_COST = 0.5;

/** What is left of a frame counts for so many bytes a request where turns are given, and for no more than so many. */
const [REQUEST_BYTES, MAX_REMAINING_BYTES] = [64, 64 * 1024];

/** Does the requests. */
export interface RequestHandler {
  /** Does a run of requests of one kind, and answers them in order; or throws, and has answered none. */
  dispatch(run: readonly WireRequest[]): Promise<void> | void;
  /** Doing it threw: answers them all with that. */
  failAll(run: readonly WireRequest[], error: unknown): void;
  /** These are refused already and have no answer. */
  onUnanswered(unanswered: readonly RefusedRequest[]): void;
}

/** The connection, which is over if this cannot go on. */
export interface PipelineConnection {
  /** The peer goes on although far too much of it waits, or (if `crowded`) of all peers, which has ended the line. */
  onFlood(outOfMemory: boolean): void;
  /** Not even that could be done, which has ended the line. */
  onDefect(error: unknown): void;
}

const NOTHING = () => {};

/**
 * Runs the frames of a connection one after another, and in a frame the requests: two that ran at once
 * could use one cursor. Consecutive `put`s, and consecutive `get`s, go together.
 */
export class RequestPipeline {
  readonly #peer: Pick<Peer, "buffered" | "drained" | "mustReadFirst">;
  readonly #turn: Turn;
  readonly #replies: ReplyWriter;
  readonly #handler: RequestHandler;
  readonly #connection: PipelineConnection;
  /** What the peer said: understood when its turn comes, or one who says much would keep all others waiting. */
  readonly #backlog: Backlog;
  #running: Promise<void> | undefined;
  /** It takes more; it does what it took. */
  #accepting = true;
  #processing = true;
  #endPause: () => void = NOTHING;

  /**
   * Makes an empty line.
   *
   * @param peer tells how much the peer has yet to read
   * @param replies where answers go
   * @param limits what the connection is held to
   * @param handler does the requests
   * @param connection is told why this ended
   * @param budgets what the connection has of what all share. Default: as much as it needs
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

  /** Takes what the peer said. */
  receive(data: unknown): void {
    if (!this.#accepting) return;
    if (!this.#backlog.add(data)) {
      this.stop();
      return this.#connection.onFlood(this.#backlog.outOfMemory);
    }
    // Nothing more is taken in before it had its turn.
    if (this.#backlog.hasLarge) this.#turn.busy();
    this.#running ??= this.#run();
  }

  /** Takes nothing more. Returns when all that was taken is done; nothing if it is. */
  finish(): Promise<void> | void {
    this.#accepting = false;
    return this.#running;
  }

  /** Takes nothing more and leaves undone what is in the line. */
  stop(): void {
    this.#accepting = this.#processing = false;
    this.#backlog.clear();
    this.#endPause();
  }

  /** Where the peer has more to read than it should: sends what was answered so far, and waits. */
  applyBackpressure(): Promise<void> | undefined {
    if (!mustWait(this.#peer, this.#replies.pending)) return undefined;
    this.#replies.flush();
    // The peer may have to say all before it reads.
    this.#turn.idle();
    return this.#peer.drained();
  }

  /** The same, and where it is time that others have their turn. */
  pause(): Promise<void> | undefined {
    return this.applyBackpressure() ??
      (this.#turn.isOver ? this.#yieldTurn(MAX_REMAINING_BYTES) : undefined);
  }

  async #run(): Promise<void> {
    // A turn later: by then the work is known by its promise, so that finishing can wait for it.
    await undefined;
    try {
      // Mostly there is nothing to wait for, and to wait for nothing takes time, too.
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

  /** Does some requests of a frame in which so many are left. */
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

  /** Nobody has told the client that its puts are stored: its read on another connection can be the first to arrive. */
  #afterOthers(): Promise<void> | undefined {
    const { promise, resolve } = Promise.withResolvers<void>();
    return this.#turn.afterOthers(resolve) ? promise : undefined;
  }

  /** Lets others have a turn: a store that answers at once would keep them out for a whole frame. */
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

/** Where the run ends that begins at a place. */
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

/** A refused request does not part the puts around it: it fails alone, and they are stored as one batch. */
function canBatch(one: WireRequest, other: WireRequest): boolean {
  const isPut = ({ action }: WireRequest) => action === "put" || action === "refused";
  return isPut(one) ? isPut(other) : one.action === "get" && other.action === "get";
}

/** A read of dsmq 1.x. */
function isLegacyRead({ action, id }: WireRequest): boolean {
  return id === undefined && (action === "get" || action === "get_latest");
}
