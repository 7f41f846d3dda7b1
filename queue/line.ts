/**
 * The requests of one connection, one after another.
 *
 * @module
 */

import type { Limits } from "../protocol/limits.ts";
import { decodeFrame, type Frame, type Request } from "../protocol/requests.ts";
import { Outbox } from "./outbox.ts";
import { BUFFER_LIMIT, type Wire } from "./wire.ts";

/** At most so many requests go together. */
const RUN = 4096;

/** For how long requests are done without a pause for other connections, in milliseconds. */
const TURN = 10;

/** Does what is in a line. */
export interface Worker {
  /** Does a run of requests of one kind, and answers them in order. */
  act(run: readonly Request[], out: Outbox): Promise<void> | void;
  /** Doing it threw, which has ended the line. */
  failed(error: unknown): void;
}

const NOTHING = () => {};

/**
 * Runs the frames of a connection one after another, and in a frame the requests: two that ran at once
 * could use one cursor. Consecutive `put`s, and consecutive `get`s, go together.
 */
export class Line {
  readonly #wire: Wire;
  readonly #limits: Limits;
  readonly #worker: Worker;
  #frames: Frame[] = [];
  #work: Promise<void> | undefined;
  /** It takes more; it does what it took. */
  #taking = true;
  #doing = true;
  #turnBegan = 0;
  #endPause: () => void = NOTHING;

  /**
   * Makes an empty line.
   *
   * @param wire where answers go
   * @param limits what messages are held to
   * @param worker does the requests
   */
  constructor(wire: Wire, limits: Limits, worker: Worker) {
    this.#wire = wire;
    this.#limits = limits;
    this.#worker = worker;
  }

  /** Takes what the peer said: understood at once, done in turn. */
  receive(data: unknown): void {
    if (!this.#taking) return;
    this.#frames.push(decodeFrame(data, this.#limits));
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

  /** Sends what was answered so far, and waits while the peer has more to read than it should. */
  async breathe(out: Outbox): Promise<void> {
    if (this.#wire.buffered < BUFFER_LIMIT) return;
    out.flush();
    await this.#wire.drained();
  }

  async #run(): Promise<void> {
    // A turn later: by then the work is known by its promise, so that finishing can wait for it.
    await undefined;
    this.#turnBegan = performance.now();
    try {
      while (this.#frames.length > 0) {
        const frames = this.#frames;
        this.#frames = [];
        for (const frame of frames) {
          if (this.#doing) await this.#do(frame);
        }
      }
    } catch (error) {
      this.stop();
      this.#worker.failed(error);
    } finally {
      this.#work = undefined;
    }
  }

  /** Lets others have a turn: a store that answers at once would keep them out for a whole frame. */
  async #giveWay(): Promise<void> {
    if (!this.#doing || performance.now() - this.#turnBegan < TURN) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 0);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#turnBegan = performance.now();
  }

  async #do({ batched, requests }: Frame): Promise<void> {
    const out = new Outbox((frame) => this.#wire.send(frame), batched);
    for (let i = 0; i < requests.length && this.#doing;) {
      let end = i + 1;
      const most = Math.min(requests.length, i + RUN);
      while (end < most && together(requests[i]!, requests[end]!)) end++;
      await this.#worker.act(requests.slice(i, end), out);
      await this.breathe(out);
      await this.#giveWay();
      i = end;
    }
    out.flush();
  }
}

/** A refused request does not part the puts around it: it fails alone, and they are stored as one batch. */
function together(one: Request, other: Request): boolean {
  const isPut = ({ action }: Request) => action === "put" || action === "refused";
  return isPut(one) ? isPut(other) : one.action === "get" && other.action === "get";
}
