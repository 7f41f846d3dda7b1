/**
 * One frame that waits to be done.
 *
 * @module
 */

import type { FrameScan } from "../protocol/frame_scan.ts";
import { MAX_PARSED_AT_ONCE } from "../protocol/request_frame.ts";
import type { RequestFrame } from "../protocol/scanned_frame.ts";

/** A frame that waits takes room, however short it is. */
const MIN_WEIGHT = 16;

/** And so much memory beside its text, in bytes. */
export const FRAME_OVERHEAD_BYTES = 192;

/** A shorter text is not looked at, in characters: what it takes is little beside the rest. */
const SMALL_TEXT = 128;

/** V8 knows of most texts that they have none of these, and does not search them. */
const BEYOND_LATIN_1 = /[^\0-\xff]/;

/** A frame that waits: its text, or, if all of it is refused, what is left to answer. */
export class BacklogFrame {
  readonly data: string | undefined;
  readonly answerOnly: RequestFrame | undefined;
  /** Its length. */
  readonly weight: number;
  /** It has no more requests, and messages in lists, than that: each takes two characters at least. */
  maxRequests: number;
  #commasCounted = false;
  /** What was seen in it so far, if it is the next one and large. */
  scan: FrameScan | undefined;
  /** How many requests it takes of those that may wait, once somebody had to know. */
  requests: number | undefined = undefined;
  /** So many of its requests are done, if it had more than there was room for. */
  room: number | undefined = undefined;
  /** So many are refused for want of room. */
  refused = 0;
  /** So many are control requests, where all others are refused. */
  controls = 0;
  /** What it takes of the memory of the server, in bytes. */
  memory: number;
  /** It is scanned in its turn, and its requests count from then on. */
  readonly isLarge: boolean;
  /** It is large, and what it asks for is refused in its turn. */
  isRefused = false;

  /**
   * It waits.
   *
   * @param data its text, if it is one
   * @param answerOnly what is left to answer of it, if all that it asks for is refused
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

  /** Has `most` be no more than commas allow, of which no more than a limit are counted; returns how much less it is. */
  countCommas(limit: number): number {
    if (this.#commasCounted || this.answerOnly || this.isLarge) return 0;
    this.#commasCounted = true;
    const { maxRequests } = this;
    this.maxRequests = Math.min(maxRequests, 1 + commaCount(this.data, limit));
    return maxRequests - this.maxRequests;
  }
}

/** How many commas there are in a text; where there are more than `most`, one more than that. */
function commaCount(text: string | undefined, limit: number): number {
  let commas = 0;
  for (let at = -1; text !== undefined && commas <= limit; commas++) {
    at = text.indexOf(",", at + 1);
    if (at < 0) break;
  }
  return commas;
}

/** What a text takes of memory, in bytes: V8 has a byte for each character, or two where one of them is beyond Latin-1. */
function memoryOfText(text: string): number {
  return text.length < SMALL_TEXT || !BEYOND_LATIN_1.test(text) ? text.length : 2 * text.length;
}
