/**
 * Collects requests and sends many of them in a frame, as far as the window allows.
 *
 * @module
 */

import type { ClientSocket } from "./client_socket.ts";
import type { KnownPosition } from "./known_position.ts";
import type { PendingRequest } from "./pending_request.ts";
import { type SendWindow, weightOf, type WindowLimits } from "./send_window.ts";

/**
 * A frame is sent before the end of a turn of the event loop once it carries a third of all unanswered calls, so that the
 * server works on one frame while another is being made and a third is being answered; but not with fewer than `few` calls.
 * It is sent at `size` characters in any case, and a request that would take it beyond `most` goes into the next one.
 */
const FLUSH_AT = { minCalls: 16, share: 1 / 3, size: 64 * 1024, maxFrameSize: 256 * 1024 };

/** Sends the requests of one turn of the event loop together, or in a few frames if they are large. */
export class SendBuffer {
  readonly #window: SendWindow;
  readonly #known: Pick<KnownPosition, "current">;
  readonly #registerPart: (part: PendingRequest) => void;
  /** Requests without a reply: they are sent before all others, and never held back. */
  #controls: string[] = [];
  #queue: PendingRequest[] = [];
  #next = 0;
  #withdrawn = 0;
  /** Roughly what waits in the queue. */
  #calls = 0;
  #size = 0;
  /** The size of a frame in characters, unless a single request is larger. */
  #maxFrameSize: number = FLUSH_AT.maxFrameSize;
  /** Where frames go; `undefined` while there is no socket. */
  #line: Pick<ClientSocket, "send"> | undefined;
  #isFlushScheduled = false;

  /**
   * Begins empty, without a socket.
   *
   * @param window bounds what is unanswered
   * @param known the position that the server has reported
   * @param registerPart takes the next part of a list whose part was sent
   */
  constructor(
    window: SendWindow,
    known: Pick<KnownPosition, "current">,
    registerPart: (part: PendingRequest) => void,
  ) {
    this.#window = window;
    this.#known = known;
    this.#registerPart = registerPart;
  }

  /** Sends over a new socket from now on, in frames of up to this many characters. */
  open(
    limits: WindowLimits,
    socket: Pick<ClientSocket, "send">,
    frameBytes: number = FLUSH_AT.maxFrameSize,
  ): void {
    this.#line = socket;
    this.#window.begin(limits);
    this.#maxFrameSize = frameBytes;
  }

  /** Sends nothing any more, and forgets what was added. */
  close(): void {
    this.#line = undefined;
    this.#controls = [];
    this.#queue = [];
    this.#next =
      this.#withdrawn =
      this.#calls =
      this.#size =
        0;
    this.#window.reset();
  }

  /**
   * Adds a request.
   *
   * @param request the request
   * @param inFlight how many calls are unanswered, this one included
   */
  add(request: PendingRequest, inFlight: number): void {
    this.#queue.push(request);
    if (request.isSuspect) this.#window.trials.suspect(request.id);
    this.#scheduleFlush();
    this.#onAdded(request.calls, request.size, inFlight);
  }

  /** Adds a request that has no reply. */
  sendUnanswered(request: string): void {
    this.#controls.push(request);
    this.#scheduleFlush();
  }

  /** Whether a request was added last, has not been sent, and may grow by one call. */
  canGrow(request: PendingRequest): boolean {
    return this.#queue.at(-1) === request && this.canHoldMore(request);
  }

  /** Whether a request may grow. */
  canHoldMore({ size, calls }: PendingRequest): boolean {
    const { inFlight, frameRequests } = this.#window.limits;
    return size < Math.min(FLUSH_AT.size, this.#maxFrameSize) &&
      calls < Math.min(inFlight, frameRequests);
  }

  /** The last request has grown by a call of this many characters. */
  onGrown(size: number, inFlight: number): void {
    this.#onAdded(1, size, inFlight);
  }

  /** A request that may be in the queue is not to be sent any more. */
  onWithdrawn(): void {
    this.#withdrawn++;
    if (this.#withdrawn < 1024 || 2 * this.#withdrawn < this.#queue.length - this.#next) return;
    this.#withdrawn = 0;
    this.#queue = this.#queue.slice(this.#next).filter((request) => {
      if (request.isWithdrawn) this.#window.trials.withdrew(request.id);
      return !request.isWithdrawn;
    });
    this.#next = 0;
    this.#calls = this.#queue.reduce((sum, { calls }) => sum + calls, 0);
    this.#size = this.#queue.reduce((sum, { size }) => sum + size, 0);
  }

