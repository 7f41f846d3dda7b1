/**
 * The requests of one connection, one after another.
 *
 * @module
 */

import type { Limits } from "../protocol/limits.ts";
import { decodeFrame, type Request } from "../protocol/requests.ts";
import { Outbox } from "./outbox.ts";
import { BUFFER_LIMIT, type Wire } from "./wire.ts";

/** At most so many requests go together. */
const RUN = 4096;

/** For how long requests are done without a pause for other connections, in milliseconds. */
const TURN = 10;

/** Where answers go. */
type Outlet = Pick<Wire, "send" | "buffered" | "drained">;

/** Does what is in a line. */
export interface Worker {
  /** Does a run of requests of one kind, and answers them in order; or throws, and has answered none. */
  act(run: readonly Request[], out: Outbox): Promise<void> | void;
  /** Doing it threw: answers them all with that. */
  refuse(run: readonly Request[], error: unknown, out: Outbox): void;
  /** Not even that could be done, which has ended the line. */
  failed(error: unknown): void;
}

const NOTHING = () => {};

/**
 * Runs the frames of a connection one after another, and in a frame the requests: two that ran at once
 * could use one cursor. Consecutive `put`s, and consecutive `get`s, go together.
 */
export class Line {
  readonly #wire: Outlet;
  readonly #limits: Limits;
  readonly #worker: Worker;
  /** What the peer said: understood when its turn comes, or one who says much would keep all others waiting. */
  #frames: unknown[] = [];
  #work: Promise<void> | undefined;
  /** It takes more; it does what it took. */
  #taking = true;
  #doing = true;
  /** The id of the request that was done last. */
  #seen = 0;
  /** Since when nobody else had a turn; only while there is work. */
  #turnBegan: number | undefined;
  #endPause: () => void = NOTHING;

  /**
   * Makes an empty line.
   *
   * @param wire where answers go
   * @param limits what messages are held to
   * @param worker does the requests
   */
  constructor(wire: Outlet, limits: Limits, worker: Worker) {
    this.#wire = wire;
    this.#limits = limits;
    this.#worker = worker;
  }

  /** The id of the request that was done last, of those that carry one. */
  get seen(): number {
    return this.#seen;
  }

  /** Takes what the peer said. */
  receive(data: unknown): void {
    if (!this.#taking) return;
    this.#frames.push(data);
    this.#work ??= this.#run();
  }

  /** Takes nothing more; resolves once all that was taken is done. */
  async finish(): Promise<void> {
    this.#taking = false;
    await this.#work;
  }

  /** Takes nothing more and leaves undone what is in the line. */
  stop(): void {
    this.#taking = this.#doing = false;
    this.#frames = [];
    this.#endPause();
  }

  /** Where the peer has more to read than it should: sends what was answered so far, and waits. */
  breathe(out: Outbox): Promise<void> | undefined {
    if (this.#wire.buffered < BUFFER_LIMIT) return undefined;
    out.flush();
    return this.#wire.drained();
  }

  async #run(): Promise<void> {
    // A turn later: by then the work is known by its promise, so that finishing can wait for it.
    await undefined;
    try {
      while (this.#frames.length > 0) {
        const frames = this.#frames;
        this.#frames = [];
        for (const data of frames) {
          // Mostly there is nothing to wait for, and to wait for nothing takes time, too.
          const turn = this.#giveWay();
          if (turn) await turn;
          if (!this.#doing) break;
          const { batched, requests } = decodeFrame(data, this.#limits);
          const out = new Outbox(this.#wire, batched);
          for (let i = 0, end; i < requests.length && this.#doing; i = end) {
            end = endOfRun(requests, i);
            await this.#do(requests.slice(i, end), out);
            const pause = this.breathe(out) ?? (end < requests.length && this.#giveWay());
            if (pause) await pause;
          }
          out.flush();
        }
      }
    } catch (error) {
      this.stop();
      this.#worker.failed(error);
    } finally {
      this.#work = undefined;
      this.#turnBegan = undefined;
    }
  }

  async #do(run: readonly Request[], out: Outbox): Promise<void> {
    try {
      await this.#worker.act(run, out);
    } catch (error) {
      this.#worker.refuse(run, error, out);
    }
    this.#seen = run.at(-1)!.id ?? this.#seen;
  }

  /** Lets others have a turn: a store that answers at once would keep them out for a whole frame. */
  #giveWay(): Promise<void> | undefined {
    const now = performance.now();
    this.#turnBegan ??= now;
    if (now - this.#turnBegan < TURN) return undefined;
    return new Promise<void>((resolve) => {
      const goOn = () => {
        clearTimeout(timer);
        this.#turnBegan = performance.now();
        resolve();
      };
      const timer = setTimeout(goOn, 0);
      this.#endPause = goOn;
    });
  }
}

/** Where the run ends that begins at a place. */
function endOfRun(requests: readonly Request[], begin: number): number {
  const most = Math.min(requests.length, begin + RUN);
  let end = begin + 1;
  while (end < most && together(requests[begin]!, requests[end]!)) end++;
  return end;
}

/** A refused request does not part the puts around it: it fails alone, and they are stored as one batch. */
function together(one: Request, other: Request): boolean {
  const isPut = ({ action }: Request) => action === "put" || action === "refused";
  return isPut(one) ? isPut(other) : one.action === "get" && other.action === "get";
}
