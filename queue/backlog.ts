/**
 * What a connection has said and is not being done yet: bounded in requests and in bytes.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import { type Frame, KnownFrame, readFrame, refuseFrame } from "../protocol/frames.ts";
import type { Limits } from "../protocol/limits.ts";
import type { RefusedRequest } from "../protocol/requests.ts";
import { utf8Length } from "../protocol/text.ts";

/** No request is written in fewer characters: while fewer than that wait, nothing has to be counted. */
const SHORTEST = 16;

/** Refused requests wait for their turn to be answered; with more than so many times `inFlight` it is a flood. */
const PATIENCE = 4;

/** In the text of a frame each request that asks for something has this once. */
const ACTION = '"action":';

/** A frame that waits: its text, or, if all of it is refused, what is left to answer. */
interface Waiting {
  readonly data: unknown;
  readonly known?: Frame;
  /** An upper bound of its size and its requests, which costs nothing. */
  readonly weight: number;
  /** The requests and bytes that it takes of what may wait, once somebody had to know. */
  size?: { readonly requests: number; readonly bytes: number };
  /** So many of its requests are done, if it had more than there was room for. */
  room?: number;
  /** So many are refused for want of room. */
  refused: number;
}

const NOTHING = { requests: 0, bytes: 0 };

/** Stands where a frame was taken out. */
const TAKEN: Waiting = { data: undefined, weight: 0, refused: 0 };

/** The frames of a connection that wait, first come, first served. */
export class Backlog {
  readonly #limits: Limits;
  readonly #noted: (unanswered: readonly RefusedRequest[]) => void;
  #frames: Waiting[] = [];
  #next = 0;
  #weight = 0;
  /** The first of those that wait have been measured, up to here, and take this together. */
  #measured = 0;
  #requests = 0;
  #bytes = 0;
  /** How many that wait are refused already. */
  #refused = 0;

  /** How many requests of the frame that is being done have not begun. */
  #rest = 0;

  /**
   * Makes an empty one.
   *
   * @param limits what it may hold
   * @param noted takes refused requests that have no answer: they do not wait
   */
  constructor(limits: Limits, noted: (unanswered: readonly RefusedRequest[]) => void) {
    this.#limits = limits;
    this.#noted = noted;
  }

  /**
   * Adds what the peer said. What there is no room for is refused when its turn comes.
   *
   * @param data the data of a frame
   * @returns `false` if so much is refused already that the peer is a flood; then it was not added
   */
  add(data: unknown): boolean {
    const text = typeof data === "string" ? data : undefined;
    // Of what is not text nothing is kept.
    const one: Waiting = { data: text, weight: Math.max(SHORTEST, text?.length ?? 0), refused: 0 };
    const { inFlight, inFlightBytes } = this.#limits;
    const weight = this.#weight + one.weight;
    // A character takes at most three bytes.
    if (weight + SHORTEST * this.#rest > SHORTEST * inFlight || 3 * weight > inFlightBytes) {
      return this.#addMeasured(one);
    }
    this.#push(one);
    return true;
  }

  /** No frame waits. */
  get empty(): boolean {
    return this.#next === this.#frames.length;
  }

  /** Takes the next frame out, to be done. */
  take(): Frame | undefined {
    const one = this.#frames[this.#next];
    if (!one) return undefined;
    this.#frames[this.#next++] = TAKEN;
    // Cleared away in one go for many: taking costs the same in any length.
    if (this.#next > 32 && 2 * this.#next > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#next);
      this.#measured = Math.max(0, this.#measured - this.#next);
      this.#next = 0;
    }
    this.#weight -= one.weight;
    this.#refused -= one.refused;
    if (one.size) {
      this.#requests -= one.size.requests;
      this.#bytes -= one.size.bytes;
    }
    const frame = one.known ?? this.#read(one);
    const most = one.known ? 0 : one.room ?? this.#limits.frameRequests;
    this.#rest = Math.min(frame.length, most);
    return frame;
  }

  /** So many more requests of the frame that was taken out wait no longer: they are being done. */
  began(requests: number): void {
    this.#rest = Math.max(0, this.#rest - requests);
  }

  /** Forgets all. */
  clear(): void {
    this.#frames = [];
    this.#next = this.#measured = 0;
    this.#weight =
      this.#requests =
      this.#bytes =
      this.#refused =
      this.#rest =
        0;
  }

  #read({ data, room }: Waiting): Frame {
    const cut = room === undefined ? undefined : { after: room, error: this.#noRoom() };
    return readFrame(data, this.#limits, cut);
  }

  /** So much waits that it has to be known exactly. */
  #addMeasured(one: Waiting): boolean {
    for (let i = Math.max(this.#measured, this.#next); i < this.#frames.length; i++) {
      this.#measure(this.#frames[i]!);
    }
    this.#measured = this.#frames.length;
    const { inFlight, inFlightBytes, frameRequests } = this.#limits;
    const { requests, bytes } = sizeOf(one.data);
    const room = inFlight - this.#rest - this.#requests;
    if (room <= 0) return this.#refuse(one.data, requests, this.#noRoom());
    if (!this.empty && this.#bytes + bytes > inFlightBytes) {
      return this.#refuse(one.data, requests, this.#tooHeavy());
    }
    const asked = Math.min(requests, frameRequests);
    if (asked > room) {
      one.room = room;
      one.refused = asked - room;
      if (this.#isFlood(one.refused)) return false;
    }
    this.#push(one);
    this.#measure(one, { requests: Math.min(asked, room), bytes });
    this.#measured = this.#frames.length;
    return true;
  }

  #measure(one: Waiting, size = one.known ? NOTHING : sizeOf(one.data)): void {
    one.size = size;
    this.#requests += size.requests;
    this.#bytes += size.bytes;
  }

  /** Keeps of a frame only what has to be answered. */
  #refuse(data: unknown, requests: number, error: WireError): boolean {
    // Before it is read: that may take long.
    if (this.#isFlood(requests)) return false;
    const { batched, answered, unanswered } = refuseFrame(data, this.#limits, error);
    if (unanswered.length > 0) this.#noted(unanswered);
    if (answered.length === 0) return true;
    if (this.#isFlood(answered.length)) return false;
    const known = new KnownFrame(batched, answered);
    this.#push({ data: undefined, known, weight: 0, refused: answered.length });
    return true;
  }

  #isFlood(more: number): boolean {
    return this.#refused + more > PATIENCE * this.#limits.inFlight;
  }

  #push(one: Waiting): void {
    this.#frames.push(one);
    this.#weight += one.weight;
    this.#refused += one.refused;
  }

  #noRoom(): WireError {
    const { inFlight } = this.#limits;
    return tooMany("do request", inFlight, "too many of its connection wait already");
  }

  #tooHeavy(): WireError {
    const { inFlightBytes } = this.#limits;
    return tooMany("do request", inFlightBytes, "too many bytes of its connection wait already");
  }
}

/** Counted in its text: at least one, for a frame that asks for nothing costs something, too. */
function sizeOf(data: unknown): { readonly requests: number; readonly bytes: number } {
  if (typeof data !== "string") return { requests: 1, bytes: 0 };
  let requests = 0;
  for (let at = 0; (at = data.indexOf(ACTION, at)) !== -1; at += ACTION.length) requests++;
  return { requests: Math.max(1, requests), bytes: utf8Length(data) };
}
