/**
 * Requests on their way out, many in a frame, and no more of them than the server takes.
 *
 * @module
 */

import type { Leaving } from "./asked.ts";

/**
 * A frame leaves before the end of a turn when it carries a third of all calls that are unanswered, so that
 * while one is asked, and one answered, the server has one to work on; but not with fewer than `few` calls. It
 * leaves at so many characters in any case.
 */
const FULL = { few: 16, part: 1 / 3, size: 64 * 1024 };

/** How much may have left and be unanswered. */
export interface Window {
  readonly calls: number;
  /** In characters. */
  readonly size: number;
  /** How many requests a frame may hold. */
  readonly requests: number;
}

/** What is asked in one turn of the event loop leaves together, or in a few frames if it is much. */
export class Outgoing {
  readonly #send: (frame: string) => void;
  #window: Window = { calls: Infinity, size: Infinity, requests: Infinity };
  #requests: Leaving[] = [];
  #calls = 0;
  #size = 0;
  /** What has left and is unanswered. */
  #out = { calls: 0, size: 0 };
  #open = false;

  /**
   * Makes an empty one, which lets nothing out.
   *
   * @param send takes the frames
   */
  constructor(send: (frame: string) => void) {
    this.#send = send;
  }

  /** From now on what is added leaves, under a new connection. */
  open(window: Window): void {
    this.#open = true;
    this.#window = window;
  }

  /** Lets nothing out any more, and forgets what was added. */
  close(): void {
    this.#open = false;
    this.#requests = [];
    this.#calls = this.#size = 0;
    this.#out = { calls: 0, size: 0 };
  }

  /**
   * Adds a request.
   *
   * @param request what leaves
   * @param underWay how many calls are unanswered, this one included
   */
  add(request: Leaving, underWay: number): void {
    if (this.#requests.push(request) === 1) queueMicrotask(() => this.flush());
    this.#grew(request.calls, request.size, underWay);
  }

  /** Whether a request was added last, has not left, and is not too large yet. */
  canGrow(request: Leaving): boolean {
    return request.size < FULL.size && this.#requests.at(-1) === request;
  }

  /** The last request has grown by a call of so many characters. */
  grew(size: number, underWay: number): void {
    this.#grew(1, size, underWay);
  }

  /** Something that had left is answered. */
  answered({ calls, size }: Leaving): void {
    this.#out.calls -= calls;
    this.#out.size -= size;
  }

  /** Sends what was added, as far as the window allows. */
  flush(): void {
    while (this.#open && this.#requests.length > 0) {
      const count = this.#fitting();
      if (count === 0) return;
      const leaving = count === this.#requests.length
        ? this.#requests
        : this.#requests.slice(0, count);
      this.#requests = leaving === this.#requests ? [] : this.#requests.slice(count);
      const texts: string[] = [];
      for (const request of leaving) {
        this.#calls -= request.calls;
        this.#size -= request.size;
        this.#out.calls += request.calls;
        this.#out.size += request.size;
        texts.push(request.leave());
      }
      this.#send(texts.length === 1 ? texts[0]! : `[${texts.join(",")}]`);
    }
  }

  #grew(calls: number, size: number, underWay: number): void {
    this.#size += size;
    this.#calls += calls;
    const full = this.#calls >= FULL.few && this.#calls >= FULL.part * underWay;
    if (full || this.#size >= FULL.size) this.flush();
  }

  /** How many of the requests make the next frame; at least one, if nothing is unanswered. */
  #fitting(): number {
    const { calls, size, requests } = this.#window;
    let [outCalls, outSize, frameSize] = [this.#out.calls, this.#out.size, 0];
    const most = Math.min(this.#requests.length, requests);
    for (let i = 0; i < most; i++) {
      const request = this.#requests[i]!;
      outCalls += request.calls;
      outSize += request.size;
      frameSize += request.size;
      const closed = request.calls > 0 && (outCalls > calls || outSize > size);
      if (closed && outCalls > request.calls) return i;
      if (frameSize >= FULL.size) return i + 1;
    }
    return most;
  }
}
