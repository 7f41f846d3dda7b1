/**
 * Requests on their way out, many in a frame, and no more of them unanswered than the server takes.
 *
 * The client counts what the server counts: each request, each message of a list of puts, and the characters of it all
 * as JSON. A request counts until it is answered. A wait, and what has no answer, count until something is
 * answered that was sent with them or later: the server does all in order, so it has gone past them by then. Where
 * they alone fill the window, a request that asks for nothing but its answer is sent behind them.
 *
 * @module
 */

import type { Limits } from "../protocol/limits.ts";
import type { Asked, Known } from "./asked.ts";

/**
 * A frame leaves before the end of a turn when it carries a third of all calls that are unanswered, so that
 * while one is asked, and one answered, the server has one to work on; but not with fewer than `few` calls. It
 * leaves at `size` characters in any case, and a request that would take it over `most` goes into the next one.
 */
const FULL = { few: 16, part: 1 / 3, size: 64 * 1024, most: 256 * 1024 };

/** So many requests under suspicion go one after the other; each one that does no harm lets one more be under way then. */
const ONE_BY_ONE = 16;

/** What stands around a request in a frame, in characters. */
const AROUND = 2;

/** How much may be unanswered. */
type Window = Pick<Limits, "inFlight" | "inFlightBytes" | "frameRequests">;

/** Something that takes a part of the window until the server has gone past it. */
interface Passing {
  readonly id: number;
  readonly calls: number;
  weight: number;
  order: number;
}

/** What is asked in one turn of the event loop leaves together, or in a few frames if it is much. */
export class SendBuffer {
  readonly #send: (frame: string) => void;
  readonly #probe: () => Asked;
  readonly #known: () => Known;
  readonly #register: (part: Asked) => void;
  #window: Window = { inFlight: Infinity, inFlightBytes: Infinity, frameRequests: Infinity };
  /** What has no answer: it leaves before all else, and is never held back. */
  #controls: string[] = [];
  #queue: Asked[] = [];
  #next = 0;
  #withdrawn = 0;
  /** What waits in the queue, about. */
  #calls = 0;
  #size = 0;
  /** What is unanswered. */
  #out = { calls: 0, weight: 0 };
  readonly #passing: Passing[] = [];
  #order = 0;
  #probing: Asked | undefined;
  /** The server has gone past all that was sent up to here. */
  #past = 0;
  /** No frame is larger, in characters, unless one request is. */
  #frame: number = FULL.most;
  /** What is under suspicion and not done: while there is any, each request goes alone. */
  readonly #suspects = new Set<number>();
  /** What went alone and is not done, and how many are. */
  readonly #trials = new Set<number>();
  #tried = 0;
  #open = false;
  #flushes = false;

  /**
   * Makes an empty one, which lets nothing out.
   *
   * @param send takes the frames
   * @param probe makes a request that asks for nothing but its answer
   * @param known tells what the server has told
   * @param register takes the next part of what has left
   */
  constructor(
    send: (frame: string) => void,
    probe: () => Asked,
    known: () => Known,
    register: (part: Asked) => void,
  ) {
    this.#register = register;
    this.#send = send;
    this.#probe = probe;
    this.#known = known;
  }

  /** From now on what is added leaves, under a new connection; in frames of up to so many characters. */
  open(window: Window, frame: number = FULL.most): void {
    this.#open = true;
    this.#window = window;
    this.#frame = frame;
  }

  /** Whether something that had left may not have been done, or may be what is being done. */
  pending({ order, waits }: Asked): boolean {
    return order > 0 && !(waits && order <= this.#past);
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
    this.#out = { calls: 0, weight: 0 };
    this.#passing.length = 0;
    this.#probing = undefined;
    this.#suspects.clear();
    this.#trials.clear();
    this.#tried = 0;
  }

  /**
   * Adds a request.
   *
   * @param asked what leaves
   * @param underWay how many calls are unanswered, this one included
   */
  add(asked: Asked, underWay: number): void {
    this.#queue.push(asked);
    if (asked.suspect) this.#suspects.add(asked.id);
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
    return size < Math.min(FULL.size, this.#frame) && calls < this.#window.inFlight;
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
      if (asked.withdrawn) this.#suspects.delete(asked.id);
      return !asked.withdrawn;
    });
    this.#next = 0;
    this.#calls = this.#queue.reduce((sum, { calls }) => sum + calls, 0);
    this.#size = this.#queue.reduce((sum, { size }) => sum + size, 0);
  }

