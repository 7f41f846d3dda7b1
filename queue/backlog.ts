/**
 * What a connection has said and is not being done yet: bounded in requests and in bytes.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import {
  countRequests,
  type Frame,
  KnownFrame,
  readFrame,
  refuseFrame,
} from "../protocol/frames.ts";
import type { Limits } from "../protocol/limits.ts";
import type { RefusedRequest } from "../protocol/requests.ts";

/** No request is written in fewer characters: while fewer than that wait, nothing has to be counted. */
const SHORTEST = 16;

/** Refused requests wait for their turn to be answered; with more than so many times `inFlight` it is a flood. */
const PATIENCE = 4;

/** A frame that waits: its text, or, if all of it is refused, what is left to answer. */
interface Waiting {
  readonly data: unknown;
  readonly known?: Frame;
  /** Its length; of such a length there is a bound to how many requests it has. */
  readonly weight: number;
  /** How many requests it takes of those that may wait, once somebody had to know. */
  requests?: number;
  /** So many of its requests are done, if it had more than there was room for. */
  room?: number;
  /** So many are refused for want of room. */
  refused: number;
}

/** Stands where a frame was taken out. */
const TAKEN: Waiting = { data: undefined, weight: 0, refused: 0 };

/** The frames of a connection that wait, first come, first served. */
export class Backlog {
  readonly #limits: Limits;
  readonly #noted: (unanswered: readonly RefusedRequest[]) => void;
  #frames: Waiting[] = [];
  #next = 0;
  #weight = 0;
  /** Those that wait have been counted up to here, and have so many requests together. */
  #counted = 0;
  #requests = 0;
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
    // Bytes are counted as characters: there are no more of these, and to count them takes no time.
    const light = this.empty || weight <= inFlightBytes;
    if (!light || weight + SHORTEST * this.#rest > SHORTEST * inFlight) {
      return this.#addCounted(one, light);
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
      this.#counted = Math.max(0, this.#counted - this.#next);
      this.#next = 0;
    }
    this.#weight -= one.weight;
    this.#refused -= one.refused;
    this.#requests -= one.requests ?? 0;
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
    this.#next = this.#counted = 0;
    this.#weight =
      this.#requests =
      this.#refused =
      this.#rest =
        0;
  }

  #read({ data, room }: Waiting): Frame {
    const cut = room === undefined ? undefined : { after: room, error: this.#noRoom() };
    return readFrame(data, this.#limits, cut);
  }

  /** So much waits that it has to be known exactly how many requests that is. */
  #addCounted(one: Waiting, light: boolean): boolean {
    const { inFlight, frameRequests } = this.#limits;
    for (let i = Math.max(this.#counted, this.#next); i < this.#frames.length; i++) {
      const waiting = this.#frames[i]!;
      waiting.requests = waiting.known ? 0 : countRequests(waiting.data);
      this.#requests += waiting.requests;
    }
    this.#counted = this.#frames.length;
    const requests = countRequests(one.data);
    const room = Math.max(0, inFlight - this.#rest - this.#requests);
    if (requests > 0 && room === 0) return this.#refuse(one.data, requests, this.#noRoom());
    if (!light) return this.#refuse(one.data, requests, this.#tooHeavy());
    const asked = Math.min(requests, frameRequests);
    if (asked > room) {
      one.room = room;
      one.refused = asked - room;
      if (this.#isFlood(one.refused)) return false;
    }
    one.requests = Math.min(asked, room);
    this.#requests += one.requests;
    this.#push(one);
    this.#counted = this.#frames.length;
    return true;
  }

  /** Keeps of a frame only what has to be answered. */
  #refuse(data: unknown, requests: number, error: WireError): boolean {
    // Before it is read: that may take long.
    if (this.#isFlood(requests)) return false;
    const { batched, left, unanswered } = refuseFrame(data, this.#limits, error);
    if (unanswered.length > 0) this.#noted(unanswered);
    if (left.length === 0) return true;
    if (this.#isFlood(left.length)) return false;
    const known = new KnownFrame(batched, left);
    this.#push({ data: undefined, known, weight: 0, refused: left.length });
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
