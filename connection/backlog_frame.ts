/**
 * The frames of a connection that wait for their turn, first come, first served.
 *
 * @module
 */

import type { FrameScan } from "../protocol/frame_scan.ts";
import { MAX_PARSED_AT_ONCE } from "../protocol/request_frame.ts";
import type { RequestFrame } from "../protocol/scanned_frame.ts";

/** A frame that waits takes room, however short it is. */
const MIN_WEIGHT = 16;

/** The memory of a frame besides its text, in bytes. */
export const FRAME_OVERHEAD_BYTES = 192;

/** A shorter text, in characters, is not searched: it takes little memory anyway. */
const SMALL_TEXT = 128;

/** V8 knows of most texts that they have none of these, and does not search them. */
const BEYOND_LATIN_1 = /[^\0-\xff]/;

/** A frame that waits: its text, or, if all of it is refused, what has to be replied. */
export class BacklogFrame {
  readonly data: string | undefined;
  readonly answerOnly: RequestFrame | undefined;
  /** Its length. */
  readonly weight: number;
  /** An upper bound of its requests, and of the messages in its lists: each takes at least two characters. */
  maxRequests: number;
  #commasCounted = false;
  /** What was scanned of it so far, if it is the next one and large. */
  scan: FrameScan | undefined;
  /** For how many of the waiting requests it counts, once that had to be known. */
  requests: number | undefined = undefined;
  /** How many of its requests are processed, if it has more than there was room for. */
  room: number | undefined = undefined;
  /** How many of its requests are refused because there was no room. */
  refused = 0;
  /** How many of them are control requests, if all others are refused. */
  controls = 0;
  /** How much memory of the server it uses, in bytes. */
  memory: number;
  /** It is scanned in its turn, and its requests count from then on. */
  readonly isLarge: boolean;
  /** It is large, and its requests are refused in its turn. */
  isRefused = false;

  /**
   * Creates one.
   *
   * @param data its text, if it is text
   * @param answerOnly what has to be replied, if all of it is refused
   */
  constructor(data: string | undefined, answerOnly?: RequestFrame) {
    this.data = data;
    this.answerOnly = answerOnly;
    const length = data?.length ?? 0;
    this.memory = FRAME_OVERHEAD_BYTES + (data === undefined ? 0 : memoryOfText(data));
    this.isLarge = length > MAX_PARSED_AT_ONCE;
    this.weight = answerOnly ? 0 : Math.max(MIN_WEIGHT, length);
    this.maxRequests = answerOnly || this.isLarge ? 0 : Math.max(1, length >> 1);
  }

  /** Lowers `maxRequests` to what commas allow, of which no more than a limit are counted. Returns by how much. */
  countCommas(limit: number): number {
    if (this.#commasCounted || this.answerOnly || this.isLarge) return 0;
    this.#commasCounted = true;
    const { maxRequests } = this;
    this.maxRequests = Math.min(maxRequests, 1 + commaCount(this.data, limit));
    return maxRequests - this.maxRequests;
  }
}

/** How many commas are in a text; one more than the limit if there are more. */
function commaCount(text: string | undefined, limit: number): number {
  let commas = 0;
  for (let at = -1; text !== undefined && commas <= limit; commas++) {
    at = text.indexOf(",", at + 1);
    if (at < 0) break;
  }
  return commas;
}

/** The memory of a text, in bytes: V8 takes a byte for each character, or two if one of them is beyond Latin-1. */
function memoryOfText(text: string): number {
  return text.length < SMALL_TEXT || !BEYOND_LATIN_1.test(text) ? text.length : 2 * text.length;
}

/** In the place of a frame that was taken. */
const TAKEN = new BacklogFrame(undefined);

/** A queue in which adding and taking cost the same at any length. */
export class FrameQueue {
  #frames: BacklogFrame[] = [];
  #next = 0;
  /** The requests of the frames before this index are counted. */
  #counted = 0;

  /** No frame waits. */
  get empty(): boolean {
    return this.#next === this.#frames.length;
  }

  /** The next one, if there is one. */
  get next(): BacklogFrame | undefined {
    return this.#frames[this.#next];
  }

  /** Adds one at the end. */
  push(frame: BacklogFrame): void {
    this.#frames.push(frame);
  }

  /** Takes the next one out, if there is one. */
  take(): BacklogFrame | undefined {
    const frame = this.#frames[this.#next];
    if (!frame) return undefined;
    this.#frames[this.#next++] = TAKEN;
    // Removed in one go for many.
    if (this.#next > 32 && 2 * this.#next > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#next);
      this.#counted = Math.max(0, this.#counted - this.#next);
      this.#next = 0;
    }
    return frame;
  }

  /** All that wait, the next one first. */
  *all(): Iterable<BacklogFrame> {
    for (let i = this.#next; i < this.#frames.length; i++) yield this.#frames[i]!;
  }

  /** Those that were not counted yet. From then on they are. */
  *countRest(): Iterable<BacklogFrame> {
    for (let i = Math.max(this.#counted, this.#next); i < this.#frames.length; i++) {
      yield this.#frames[i]!;
    }
    this.#counted = this.#frames.length;
  }

  /** Adds one that is counted already. All others are, too. */
  pushCounted(frame: BacklogFrame): void {
    this.#frames.push(frame);
    this.#counted = this.#frames.length;
  }

  /** Removes all. */
  clear(): void {
    this.#frames = [];
    this.#next = this.#counted = 0;
  }
}
