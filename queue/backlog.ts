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

/** With more control requests in frames that were refused otherwise it is one, too. */
const MAX_CONTROLS = 65_536;

/** A frame that waits: its text, or, if all of it is refused, what is left to answer. */
class Waiting {
  readonly data: string | undefined;
  readonly known: Frame | undefined;
  /** Its length; of such a length there is a bound to how many requests it has. */
  readonly weight: number;
  /** How many requests it takes of those that may wait, once somebody had to know. */
  requests: number | undefined = undefined;
  /** So many of its requests are done, if it had more than there was room for. */
  room: number | undefined = undefined;
  /** So many are refused for want of room. */
  refused = 0;
  /** So many are control requests, where all others are refused. */
  controls = 0;

  constructor(data: string | undefined, known?: Frame) {
    this.data = data;
    this.known = known;
    this.weight = known ? 0 : Math.max(SHORTEST, data?.length ?? 0);
  }
}

/** Stands where a frame was taken out. */
const TAKEN = new Waiting(undefined);

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

  /** How many control requests wait in frames that were refused otherwise. */
  #controls = 0;
  /** The frame that is being done, and how many of its requests have begun. */
  #current: Frame | undefined;
  #begun = 0;

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
    // Of what is not text nothing is kept.
    const one = new Waiting(typeof data === "string" ? data : undefined);
    const { inFlight, inFlightBytes } = this.#limits;
    const weight = this.#weight + one.weight;
    // Bytes are counted as characters: there are no more of these, and to count them takes no time.
    const light = this.empty || weight <= inFlightBytes;
    const rest = this.#current ? this.#current.length - this.#begun : 0;
    if (!light || weight + SHORTEST * rest > SHORTEST * inFlight) {
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
    this.#controls -= one.controls;
    this.#requests -= one.requests ?? 0;
    this.#begun = 0;
    return this.#current = one.known ?? this.#read(one);
  }

  /** So many more requests of the frame that was taken out wait no longer: they are being done. */
  began(requests: number): void {
    this.#begun += requests;
  }

  /** The frame that was taken out is done. */
  finished(): void {
    this.#current = undefined;
  }

  /** Forgets all. */
  clear(): void {
    this.#frames = [];
    this.#next = this.#counted = 0;
    this.#weight =
      this.#requests =
      this.#refused =
      this.#controls =
        0;
    this.#current = undefined;
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
      waiting.requests = waiting.known ? 0 : countRequests(waiting.data).counting;
      this.#requests += waiting.requests;
    }
    this.#counted = this.#frames.length;
    const { counting: requests, plainPuts } = countRequests(one.data);
    const rest = this.#current?.counting(this.#begun) ?? 0;
    const room = Math.max(0, inFlight - rest - this.#requests);
    if (requests > 0 && room === 0 && (plainPuts === 0 || !light)) {
      return this.#refuse(one.data, requests, this.#noRoom());
    }
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
    const refused = left.filter(({ action }) => action === "refused").length;
    const controls = left.length - refused;
    if (this.#isFlood(refused) || this.#controls + controls > MAX_CONTROLS) return false;
    this.#controls += controls;
    const known = new Waiting(undefined, new KnownFrame(batched, left));
    known.refused = refused;
    known.controls = controls;
    this.#push(known);
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
