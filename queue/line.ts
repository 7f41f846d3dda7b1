/**
 * The requests of one connection, one after another.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import type { Limits } from "../protocol/limits.ts";
import type { RefusedRequest, Request } from "../protocol/requests.ts";
import { Backlog } from "./backlog.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Shares } from "./shares.ts";
import { isFull, type Wire } from "./wire.ts";

/**
 * At most so many requests are understood at a time, and go together: fewer where the peer wants small frames, for to send
 * a frame takes longer than to make an answer.
 */
const RUN = { least: 64, bytes: 64 };

/** How often the topic may change in a run: a store has more to do with each topic than with each message. */
const TOPICS = 512;

/** What a request is taken to cost its connection, in milliseconds: whose time it was can hardly be measured. */
const COST = 0.005;

/** What it costs to scan a part of a large frame, in milliseconds. */
const SCAN = 0.5;

/** What is left of a frame counts for so many bytes a request where turns are given, and for no more than so many. */
const [BYTES, REST] = [64, 64 * 1024];

/** Does what is in a line. */
export interface Worker {
  /** Does a run of requests of one kind, and answers them in order; or throws, and has answered none. */
  act(run: readonly Request[]): Promise<void> | void;
  /** Doing it threw: answers them all with that. */
  refuse(run: readonly Request[], error: unknown): void;
  /** These are refused already and have no answer. */
  noted(refused: readonly RefusedRequest[]): void;
  /** The peer goes on although far too much of it waits, or (if `crowded`) of all peers, which has ended the line. */
  flooded(crowded: boolean): void;
  /** Not even that could be done, which has ended the line. */
  failed(error: unknown): void;
}

const NOTHING = () => {};

/**
 * Runs the frames of a connection one after another, and in a frame the requests: two that ran at once
 * could use one cursor. Consecutive `put`s, and consecutive `get`s, go together.
 */
export class Line {
  readonly #wire: Pick<Wire, "buffered" | "drained" | "isScarce">;
  readonly #turn: Turn;
  readonly #replies: ReplyWriter;
  readonly #worker: Worker;
  /** What the peer said: understood when its turn comes, or one who says much would keep all others waiting. */
  readonly #backlog: Backlog;
  #work: Promise<void> | undefined;
  /** It takes more; it does what it took. */
  #taking = true;
  #doing = true;
  #endPause: () => void = NOTHING;

  /**
   * Makes an empty line.
   *
   * @param wire tells how much the peer has yet to read
   * @param replies where answers go
   * @param limits what the connection is held to
   * @param worker does the requests
   * @param shares what the connection has of what all share. Default: as much as it needs
   */
  constructor(
    wire: Pick<Wire, "buffered" | "drained" | "isScarce" | "turn">,
    replies: ReplyWriter,
    limits: Limits,
    worker: Worker,
    shares?: Shares,
  ) {
    this.#wire = wire;
    this.#turn = wire.turn ?? new Turns().join();
    this.#replies = replies;
    this.#worker = worker;
    this.#backlog = new Backlog(limits, (refused) => worker.noted(refused), shares);
  }

