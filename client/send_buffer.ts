/**
 * Requests on their way out, many in a frame, as far as the window allows.
 *
 * @module
 */

import type { Asked } from "./asked.ts";
import type { KnownPosition } from "./known.ts";
import { type SendWindow, weightOf, type WindowLimits } from "./send_window.ts";

/**
 * A frame leaves before the end of a turn when it carries a third of all calls that are unanswered, so that
 * while one is asked, and one answered, the server has one to work on; but not with fewer than `few` calls. It
 * leaves at `size` characters in any case, and a request that would take it over `most` goes into the next one.
 */
const FULL = { few: 16, part: 1 / 3, size: 64 * 1024, most: 256 * 1024 };

/** What is asked in one turn of the event loop leaves together, or in a few frames if it is much. */
export class SendBuffer {
  readonly #window: SendWindow;
  readonly #send: (frame: string) => void;
  readonly #known: Pick<KnownPosition, "current">;
  readonly #register: (part: Asked) => void;
  /** What has no answer: it leaves before all else, and is never held back. */
  #controls: string[] = [];
  #queue: Asked[] = [];
  #next = 0;
  #withdrawn = 0;
  /** What waits in the queue, about. */
  #calls = 0;
  #size = 0;
  /** No frame is larger, in characters, unless one request is. */
  #frame: number = FULL.most;
  #open = false;
  #flushes = false;

  /**
   * Makes an empty one, which lets nothing out.
   *
   * @param window what is unanswered
   * @param send takes the frames
   * @param known tells what the server has told
   * @param register takes the next part of what has left
   */
  constructor(
    window: SendWindow,
    send: (frame: string) => void,
    known: Pick<KnownPosition, "current">,
    register: (part: Asked) => void,
  ) {
    this.#window = window;
    this.#send = send;
    this.#known = known;
    this.#register = register;
  }

  /** From now on what is added leaves, under a new connection; in frames of up to so many characters. */
  open(limits: WindowLimits, frame: number = FULL.most): void {
    this.#open = true;
    this.#window.open(limits);
    this.#frame = frame;
  }

  /** Lets nothing out any more, and forgets what was added. */
  close(): void {
    this.#open = false;
    this.#controls = [];
    this.#queue = [];
    this.#next =
      this.#withdrawn =
      this.#calls =
      this.#size =
        0;
    this.#window.close();
  }

  /**
   * Adds a request.
   *
   * @param asked what leaves
   * @param underWay how many calls are unanswered, this one included
   */
  add(asked: Asked, underWay: number): void {
    this.#queue.push(asked);
    if (asked.suspect) this.#window.trials.suspect(asked.id);
    this.#flushSoon();
    this.#grew(asked.calls, asked.size, underWay);
  }

  /** Adds a request that has no answer. */
  control(request: string): void {
    this.#controls.push(request);
    this.#flushSoon();
  }

  /** Whether a request was added last, has not left, and may become larger by one call. */
  canGrow(asked: Asked): boolean {
    return this.#queue.at(-1) === asked && this.holdsMore(asked);
  }

  /** Whether a request is not as large by now as one should be. */
  holdsMore({ size, calls }: Asked): boolean {
    const { inFlight, frameRequests } = this.#window.limits;
    return size < Math.min(FULL.size, this.#frame) && calls < Math.min(inFlight, frameRequests);
  }

  /** The last request has grown by a call of so many characters. */
  grew(size: number, underWay: number): void {
    this.#grew(1, size, underWay);
  }

  /** Something that may be in the queue does not leave any more. */
  withdrew(): void {
    this.#withdrawn++;
    if (this.#withdrawn < 1024 || 2 * this.#withdrawn < this.#queue.length - this.#next) return;
    this.#withdrawn = 0;
    this.#queue = this.#queue.slice(this.#next).filter((asked) => {
      if (asked.withdrawn) this.#window.trials.withdrew(asked.id);
      return !asked.withdrawn;
    });
    this.#next = 0;
    this.#calls = this.#queue.reduce((sum, { calls }) => sum + calls, 0);
    this.#size = this.#queue.reduce((sum, { size }) => sum + size, 0);
  }

  /** Sends what was added, as far as the window allows. */
  flush(): void {
    const window = this.#window;
    while (this.#open && (this.#controls.length > 0 || this.#next < this.#queue.length)) {
      const texts = this.#takeControls();
      const alone = window.trials.any;
      if (!alone || texts.length === 0) this.#takeRequests(texts, alone);
      // The window is full. If it is full of what has no answer of its own, the server has to say how far it is.
      if (texts.length === 0) return this.#sendProbe();
      // In one frame with a wait that goes alone: what came behind it could cost the close code of who refuses that.
      if (alone && texts.length < window.limits.frameRequests) texts.push(...window.takeProbe());
      this.#send(texts.length === 1 ? texts[0]! : `[${texts.join(",")}]`);
    }
    if (window.halfFull) this.#sendProbe();
  }

  #flushSoon(): void {
    if (this.#flushes) return;
    this.#flushes = true;
    queueMicrotask(() => {
      this.#flushes = false;
      this.flush();
    });
  }

  #grew(calls: number, size: number, underWay: number): void {
    this.#size += size;
    this.#calls += calls;
    const full = this.#calls >= FULL.few && this.#calls >= FULL.part * underWay;
    if (full || this.#size >= Math.min(FULL.size, this.#frame)) this.flush();
  }

  #takeControls(): string[] {
    const texts = this.#controls.splice(0, this.#window.limits.frameRequests);
    for (const text of texts) this.#window.sentControl(text);
    return texts;
  }

  /** Adds the requests of the next frame, in order, as far as there is room for them. */
  #takeRequests(texts: string[], alone: boolean): void {
    const window = this.#window;
    if (alone && window.trials.full) return;
    const { frameRequests } = window.limits;
    let frameSize = 0;
    // A list of messages counts as many requests.
    let calls = texts.length;
    while (this.#next < this.#queue.length && calls < frameRequests) {
      const asked = this.#queue[this.#next]!;
      if (asked.withdrawn) {
        this.#dequeue(asked);
        continue;
      }
      if (calls > 0 && calls + asked.calls > frameRequests) break;
      // Its text is no shorter: what has no room is not encoded for nothing.
      if (!window.hasRoom(asked.calls, asked.size)) break;
      const text = asked.encode();
      const weight = weightOf(text);
      if (!window.hasRoom(asked.calls, weight)) break;
      if (frameSize > 0 && frameSize + weight > this.#frame) break;
      this.#dequeue(asked);
      window.sent(asked, weight);
      if (asked.action === "put") this.#sendsPut(asked);
      asked.sent = true;
      texts.push(text);
      calls += Math.max(1, asked.calls);
      frameSize += weight;
      if (alone) {
        window.trials.began(asked.id);
        break;
      }
      if (frameSize >= FULL.size) break;
    }
  }

  /** The next part of a list that leaves comes before all that waits. */
  #sendsPut(asked: Asked): void {
    if (!asked.sent) asked.known = this.#known.current;
    const rest = asked.rest();
    if (!rest) return;
    rest.rank = asked.rank;
    this.#register(rest);
    if (this.#next > 0) this.#queue[--this.#next] = rest;
    else this.#queue.unshift(rest);
    this.#calls += rest.calls;
    this.#size += rest.size;
  }

  #dequeue({ id, calls, size, withdrawn }: Asked): void {
    if (withdrawn) this.#window.trials.withdrew(id);
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
