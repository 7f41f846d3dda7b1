/**
 * Requests on their way out, many in a frame, as far as the window allows.
 *
 * @module
 */

import type { PendingRequest } from "./pending_request.ts";
import type { KnownPosition } from "./known_position.ts";
import { type SendWindow, weightOf, type WindowLimits } from "./send_window.ts";

/**
 * A frame leaves before the end of a turn when it carries a third of all calls that are unanswered, so that
 * while one is asked, and one answered, the server has one to work on; but not with fewer than `few` calls. It
 * leaves at `size` characters in any case, and a request that would take it over `most` goes into the next one.
 */
const FLUSH_AT = { minCalls: 16, share: 1 / 3, size: 64 * 1024, maxFrameSize: 256 * 1024 };

/** What is asked in one turn of the event loop leaves together, or in a few frames if it is much. */
export class SendBuffer {
  readonly #window: SendWindow;
  readonly #send: (frame: string) => void;
  readonly #known: Pick<KnownPosition, "current">;
  readonly #registerPart: (part: PendingRequest) => void;
  /** What has no answer: it leaves before all else, and is never held back. */
  #controls: string[] = [];
  #queue: PendingRequest[] = [];
  #next = 0;
  #withdrawn = 0;
  /** What waits in the queue, about. */
  #calls = 0;
  #size = 0;
  /** No frame is larger, in characters, unless one request is. */
  #maxFrameSize: number = FLUSH_AT.maxFrameSize;
  #isOpen = false;
  #isFlushScheduled = false;

  /**
   * Makes an empty one, which lets nothing out.
   *
   * @param window what is unanswered
   * @param send takes the frames
   * @param known tells what the server has told
   * @param registerPart takes the next part of what has left
   */
  constructor(
    window: SendWindow,
    send: (frame: string) => void,
    known: Pick<KnownPosition, "current">,
    registerPart: (part: PendingRequest) => void,
  ) {
    this.#window = window;
    this.#send = send;
    this.#known = known;
    this.#registerPart = registerPart;
  }

  /** From now on what is added leaves, under a new connection; in frames of up to so many characters. */
  open(limits: WindowLimits, frameBytes: number = FLUSH_AT.maxFrameSize): void {
    this.#isOpen = true;
    this.#window.begin(limits);
    this.#maxFrameSize = frameBytes;
  }

  /** Lets nothing out any more, and forgets what was added. */
  close(): void {
    this.#isOpen = false;
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
   * @param request what leaves
   * @param inFlight how many calls are unanswered, this one included
   */
  add(request: PendingRequest, inFlight: number): void {
    this.#queue.push(request);
    if (request.isSuspect) this.#window.trials.addSuspect(request.id);
    this.#scheduleFlush();
    this.#onAdded(request.calls, request.size, inFlight);
  }

  /** Adds a request that has no answer. */
  sendUnanswered(request: string): void {
    this.#controls.push(request);
    this.#scheduleFlush();
  }

  /** Whether a request was added last, has not left, and may become larger by one call. */
  canGrow(request: PendingRequest): boolean {
    return this.#queue.at(-1) === request && this.canHoldMore(request);
  }

  /** Whether a request is not as large by now as one should be. */
  canHoldMore({ size, calls }: PendingRequest): boolean {
    const { inFlight, frameRequests } = this.#window.limits;
    return size < Math.min(FLUSH_AT.size, this.#maxFrameSize) &&
      calls < Math.min(inFlight, frameRequests);
  }

  /** The last request has grown by a call of so many characters. */
  onGrown(size: number, inFlight: number): void {
    this.#onAdded(1, size, inFlight);
  }

  /** Something that may be in the queue does not leave any more. */
  onWithdrawn(): void {
    this.#withdrawn++;
    if (this.#withdrawn < 1024 || 2 * this.#withdrawn < this.#queue.length - this.#next) return;
    this.#withdrawn = 0;
    this.#queue = this.#queue.slice(this.#next).filter((request) => {
      if (request.isWithdrawn) this.#window.trials.onWithdrawn(request.id);
      return !request.isWithdrawn;
    });
    this.#next = 0;
    this.#calls = this.#queue.reduce((sum, { calls }) => sum + calls, 0);
    this.#size = this.#queue.reduce((sum, { size }) => sum + size, 0);
  }

  /** Sends what was added, as far as the window allows. */
  flush(): void {
    const window = this.#window;
    while (this.#isOpen && (this.#controls.length > 0 || this.#next < this.#queue.length)) {
      const texts = this.#takeControls();
      const isIsolating = window.trials.isActive;
      if (!isIsolating || texts.length === 0) this.#takeRequests(texts, isIsolating);
      // The window is full. If it is full of what has no answer of its own, the server has to say how far it is.
      if (texts.length === 0) return this.#sendProbe();
      // In one frame with a wait that goes alone: what came behind it could cost the close code of who refuses that.
      if (isIsolating && texts.length < window.limits.frameRequests) {
        texts.push(...window.takeProbe());
      }
      this.#send(texts.length === 1 ? texts[0]! : `[${texts.join(",")}]`);
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

  /** Adds the requests of the next frame, in order, as far as there is room for them. */
  #takeRequests(texts: string[], isIsolating: boolean): void {
    const window = this.#window;
    if (isIsolating && window.trials.isFull) return;
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
      // Its text is no shorter: what has no room is not encoded for nothing.
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
        window.trials.onSent(request.id);
        break;
      }
      if (frameSize >= FLUSH_AT.size) break;
    }
  }

  /** The next part of a list that leaves comes before all that waits. */
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
    if (isWithdrawn) this.#window.trials.onWithdrawn(id);
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
    for (const probe of this.#window.takeProbe()) this.#send(probe);
  }
}