  /** Sends what was added, as far as the window allows. */
  flush(): void {
    const window = this.#window;
    while (this.#line && (this.#controls.length > 0 || this.#next < this.#queue.length)) {
      const texts = this.#takeControls();
      const isIsolating = window.trials.any;
      if (!isIsolating || texts.length === 0) this.#takeRequests(texts, isIsolating);
      // The window is full. If requests without replies fill it, a probe finds out how far the server is.
      if (texts.length === 0) return this.#sendProbe();
      // In one frame with a wait that is sent alone: a second frame could hide the close code of a server that rejects the first.
      if (isIsolating && texts.length < window.limits.frameRequests) {
        texts.push(...window.takeProbe());
      }
      this.#line.send(texts.length === 1 ? texts[0]! : `[${texts.join(",")}]`);
    }
    if (window.isHalfFull) this.#sendProbe();
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.flush();
    });
  }

  #onAdded(calls: number, size: number, inFlight: number): void {
    this.#size += size;
    this.#calls += calls;
    const isFull = this.#calls >= FLUSH_AT.minCalls && this.#calls >= FLUSH_AT.share * inFlight;
    if (isFull || this.#size >= Math.min(FLUSH_AT.size, this.#maxFrameSize)) this.flush();
  }

  #takeControls(): string[] {
    const texts = this.#controls.splice(0, this.#window.limits.frameRequests);
    for (const text of texts) this.#window.onUnansweredSent(text);
    return texts;
  }

  /** Takes the requests of the next frame, in order, as far as there is room. */
  #takeRequests(texts: string[], isIsolating: boolean): void {
    const window = this.#window;
    if (isIsolating && window.trials.full) return;
    const { frameRequests } = window.limits;
    let frameSize = 0;
    // A list of messages counts as many requests.
    let calls = texts.length;
    while (this.#next < this.#queue.length && calls < frameRequests) {
      const request = this.#queue[this.#next]!;
      if (request.isWithdrawn) {
        this.#dequeue(request);
        continue;
      }
      if (calls > 0 && calls + request.calls > frameRequests) break;
      // Its text is no shorter than its size: this saves encoding a request that has no room.
      if (!window.fits(request.calls, request.size)) break;
      const text = request.encode();
      const weight = weightOf(text);
      if (!window.fits(request.calls, weight)) break;
      if (frameSize > 0 && frameSize + weight > this.#maxFrameSize) break;
      this.#dequeue(request);
      window.onSent(request, weight);
      if (request.action === "put") this.#onPutSent(request);
      request.isSent = true;
      texts.push(text);
      calls += Math.max(1, request.calls);
      frameSize += weight;
      if (isIsolating) {
        window.trials.began(request.id);
        break;
      }
      if (frameSize >= FLUSH_AT.size) break;
    }
  }

  /** A put is sent: the next part of its list goes to the front of the queue. */
  #onPutSent(request: PendingRequest): void {
    if (!request.isSent) request.known = this.#known.current;
    const nextPart = request.nextPart();
    if (!nextPart) return;
    nextPart.callOrder = request.callOrder;
    this.#registerPart(nextPart);
    if (this.#next > 0) this.#queue[--this.#next] = nextPart;
    else this.#queue.unshift(nextPart);
    this.#calls += nextPart.calls;
    this.#size += nextPart.size;
  }

  #dequeue({ id, calls, size, isWithdrawn }: PendingRequest): void {
    if (isWithdrawn) this.#window.trials.withdrew(id);
    this.#calls -= calls;
    this.#size -= size;
    this.#next++;
    if (this.#next === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    } else if (this.#next >= 1024 && this.#next >= this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
  }

  #sendProbe(): void {
    for (const probe of this.#window.takeProbe()) this.#line?.send(probe);
  }
}