  /** Something that had left is answered: the server has gone past all that was sent before it. */
  answered(asked: Asked): void {
    if (!asked.waits) this.#release(asked);
    else if (this.#trials.size > 0) this.#cleared(asked);
    if (asked === this.#probing) this.#probing = undefined;
    if (asked.order > this.#past) this.#past = asked.order;
    let passed = 0;
    while (passed < this.#passing.length && this.#passing[passed]!.order <= asked.order) {
      this.#release(this.#passing[passed++]!);
    }
    if (passed > 0) this.#passing.splice(0, passed);
  }

  /** Sends what was added, as far as the window allows. */
  flush(): void {
    while (this.#open && (this.#controls.length > 0 || this.#next < this.#queue.length)) {
      const texts = this.#takeControls();
      const alone = this.#suspects.size > 0;
      if (!alone || texts.length === 0) this.#takeRequests(texts, alone);
      if (texts.length === 0) return this.#sendProbe();
      // In one frame with a wait that goes alone: what came behind it could cost the close code of who refuses that.
      if (alone && texts.length < this.#window.frameRequests) texts.push(...this.#takeProbe());
      this.#send(texts.length === 1 ? texts[0]! : `[${texts.join(",")}]`);
    }
    // One who only streams asks for nothing, and would never learn how far the server is.
    if (this.#out.weight > this.#window.inFlightBytes / 2) this.#sendProbe();
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
    const texts = this.#controls.splice(0, this.#window.frameRequests);
    for (const text of texts) this.#passesControl(text.length + AROUND);
    return texts;
  }

  /** Adds the requests of the next frame, in order, as far as there is room for them. */
  #takeRequests(texts: string[], alone: boolean): void {
    if (alone && this.#trials.size >= Math.max(1, this.#tried - ONE_BY_ONE)) return;
    const { inFlight, inFlightBytes, frameRequests } = this.#window;
    const out = this.#out;
    let frameSize = 0;
    while (this.#next < this.#queue.length && texts.length < frameRequests) {
      const asked = this.#queue[this.#next]!;
      if (asked.withdrawn) {
        this.#dequeue(asked);
        continue;
      }
      if (out.calls > 0 && out.calls + asked.calls > inFlight) break;
      // Its text is no shorter: what has no room is not encoded for nothing.
      if (out.weight > 0 && out.weight + asked.size > inFlightBytes) break;
      const text = asked.encode();
      const weight = text.length + AROUND;
      if (out.weight > 0 && out.weight + weight > inFlightBytes) break;
      if (frameSize > 0 && frameSize + weight > this.#frame) break;
      this.#dequeue(asked);
      asked.weight = weight;
      if (asked.waits) asked.order = this.#passes(asked.id, asked.calls, weight);
      else {
        asked.order = ++this.#order;
        out.calls += asked.calls;
        out.weight += weight;
      }
      if (asked.action === "put") this.#sendsPut(asked);
      asked.sent = true;
      texts.push(text);
      frameSize += weight;
      if (alone) {
        this.#trials.add(asked.id);
        break;
      }
      if (frameSize >= FULL.size) break;
    }
  }

  /** The next part of a list that leaves comes before all that waits. */
  #sendsPut(asked: Asked): void {
    if (!asked.sent) asked.known = this.#known();
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
    if (withdrawn) this.#suspects.delete(id);
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

  #passes(id: number, calls: number, weight: number): number {
    const order = ++this.#order;
    this.#out.calls += calls;
    this.#out.weight += weight;
    this.#passing.push({ id, calls, weight, order });
    return order;
  }

  #passesControl(weight: number): void {
    const last = this.#passing.at(-1);
    // Nothing that is answered lies between the two: the server will have gone past both, or neither.
    if (!last || last.calls > 0 || last.order !== this.#order) {
      return void this.#passes(0, 0, weight);
    }
    last.weight += weight;
    this.#out.weight += weight;
  }

  #release(passed: Omit<Passing, "order">): void {
    this.#out.calls -= passed.calls;
    this.#out.weight -= passed.weight;
    if (this.#trials.size > 0) this.#cleared(passed);
  }

  /** It did no harm. */
  #cleared({ id }: Pick<Passing, "id">): void {
    this.#suspects.delete(id);
    if (this.#trials.delete(id)) this.#tried++;
  }

  /** The window is full. If it is full of what has no answer of its own, the server has to say how far it is. */
  #sendProbe(): void {
    for (const probe of this.#takeProbe()) this.#send(probe);
  }

  /** Asks the server how far it is, if that is to be learnt, and has not been asked. */
  #takeProbe(): [] | [probe: string] {
    if (this.#probing || this.#passing.length === 0) return [];
    const probe = this.#probing = this.#probe();
    const text = probe.encode();
    probe.sent = true;
    probe.weight = text.length + AROUND;
    probe.order = ++this.#order;
    this.#out.weight += probe.weight;
    return [text];
  }
}
