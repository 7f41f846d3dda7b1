/**
 * Bounds what was sent and is unanswered to what the server accepts.
 *
 * The client counts as the server does: each request, each message of a put, and the characters of their JSON. A request
 * counts until it is answered. A wait, and a request without a reply, count until a request that was sent with them or later
 * is answered: the server works in order, so it has passed them then. If they alone fill the window, a probe is sent behind
 * them: a request for nothing but a reply.
 *
 * @module
 */

import type { Limits } from "../protocol/client_limits.ts";
import type { PendingRequest } from "./pending_request.ts";

/** The characters around a request in a frame. */
const REQUEST_OVERHEAD = 2;

/** How much may be unanswered, and how many requests a frame may hold. */
export type WindowLimits = Pick<Limits, "inFlight" | "inFlightBytes" | "frameRequests">;

/** A request that takes room in the window until the server has passed it. */
interface PassingRequest {
  readonly id: number;
  readonly calls: number;
  weight: number;
  readonly order: number;
}

/** This many suspected requests are sent one after the other; then each one that does no harm allows one more at a time. */
const ONE_BY_ONE = 16;

/**
 * The suspected requests of a connection, by id. While one of them is unfinished, every request has a frame of its own, also
 * those that are not suspected.
 */
class Trials {
  /** Suspected and unfinished. */
  readonly #suspects = new Set<number>();
  /** Sent alone and unfinished. */
  readonly #underWay = new Set<number>();
  #passed = 0;

  /** A suspected request is unfinished: every request is sent alone. */
  get any(): boolean {
    return this.#suspects.size > 0;
  }

  /** Nothing more may be sent until a request that was sent alone has finished. */
  get full(): boolean {
    return this.#underWay.size >= Math.max(1, this.#passed - ONE_BY_ONE);
  }

  /** A request is suspected, and is not sent yet. */
  suspect(id: number): void {
    this.#suspects.add(id);
  }

  /** A request is not sent any more. */
  withdrew(id: number): void {
    this.#suspects.delete(id);
  }

  /** A request was sent alone. */
  began(id: number): void {
    this.#underWay.add(id);
  }

  /** The server has passed a request: if it was sent alone, it did no harm. */
  passed(id: number): void {
    if (this.#underWay.size === 0 || !this.#underWay.delete(id)) return;
    this.#suspects.delete(id);
    this.#passed++;
  }

  /** The connection is over. */
  clear(): void {
    this.#suspects.clear();
    this.#underWay.clear();
    this.#passed = 0;
  }
}

/** The window of a connection. The order of what was sent holds over all its sockets. */
export class SendWindow {
  /** What is sent alone. */
  readonly trials = new Trials();
  readonly #makeProbe: () => PendingRequest;
  #limits: WindowLimits = { inFlight: Infinity, inFlightBytes: Infinity, frameRequests: Infinity };
  /** What is unanswered. */
  #calls = 0;
  #weight = 0;
  readonly #passing: PassingRequest[] = [];
  #order = 0;
  /** The server has passed everything that was sent up to here. */
  #passedOrder = 0;
  #currentProbe: PendingRequest | undefined;

  /**
   * Begins empty.
   *
   * @param makeProbe makes a request for nothing but a reply
   */
  constructor(makeProbe: () => PendingRequest) {
    this.#makeProbe = makeProbe;
  }

  /** The limits of the server. */
  get limits(): WindowLimits {
    return this.#limits;
  }

  /** Half of it is in use: a client that only reads streams makes no requests, and would never learn how far the server is. */
  get isHalfFull(): boolean {
    return this.#weight > this.#limits.inFlightBytes / 2;
  }

  /** There is a new socket. */
  begin(limits: WindowLimits): void {
    this.#limits = limits;
  }

  /** The socket is closed, and nothing on it is answered any more. */
  reset(): void {
    this.#calls = this.#weight = 0;
    this.#passing.length = 0;
    this.#currentProbe = undefined;
    this.trials.clear();
  }

  /** Whether so much may be sent: one request may be larger than the window, if nothing else is unanswered. */
  fits(calls: number, weight: number): boolean {
    const { inFlight, inFlightBytes } = this.#limits;
    return (this.#calls === 0 || this.#calls + calls <= inFlight) &&
      (this.#weight === 0 || this.#weight + weight <= inFlightBytes);
  }

  /** A request of this many characters is sent. */
  onSent(request: PendingRequest, weight: number): void {
    const { id, calls } = request;
    const order = ++this.#order;
    request.sendOrder = order;
    request.weight = weight;
    this.#calls += calls;
    this.#weight += weight;
    if (request.isWait) this.#passing.push({ id, calls, weight, order });
  }

  /** A request without a reply is sent. */
  onUnansweredSent(text: string): void {
    const weight = weightOf(text);
    this.#weight += weight;
    const last = this.#passing.at(-1);
    // No request with a reply lies between the two: the server has passed both, or neither.
    if (last?.calls === 0 && last.order === this.#order) last.weight += weight;
    else this.#passing.push({ id: 0, calls: 0, weight, order: ++this.#order });
  }

  /** A probe to be sent, if it would free room, and none is under way. */
  takeProbe(): [] | [probe: string] {
    if (this.#currentProbe || this.#passing.length === 0) return [];
    const probe = this.#currentProbe = this.#makeProbe();
    const text = probe.encode();
    probe.isSent = true;
    this.onSent(probe, weightOf(text));
    return [text];
  }

  /** A request is answered: the server has passed everything that was sent before it. */
  onReply(request: PendingRequest): void {
    if (request.isWait) this.trials.passed(request.id);
    else this.#release(request);
    if (request === this.#currentProbe) this.#currentProbe = undefined;
    if (request.sendOrder > this.#passedOrder) this.#passedOrder = request.sendOrder;
    let passed = 0;
    while (passed < this.#passing.length && this.#passing[passed]!.order <= request.sendOrder) {
      this.#release(this.#passing[passed++]!);
    }
    if (passed > 0) this.#passing.splice(0, passed);
  }

  /** Whether a request was sent and the server may not have finished it. */
  isPending({ sendOrder, isWait }: PendingRequest): boolean {
    return sendOrder > 0 && !(isWait && sendOrder <= this.#passedOrder);
  }

  #release({ id, calls, weight }: Pick<PassingRequest, "id" | "calls" | "weight">): void {
    this.#calls -= calls;
    this.#weight -= weight;
    this.trials.passed(id);
  }
}

/** What a request takes of the window and of a frame, in characters. */
export function weightOf(text: string): number {
  return text.length + REQUEST_OVERHEAD;
}
