/**
 * The body of a response that is sent as fast as its client reads, and no faster.
 *
 * @module
 */

import { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import { utf8Length } from "../protocol/text.ts";
import { type MonitoredPeer, ReaderCut } from "../transports/slow_peer_monitor.ts";
import { joinBytes } from "./bytes.ts";
import type { HttpCall } from "./http_call.ts";
import type { Unfinished } from "./http_readers.ts";
import { HttpProblem } from "./problem.ts";

/** How many bytes may wait for the client before it has enough to read. */
export const ENOUGH_BYTES = 64 * 1024;

/** How many bytes a system may take before it tells that the client has read any of them. */
const SYSTEM_BUFFER = 1024 * 1024;

/** What a body tells its owner. */
export interface BodyEvents {
  /** Everything was handed over: the client is ready for more. */
  onDrained?(): void;
  /** It has ended: its client has everything, is gone, or was cut off. Called once. */
  onOver?(): void;
}

/**
 * Holds what its client has not asked for yet, and cuts it off if that reads nothing for too long. It keeps the slot of its
 * request.
 */
export class ReaderBody implements MonitoredPeer, Unfinished {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #call: HttpCall;
  readonly #events: BodyEvents;
  readonly #releaseSlot: () => void;
  readonly #budgets: ConnectionBudgets;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** The size of what was handed over last: it may not be sent yet. */
  #sentBytes = 0;
  /** The client is ready for more. */
  #isWanted = false;
  /** It was since the last check. */
  #hasRead = false;
  #isMonitored = false;
  #isFinishing = false;
  #isOver = false;

  /**
   * Makes a body that is empty so far.
   *
   * @param call the request that it answers
   * @param events what it tells
   */
  constructor(call: HttpCall, events: BodyEvents = {}) {
    this.#call = call;
    this.#events = events;
    this.#budgets = new ConnectionBudgets(call.context.shared.budgets, call.holder);
    this.#releaseSlot = call.keepSlot();
    call.readers.unfinished.add(this);
    this.stream = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#onPull(),
      cancel: () => this.#over(),
    }, { highWaterMark: 0 });
  }

  /** How many bytes its client has not read yet, as far as this knows. */
  get unreadBytes(): number {
    return this.#waitingBytes + this.#sentBytes;
  }

  /** The client has enough to read. */
  get isFull(): boolean {
    return this.#waitingBytes >= ENOUGH_BYTES;
  }

  /** It takes nothing any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the memory of all bodies has room for this many bytes more. What is larger than all of it is sent alone. */
  hasRoom(bytes: number): boolean {
    if (this.#isOver || this.#budgets.of("totalUnreadBytes").mayTake(bytes)) return true;
    return this.#call.context.shared.budgets.of("totalUnreadBytes").sharing === 0;
  }

  /** Gives it up because there is no room for it; returns the problem to answer with instead. */
  refuse(): HttpProblem {
    this.#over();
    return new HttpProblem(this.#budgets.budgetError("totalUnreadBytes", "send the response"));
  }

  /** Sends bytes, which may be shared with others. */
  send(bytes: Uint8Array): void {
    if (this.#isOver || this.#isFinishing || bytes.length === 0) return;
    // In parts: of a large one it would not show that the client reads it.
    if (bytes.length <= ENOUGH_BYTES) this.#waiting.push(bytes);
    else this.#waiting.push(...partsOf(bytes));
    this.#waitingBytes += bytes.length;
    if (this.#isWanted) this.#handOver();
    else this.#charge();
    if (this.#isMonitored || this.#waitingBytes === 0) return;
    this.#isMonitored = true;
    this.#hasRead = false;
    this.#call.readers.slowReaders.add(this);
  }

  /** Ends it once its client has taken what was sent. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#waitingBytes === 0) this.#close();
  }

  checkProgress(): "reading" | "stalled" | "drained" {
    if (this.#waitingBytes === 0) {
      this.#isMonitored = false;
      return "drained";
    }
    const hasRead = this.#hasRead;
    this.#hasRead = false;
    return hasRead ? "reading" : "stalled";
  }

  get slack(): number {
    if (!this.hasRoom(ENOUGH_BYTES)) return 0;
    return 1000 * (this.#sentBytes + SYSTEM_BUFFER) / MIN_PEER_SPEED;
  }

  drop(reason: string): void {
    if (this.#isOver) return;
    this.#controller.error(new ReaderCut(reason));
    this.#call.context.onReaderCut(reason, this.#call.from);
    this.#over();
  }

  abandon(): void {
    this.drop("it did not read everything before the server stopped");
  }

  #onPull(): void {
    this.#isWanted = true;
    this.#hasRead = true;
    this.#sentBytes = 0;
    if (this.#waitingBytes > 0) return this.#handOver();
    this.#charge();
    this.#events.onDrained?.();
  }

  /** What waits, up to a certain size, as one part: each costs the platform as much, however small it is. */
  #handOver(): void {
    const bytes = joinBytes(this.#takeParts());
    this.#isWanted = false;
    this.#waitingBytes -= bytes.length;
    this.#sentBytes = bytes.length;
    this.#charge();
    this.#controller.enqueue(bytes);
    if (this.#isFinishing && this.#waitingBytes === 0) this.#close();
  }

  #takeParts(): Uint8Array[] {
    let [count, bytes] = [0, 0];
    while (count < this.#waiting.length && bytes < ENOUGH_BYTES) {
      bytes += this.#waiting[count++]!.length;
    }
    return this.#waiting.splice(0, count);
  }

  #charge(): void {
    this.#budgets.of("totalUnreadBytes").set(this.unreadBytes);
  }

  #close(): void {
    if (this.#isOver) return;
    this.#controller.close();
    this.#over();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#waitingBytes = this.#sentBytes = 0;
    this.#budgets.close();
    this.#call.readers.slowReaders.delete(this);
    this.#call.readers.unfinished.delete(this);
    this.#releaseSlot();
    this.#events.onOver?.();
  }
}

function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += ENOUGH_BYTES) {
    yield bytes.subarray(at, at + ENOUGH_BYTES);
  }
}

/**
 * A response with a body that is known whole. A large one is sent as its client reads.
 *
 * @param call the request
 * @param text the body
 * @param init status and headers
 * @throws {HttpProblem} `limit_exceeded`, if what other clients have not read leaves no room for it
 */
export function textResponseTo(call: HttpCall, text: string, init: ResponseInit): Response {
  if (call.isHead) {
    const headers = new Headers(init.headers);
    headers.set("content-length", `${utf8Length(text)}`);
    return new Response(null, { ...init, headers });
  }
  if (text.length * 3 <= ENOUGH_BYTES) return new Response(text, init);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= ENOUGH_BYTES) return new Response(bytes, init);
  const body = new ReaderBody(call);
  // It would hold its memory while it waits.
  if (!body.hasRoom(bytes.length)) throw body.refuse();
  body.send(bytes);
  body.finish();
  return new Response(body.stream, init);
}
