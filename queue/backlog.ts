/**
 * What a connection has said and is not being done yet: bounded in requests and in bytes.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import { FrameScan } from "../protocol/frame_scan.ts";
import { type Frame, KnownFrame, readFrame, refuseFrame, scanFrame } from "../protocol/frames.ts";
import type { Limits } from "../protocol/limits.ts";
import type { RefusedRequest } from "../protocol/requests.ts";
import { FrameMemory } from "./frame_memory.ts";
import type { Shares } from "./shares.ts";
import { WaitingFrame } from "./waiting_frame.ts";

/**
 * What is refused waits for its turn to be answered: requests up to so many times `inFlight`, and large frames up to so
 * many times `inFlightBytes`. With more it is a flood.
 */
const PATIENCE = 4;

/** With more control requests in frames that were refused otherwise it is one, too. */
const MAX_CONTROLS = 16_384;

/** So much of a large frame is scanned before it is looked whether others have to have their turn, in characters. */
const SCANNED = 64 * 1024;

/** Stands where a frame was taken out. */
const TAKEN = new WaitingFrame(undefined);

/** The frames of a connection that wait, first come, first served. */
export class Backlog {
  readonly #limits: Limits;
  readonly #noted: (unanswered: readonly RefusedRequest[]) => void;
  readonly #shares: Shares | undefined;
  readonly #memory: FrameMemory;
  #crowded = false;
  #frames: WaitingFrame[] = [];
  #next = 0;
  #weight = 0;
  /** What large frames have that wait and are refused already. */
  #refusedWeight = 0;
  /** No more requests wait than that, what is left of the current frame included; those of large frames do not count yet. */
  #most = 0;
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
  /** How many large frames wait. */
  #large = 0;
  /** A frame that was taken out asked for far too much. */
  flooded = false;
  /** No more requests wait of it. */
  #currentMost = 0;
  #noRoomError: WireError | undefined;

  /**
   * Makes an empty one.
   *
   * @param limits what it may hold
   * @param noted takes refused requests that have no answer: they do not wait
   * @param shares what its connection has of what all share. Default: as much as it needs
   */
  constructor(
    limits: Limits,
    noted: (unanswered: readonly RefusedRequest[]) => void,
    shares?: Shares,
  ) {
    this.#limits = limits;
    this.#noted = noted;
    this.#shares = shares;
    this.#memory = new FrameMemory(shares?.of("totalInFlightBytes"));
  }

  /**
   * Adds what the peer said. What there is no room for is refused when its turn comes.
   *
   * @param data the data of a frame
   * @returns `false` if so much is refused already that the peer is a flood; then it was not added
   */
  add(data: unknown): boolean {
    // Of what is not text nothing is kept.
    const one = new WaitingFrame(typeof data === "string" ? data : undefined);
    const { inFlight, inFlightBytes } = this.#limits;
    const weight = this.#weight + one.weight;
    // Bytes are counted as characters: there are no more of these, and to count them takes no time.
    const light = this.empty || weight <= inFlightBytes;
    if (one.isLarge) return this.#addLarge(one, light);
    if (this.empty && !this.#current && this.#memory.take(one)) {
      // Nothing waits: it is read at once, and then it is known what it counts for.
      one.room = inFlight;
      one.most = Math.min(one.most, inFlight);
      this.#push(one);
      return true;
    }
    if (one.most > inFlight - this.#most) {
      for (let i = this.#next; i < this.#frames.length; i++) {
        this.#most -= this.#frames[i]!.countCommas(inFlight);
      }
      one.countCommas(inFlight);
    }
    if (!light || one.most > inFlight - this.#most || !this.#memory.take(one)) {
      return this.#addCounted(one, light);
    }
    this.#push(one);
    return true;
  }

  /** No frame waits. */
  get empty(): boolean {
    return this.#next === this.#frames.length;
  }

  /** Large frames wait: it is enough to do for now. */
  get hasLarge(): boolean {
    return this.#large > 0;
  }

  /** How long the next frame is. */
  get nextBytes(): number {
    return this.#frames[this.#next]?.weight ?? 0;
  }

