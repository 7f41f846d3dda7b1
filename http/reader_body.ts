/**
 * The body of a response that is sent as fast as its client reads, and no faster.
 *
 * @module
 */

import type { Budget, BudgetAccount } from "../budgets/budget.ts";
import { MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import { utf8Length } from "../protocol/text.ts";
import { type MonitoredPeer, ReaderCut } from "../transports/slow_peer_monitor.ts";
import { joinBytes } from "./bytes.ts";
import type { HttpContext } from "./http_context.ts";
import type { HttpReaders, Unfinished } from "./http_readers.ts";
import type { HttpProblem } from "./problem.ts";

/** How many bytes may wait for the client before it has enough to read. */
export const ENOUGH_BYTES = 64 * 1024;

/** How many bytes a system may take before it tells that the client has read any of them. */
const SYSTEM_BUFFER = 1024 * 1024;

/** The request that a body answers. */
export interface BodyOwner {
  readonly context: Pick<HttpContext, "onReaderCut">;
  readonly readers: Pick<HttpReaders, "slowReaders" | "unfinished">;
  /** The address of the client. */
  readonly from: string;
  /** To whom what it holds is charged. */
  readonly holder: string;
  /** What is charged for the bytes that its client has not read. */
  readonly unreadBudget: Budget;
  /** At most this many bytes are handed over at a time; a body that is known whole and has no more is just sent. */
  readonly partBytes: number;
  /** Only the headers are wanted. */
  readonly isHead: boolean;
  /** What it holds itself it keeps until its response has ended: the function that is returned ends that. Call this once. */
  keep(): () => void;
  /** The problem if there is no room for its response. */
  noRoom(): HttpProblem;
}

/** What a body tells. */
export interface BodyEvents {
  /** Everything was handed over: the client is ready for more. */
  onDrained?(): void;
  /** It has ended: everything was handed over (`isComplete`), or its client is gone, or was cut off. Called once. */
  onOver?(isComplete: boolean): void;
}

/**
 * Holds what its client has not asked for yet, and cuts it off if that reads nothing for too long. Its request keeps what it holds
 * until then.
 */
export class ReaderBody implements MonitoredPeer, Unfinished {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #owner: BodyOwner;
  readonly #events: BodyEvents;
  readonly #release: () => void;
  readonly #account: BudgetAccount;
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
   * @param owner the request that it answers
   * @param events what it tells
   */
  constructor(owner: BodyOwner, events: BodyEvents = {}) {
    this.#owner = owner;
    this.#events = events;
    this.#account = owner.unreadBudget.open(owner.holder);
    this.#release = owner.keep();
    owner.readers.unfinished.add(this);
    this.stream = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#onPull(),
      cancel: () => this.#over(false),
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
    if (this.#isOver || this.#account.mayTake(bytes)) return true;
    return this.#owner.unreadBudget.sharing === 0;
  }

  /** Gives it up because there is no room for it; returns the problem to answer with instead. */
  refuse(): HttpProblem {
    this.#over(false);
    return this.#owner.noRoom();
  }

  /** Sends bytes, which may be shared with others. */
  send(bytes: Uint8Array): void {
    if (this.#isOver || this.#isFinishing || bytes.length === 0) return;
    // In parts: of a large one it would not show that the client reads it.
    const { partBytes } = this.#owner;
    if (bytes.length <= partBytes) this.#waiting.push(bytes);
    else this.#waiting.push(...partsOf(bytes, partBytes));
    this.#waitingBytes += bytes.length;
    if (this.#isWanted) this.#handOver();
    else this.#charge();
    if (this.#isMonitored || this.#waitingBytes === 0) return;
    this.#isMonitored = true;
    this.#hasRead = false;
    this.#owner.readers.slowReaders.add(this);
  }

  /** Ends it once its client has taken what waits. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#waitingBytes === 0) this.#close();
  }

  checkProgress(): "reading" | "stalled" | "drained" {
    if (this.#waitingBytes === 0 && !this.#isFinishing) {
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
    this.#owner.context.onReaderCut(reason, this.#owner.from);
    this.#over(false);
  }

  abandon(): void {
    this.drop("it did not read everything before the server stopped");
  }

  #onPull(): void {
    this.#isWanted = true;
    this.#hasRead = true;
    this.#sentBytes = 0;
    if (this.#waitingBytes > 0) return this.#handOver();
    if (this.#isFinishing) return this.#close();
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
  }

  #takeParts(): Uint8Array[] {
    let [count, bytes] = [0, 0];
    while (count < this.#waiting.length && bytes < this.#owner.partBytes) {
      bytes += this.#waiting[count++]!.length;
    }
    return this.#waiting.splice(0, count);
  }

  #charge(): void {
    this.#account.set(this.unreadBytes);
  }

  #close(): void {
    if (this.#isOver) return;
    this.#controller.close();
    this.#over(true);
  }

  #over(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#waitingBytes = this.#sentBytes = 0;
    this.#account.close();
    this.#owner.readers.slowReaders.delete(this);
    this.#owner.readers.unfinished.delete(this);
    this.#release();
    this.#events.onOver?.(isComplete);
  }
}

function* partsOf(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/**
 * A response whose body is a text that is known whole. A large one is sent as its client reads.
 *
 * @param owner the request
 * @param text the body
 * @param init status and headers
 * @param events what becomes of a large one
 * @throws {HttpProblem} `limit_exceeded`, if what clients have not read leaves no room for it
 */
export function textResponseTo(
  owner: BodyOwner,
  text: string,
  init: ResponseInit,
  events?: BodyEvents,
): Response {
  if (owner.isHead) return headTo(utf8Length(text), init);
  if (text.length * 3 <= owner.partBytes) return new Response(text, init);
  return bytesResponseTo(owner, new TextEncoder().encode(text), init, events);
}

/**
 * The same for bytes, which may be shared with others: they are not copied.
 *
 * @param owner the request
 * @param bytes the body
 * @param init status and headers
 * @throws {HttpProblem} as {@linkcode textResponseTo} does
 */
export function bytesResponseTo(
  owner: BodyOwner,
  bytes: Uint8Array<ArrayBuffer>,
  init: ResponseInit,
  events?: BodyEvents,
): Response {
  if (owner.isHead) return headTo(bytes.length, init);
  if (bytes.length <= owner.partBytes) return new Response(bytes, init);
  const body = new ReaderBody(owner, events);
  // It would hold its memory while it waits.
  if (!body.hasRoom(bytes.length)) throw body.refuse();
  body.send(bytes);
  body.finish();
  return new Response(body.stream, { ...init, headers: withLength(bytes.length, init) });
}

function headTo(length: number, init: ResponseInit): Response {
  return new Response(null, { ...init, headers: withLength(length, init) });
}

function withLength(length: number, init: ResponseInit): Headers {
  const headers = new Headers(init.headers);
  headers.set("content-length", `${length}`);
  return headers;
}