  /** Takes what the peer said. */
  receive(data: unknown): void {
    if (!this.#taking) return;
    if (!this.#backlog.add(data)) {
      this.stop();
      return this.#worker.flooded(this.#backlog.crowded);
    }
    // Nothing more is taken in before it had its turn.
    if (this.#backlog.hasLarge) this.#turn.busy();
    this.#work ??= this.#run();
  }

  /** Takes nothing more. Returns when all that was taken is done; nothing if it is. */
  finish(): Promise<void> | void {
    this.#taking = false;
    return this.#work;
  }

  /** Takes nothing more and leaves undone what is in the line. */
  stop(): void {
    this.#taking = this.#doing = false;
    this.#backlog.clear();
    this.#endPause();
  }

  /** Where the peer has more to read than it should: sends what was answered so far, and waits. */
  breathe(): Promise<void> | undefined {
    if (!isFull(this.#wire, this.#replies.pending)) return undefined;
    this.#replies.flush();
    // The peer may have to say all before it reads.
    this.#turn.idle();
    return this.#wire.drained();
  }

  /** The same, and where it is time that others have their turn. */
  pause(): Promise<void> | undefined {
    return this.breathe() ?? (this.#turn.isOver ? this.#giveWay(REST) : undefined);
  }

  async #run(): Promise<void> {
    // A turn later: by then the work is known by its promise, so that finishing can wait for it.
    await undefined;
    try {
      // Mostly there is nothing to wait for, and to wait for nothing takes time, too.
      const { nextBytes } = this.#backlog;
      if (this.#turn.begins(nextBytes)) await this.#giveWay(nextBytes);
      while (!this.#backlog.empty) {
        for (; this.#backlog.scansOn(); this.#turn.charge(SCAN)) {
          if (this.#turn.isOver) await this.#giveWay(this.#backlog.nextBytes);
        }
        const frame = this.#backlog.take();
        if (!frame) {
          this.stop();
          if (this.#backlog.flooded) this.#worker.flooded(this.#backlog.crowded);
          break;
        }
        this.#replies.beginFrame(frame.batched);
        for (let i = 0; i < frame.length && this.#doing;) {
          const most = Math.max(RUN.least, Math.floor(this.#replies.frameBytes / RUN.bytes));
          const part = frame.requests(i, Math.min(i + most, frame.length));
          if (i === 0 && isPlainRead(part[0]!)) await this.#afterOthers();
          await this.#doPart(part, frame.length - i);
          i += part.length;
        }
        this.#backlog.finished();
        this.#replies.endFrame();
        if (!this.#backlog.empty && this.#turn.isOver) {
          await this.#giveWay(this.#backlog.nextBytes);
        }
      }
    } catch (error) {
      this.stop();
      this.#worker.failed(error);
    } finally {
      this.#work = undefined;
      this.#turn.idle();
    }
  }

  /** Does some requests of a frame in which so many are left. */
  async #doPart(requests: readonly Request[], left: number): Promise<void> {
    for (let i = 0, end; i < requests.length && this.#doing; i = end) {
      end = endOfRun(requests, i);
      this.#backlog.began(end - i);
      await this.#do(requests.slice(i, end));
      this.#turn.charge(COST * (end - i), this.#turn.lookedAt);
      const pause = this.breathe();
      if (pause) await pause;
      if (end < left && this.#turn.isOver) {
        await this.#giveWay(Math.min(REST, BYTES * (left - end)));
      }
    }
  }

  async #do(run: readonly Request[]): Promise<void> {
    try {
      await this.#worker.act(run);
    } catch (error) {
      this.#worker.refuse(run, error);
    }
  }

  /** Nobody has told the client that its puts are stored: its read on another connection can be the first to arrive. */
  #afterOthers(): Promise<void> | undefined {
    const { promise, resolve } = Promise.withResolvers<void>();
    return this.#turn.afterOthers(resolve) ? promise : undefined;
  }

  /** Lets others have a turn: a store that answers at once would keep them out for a whole frame. */
  #giveWay(bytes = 0): Promise<void> {
    this.#turn.busy();
    return new Promise<void>((resolve) => {
      const leave = this.#turn.next(resolve, bytes);
      this.#endPause = () => {
        leave();
        resolve();
      };
    });
  }
}

/** Where the run ends that begins at a place. */
function endOfRun(requests: readonly Request[], begin: number): number {
  let end = begin + 1;
  let topic = topicOf(requests[begin]!);
  for (let topics = 1; end < requests.length; end++) {
    const request = requests[end]!;
    if (!together(requests[begin]!, request)) break;
    const next = topicOf(request);
    if (next === topic) continue;
    topic = next;
    if (++topics > TOPICS) break;
  }
  return end;
}

function topicOf(request: Request): string | undefined {
  return (request as { readonly topic?: string }).topic;
}

/** A refused request does not part the puts around it: it fails alone, and they are stored as one batch. */
function together(one: Request, other: Request): boolean {
  const isPut = ({ action }: Request) => action === "put" || action === "refused";
  return isPut(one) ? isPut(other) : one.action === "get" && other.action === "get";
}

/** A read of dsmq 1.x. */
function isPlainRead({ action, id }: Request): boolean {
  return id === undefined && (action === "get" || action === "get_latest");
}