  /** Scans on in the next frame, if that is large; whether there is more to scan before it can be taken out. */
  scansOn(): boolean {
    const one = this.#frames[this.#next];
    if (!one?.isLarge) return false;
    one.scan ??= new FrameScan(one.data!, this.#flood);
    if (one.scan.goOn(SCANNED)) return true;
    this.#memory.seen(one, one.scan.length);
    return false;
  }

  /** Takes the next frame out, to be done; `undefined` if there is none, or it is a flood. */
  take(): Frame | undefined {
    const one = this.#frames[this.#next];
    if (!one) return undefined;
    this.#frames[this.#next++] = TAKEN;
    if (one.isLarge) this.#large--;
    // Cleared away in one go for many: taking costs the same in any length.
    if (this.#next > 32 && 2 * this.#next > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#next);
      this.#counted = Math.max(0, this.#counted - this.#next);
      this.#next = 0;
    }
    if (one.isRefused) this.#refusedWeight -= one.weight;
    else this.#weight -= one.weight;
    this.#refused -= one.refused;
    this.#controls -= one.controls;
    this.#requests -= one.requests ?? 0;
    this.#begun = 0;
    this.#memory.begin(one);
    const frame = this.#current = one.known ?? this.#read(one);
    if (!frame) return undefined;
    this.#currentMost = one.isLarge ? frame.most : Math.min(one.most, frame.most);
    this.#most += this.#currentMost - one.most;
    return frame;
  }

  /** So many more requests of the frame that was taken out wait no longer: they are being done. */
  began(requests: number): void {
    this.#begun += requests;
  }

  /** The frame that was taken out is done. */
  finished(): void {
    this.#current = undefined;
    this.#memory.finish(this.empty);
    this.#most -= this.#currentMost;
    this.#currentMost = 0;
  }

  /** Forgets all. */
  clear(): void {
    this.#frames = [];
    this.#next = this.#counted = this.#large = 0;
    this.#weight =
      this.#refusedWeight =
      this.#most =
      this.#currentMost =
      this.#requests =
      this.#refused =
      this.#controls =
        0;
    this.#current = undefined;
    this.#memory.clear();
  }

  /** The server has no memory for what it said, and for its refusal neither. */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** Reads a frame in its turn, for that may take long; `undefined` for a flood. */
  #read({ data, room, isLarge, isRefused, scan }: WaitingFrame): Frame | undefined {
    if (isLarge) {
      scan ??= new FrameScan(data!, this.#flood);
      while (scan.goOn(Infinity));
    }
    if (scan?.tooMany) {
      this.flooded = true;
      return undefined;
    }
    const cut = isRefused
      ? { after: 0, error: this.#tooHeavy(), all: true }
      : room === undefined
      ? undefined
      : { after: room, error: this.#noRoom };
    return readFrame(data, this.#limits, cut, scan);
  }

  /** To learn what is in a large frame takes long: that is done in its turn, also if it is to be refused. */
  #addLarge(one: WaitingFrame, light: boolean): boolean {
    const { inFlight, inFlightBytes } = this.#limits;
    one.isRefused = !light;
    one.room = inFlight;
    if (!light && this.#refusedWeight + one.weight > PATIENCE * inFlightBytes) return false;
    this.#crowded = !this.#memory.take(one);
    if (this.#crowded) return false;
    this.#push(one);
    return true;
  }

  /** So much waits, or may, that it has to be known exactly how many requests that is. */
  #addCounted(one: WaitingFrame, light: boolean): boolean {
    const { inFlight, frameRequests } = this.#limits;
    const flood = this.#flood;
    for (let i = Math.max(this.#counted, this.#next); i < this.#frames.length; i++) {
      const waiting = this.#frames[i]!;
      if (waiting.isLarge) continue;
      const count = waiting.known ? 0 : countOf(scanFrame(waiting.data, flood));
      waiting.requests = Math.min(count, waiting.room ?? Infinity);
      this.#most += waiting.requests - waiting.most;
      waiting.most = waiting.requests;
      this.#requests += waiting.requests;
    }
    this.#counted = this.#frames.length;
    const scan = scanFrame(one.data, flood);
    if (scan?.tooMany) return false;
    const requests = countOf(scan);
    const rest = this.#current?.counting(this.#begun) ?? 0;
    this.#most += rest - this.#currentMost;
    this.#currentMost = rest;
    const room = Math.max(0, inFlight - rest - this.#requests);
    if (requests > 0 && room === 0 && (!scan?.plainPuts || !light)) {
      return this.#refuse(scan, requests, this.#noRoom);
    }
    if (!light) return this.#refuse(scan, requests, this.#tooHeavy());
    if (!this.#memory.take(one)) {
      const lack = this.#shares!.lack("totalInFlightBytes", "do request");
      return this.#refuse(scan, requests, lack);
    }
    const asks = scan !== undefined && scan.length > 0;
    one.requests = one.most = asks ? scan.countWithin(Math.min(room, frameRequests)) : 1;
    one.refused = requests - one.requests;
    if (requests > room) one.room = room;
    if (this.#isFlood(one.refused)) return false;
    this.#requests += one.requests;
    this.#push(one);
    this.#counted = this.#frames.length;
    return true;
  }

  /** Keeps of a frame only what has to be answered. */
  #refuse(scan: FrameScan | undefined, requests: number, error: WireError): boolean {
    // Before it is read: that may take long.
    if (this.#isFlood(requests)) return false;
    if (this.#controls + (scan?.controls ?? 0) > MAX_CONTROLS) return false;
    const { batched, left, unanswered } = refuseFrame(scan, this.#limits, error);
    if (unanswered.length > 0) this.#noted(unanswered);
    if (left.length === 0) return true;
    const refused = left.filter(({ action }) => action === "refused").length;
    const known = new WaitingFrame(undefined, new KnownFrame(batched, left));
    known.refused = refused;
    known.controls = left.length - refused;
    this.#controls += known.controls;
    this.#crowded = !this.#memory.takeRefused(known, left.length);
    if (this.#crowded) return false;
    this.#push(known);
    return true;
  }

  /** A frame that counts for more is a flood by itself. */
  get #flood(): number {
    return this.#limits.frameRequests + PATIENCE * this.#limits.inFlight;
  }

  #isFlood(more: number): boolean {
    return this.#refused + more > PATIENCE * this.#limits.inFlight;
  }

  #push(one: WaitingFrame): void {
    this.#frames.push(one);
    if (one.isLarge) this.#large++;
    if (one.isRefused) this.#refusedWeight += one.weight;
    else this.#weight += one.weight;
    this.#most += one.most;
    this.#refused += one.refused;
  }

  /** Worded once, and not for each frame that could have to be told. */
  get #noRoom(): WireError {
    const { inFlight } = this.#limits;
    return this.#noRoomError ??= tooMany(
      "do request",
      inFlight,
      "too many of its connection wait already",
    );
  }

  #tooHeavy(): WireError {
    const { inFlightBytes } = this.#limits;
    return tooMany("do request", inFlightBytes, "too many bytes of its connection wait already");
  }
}

/** What a frame counts for: one that asks for nothing costs something, too. */
function countOf(scan: FrameScan | undefined): number {
  return !scan || scan.length === 0 ? 1 : scan.counting;
}
