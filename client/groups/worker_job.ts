/**
 * A job of a worker, from its arrival to its outcome.
 *
 * @module
 */

import type { MessageAttributes } from "../../protocol/attributes.ts";
import type { JobsReply } from "../../protocol/group_replies.ts";
import type { Job } from "./working.ts";

/** A job that a handler works on. */
export class WorkerJob implements Job {
  readonly topic: string;
  readonly body: string;
  readonly seq: number;
  readonly time: number;
  readonly attempt: number;
  readonly claim: number;
  declare readonly messageId?: string;
  declare readonly key?: string;
  declare readonly headers?: Readonly<Record<string, string>>;
  declare readonly delay?: number;
  readonly #extend: (job: WorkerJob) => Promise<void>;
  readonly #arrivedAt: number;
  #isOver = false;
  #aborted: { readonly reason: unknown } | undefined;
  /** Made once somebody asks for the signal: most handlers do not. */
  #controller: AbortController | undefined;

  /**
   * Takes one job of a frame.
   *
   * @param extend renews its lease, and makes sure of it
   * @param topic the topic, unless the frame names it
   * @param frame the frame
   * @param i its place in the lists of the frame
   * @param now when it has arrived, by `performance.now`
   */
  constructor(
    extend: (job: WorkerJob) => Promise<void>,
    topic: string | undefined,
    { claims, attempts, seqs, times, bodies, topics, attributes }: JobsReply,
    i: number,
    now: number,
  ) {
    this.#extend = extend;
    this.#arrivedAt = now;
    this.topic = topic ?? topics![i]!;
    this.body = bodies[i]!;
    this.seq = seqs[i]!;
    this.time = times[i]!;
    this.attempt = attempts?.[i] ?? 1;
    this.claim = claims[i]!;
    const own: MessageAttributes | null | undefined = attributes?.[i];
    if (own) Object.assign(this, own);
  }

  get signal(): AbortSignal {
    const controller = this.#controller ??= new AbortController();
    if (this.#aborted) controller.abort(this.#aborted.reason);
    return controller.signal;
  }

  extend(): Promise<void> {
    return this.#extend(this);
  }

  /** When it has arrived, by `performance.now`. */
  get arrivedAt(): number {
    return this.#arrivedAt;
  }

  /** It is lost, or its outcome is known: what its handler does counts for nothing. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing counts any more. Returns whether that is new. */
  end(): boolean {
    const isNew = !this.#isOver;
    this.#isOver = true;
    return isNew;
  }

  /** Its signal is aborted. */
  get isAborted(): boolean {
    return this.#aborted !== undefined;
  }

  /** Aborts its signal, for the first reason that there is. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = { reason };
    this.#controller?.abort(reason);
  }
}
