/**
 * What has left and is unanswered, and no more of it than the server takes.
 *
 * The client counts what the server counts: each request, each message of a list of puts, and the characters of it all
 * as JSON. A request counts until it is answered. A wait, and what has no answer, count until something is
 * answered that was sent with them or later: the server does all in order, so it has gone past them by then. Where
 * they alone fill the window, a request that asks for nothing but its answer is sent behind them: a probe.
 *
 * @module
 */

import type { Limits } from "../protocol/limits.ts";
import type { PendingRequest } from "./pending_request.ts";
import { Trials } from "./trials.ts";

/** What stands around a request in a frame, in characters. */
const REQUEST_OVERHEAD = 2;

/** How much may be unanswered, and how many requests are in a frame. */
export type WindowLimits = Pick<Limits, "inFlight" | "inFlightBytes" | "frameRequests">;

/** Something that takes a part of the window until the server has gone past it. */
interface PassingRequest {
  readonly id: number;
  readonly calls: number;
  weight: number;
  readonly order: number;
}

/** The window of a connection; what was sent is in order over all connections. */
export class SendWindow {
  /** What goes alone. */
  readonly trials: Trials = new Trials();
  readonly #makeProbe: () => PendingRequest;
  #limits: WindowLimits = { inFlight: Infinity, inFlightBytes: Infinity, frameRequests: Infinity };
  /** What is unanswered. */
  #calls = 0;
  #weight = 0;
  readonly #passing: PassingRequest[] = [];
  #order = 0;
  /** The server has gone past all that was sent up to here. */
  #passedOrder = 0;
  #currentProbe: PendingRequest | undefined;

  /**
   * Makes an empty one.
   *
   * @param makeProbe makes a request that asks for nothing but its answer
   */
  constructor(makeProbe: () => PendingRequest) {
    this.#makeProbe = makeProbe;
  }

  /** What the server takes. */
  get limits(): WindowLimits {
    return this.#limits;
  }

  /** One who only streams asks for nothing, and would never learn how far the server is. */
  get isHalfFull(): boolean {
    return this.#weight > this.#limits.inFlightBytes / 2;
  }

  /** There is a new connection. */
  begin(limits: WindowLimits): void {
    this.#limits = limits;
  }

  /** The connection is over, and nothing on it is answered any more. */
  reset(): void {
    this.#calls = this.#weight = 0;
    this.#passing.length = 0;
    this.#currentProbe = undefined;
    this.trials.clear();
  }

  /** Whether so much may leave: one request may be larger than the window, if nothing else is unanswered. */
  fits(calls: number, weight: number): boolean {
    const { inFlight, inFlightBytes } = this.#limits;
    return (this.#calls === 0 || this.#calls + calls <= inFlight) &&
      (this.#weight === 0 || this.#weight + weight <= inFlightBytes);
  }

  /** A request leaves, with so many characters. */
  onSent(request: PendingRequest, weight: number): void {
    const { id, calls } = request;
    const order = ++this.#order;
    request.sendOrder = order;
    request.weight = weight;
    this.#calls += calls;
    this.#weight += weight;
    if (request.isWait) this.#passing.push({ id, calls, weight, order });
  }

  /** A request leaves that has no answer. */
  onUnansweredSent(text: string): void {
    const weight = weightOf(text);
    this.#weight += weight;
    const last = this.#passing.at(-1);
    // Nothing that is answered lies between the two: the server will have gone past both, or neither.
    if (last?.calls === 0 && last.order === this.#order) last.weight += weight;
    else this.#passing.push({ id: 0, calls: 0, weight, order: ++this.#order });
  }

  /** A probe to be sent, if there is something to be learnt by it, and none is under way. */
  takeProbe(): [] | [probe: string] {
    if (this.#currentProbe || this.#passing.length === 0) return [];
    const probe = this.#currentProbe = this.#makeProbe();
    const text = probe.encode();
    probe.isSent = true;
    this.onSent(probe, weightOf(text));
    return [text];
  }

  /** Something that had left is answered: the server has gone past all that was sent before it. */
  onReply(request: PendingRequest): void {
    if (request.isWait) this.trials.onPassed(request.id);
    else this.#release(request);
    if (request === this.#currentProbe) this.#currentProbe = undefined;
    if (request.sendOrder > this.#passedOrder) this.#passedOrder = request.sendOrder;
    let passed = 0;
    while (passed < this.#passing.length && this.#passing[passed]!.order <= request.sendOrder) {
      this.#release(this.#passing[passed++]!);
    }
    if (passed > 0) this.#passing.splice(0, passed);
  }

  /** Whether something that had left may not have been done, or may be what is being done. */
  isPending({ sendOrder, isWait }: PendingRequest): boolean {
    return sendOrder > 0 && !(isWait && sendOrder <= this.#passedOrder);
  }

  #release({ id, calls, weight }: Pick<PassingRequest, "id" | "calls" | "weight">): void {
    this.#calls -= calls;
    this.#weight -= weight;
    this.trials.onPassed(id);
  }
}

/** What a request takes of the window, and of a frame, in characters. */
export function weightOf(text: string): number {
  return text.length + REQUEST_OVERHEAD;
}
