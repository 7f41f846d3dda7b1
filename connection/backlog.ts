/**
 * What a connection has said and is not being done yet: bounded in requests and in bytes.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import { FrameScan } from "../protocol/frame_scan.ts";
import {
  DecodedFrame,
  readRequestFrame,
  refuseFrame,
  type RequestFrame,
  scanFrame,
} from "../protocol/request_frame.ts";
import type { Limits } from "../protocol/limits.ts";
import type { RefusedRequest } from "../protocol/requests.ts";
import { FrameMemory } from "./frame_memory.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { BacklogFrame } from "./backlog_frame.ts";

/**
 * What is refused waits for its turn to be answered: requests up to so many times `inFlight`, and large frames up to so
 * many times `inFlightBytes`. With more it is a flood.
 */
const FLOOD_FACTOR = 4;

/** With more control requests in frames that were refused otherwise it is one, too. */
const MAX_CONTROLS = 16_384;

/** So much of a large frame is scanned before it is looked whether others have to have their turn, in characters. */
const SCAN_CHUNK = 64 * 1024;

/** Stands where a frame was taken out. */
const TAKEN = new BacklogFrame(undefined);

/** The frames of a connection that wait, first come, first served. */
export class Backlog {
  readonly #limits: Limits;
  readonly #onUnanswered: (unanswered: readonly RefusedRequest[]) => void;
  readonly #budgets: ConnectionBudgets | undefined;
  readonly #memory: FrameMemory;
  #outOfMemory = false;
  #frames: BacklogFrame[] = [];
  #next = 0;
  #weight = 0;
  /** What large frames have that wait and are refused already. */
  #refusedWeight = 0;
  /** No more requests wait than that, what is left of the current frame included; those of large frames do not count yet. */
  #maxRequests = 0;
  /** Those that wait have been counted up to here, and have so many requests together. */
  #counted = 0;
  #requests = 0;
  /** How many that wait are refused already. */
  #refused = 0;

  /** How many control requests wait in frames that were refused otherwise. */
  #controls = 0;
  /** The frame that is being done, and how many of its requests have begun. */
  #current: RequestFrame | undefined;
  #started = 0;
  /** How many large frames wait. */
  #large = 0;
  /** A frame that was taken out asked for far too much. */
  flooded = false;
  /** No more requests wait of it. */
  #currentMaxRequests = 0;
  #tooManyRequestsError: WireError | undefined;

  /**
   * Makes an empty one.
   *
   * @param limits what it may hold
   * @param onUnanswered takes refused requests that have no answer: they do not wait
   * @param budgets what its connection has of what all share. Default: as much as it needs
   */
  constructor(
    limits: Limits,
    onUnanswered: (unanswered: readonly RefusedRequest[]) => void,
    budgets?: ConnectionBudgets,
  ) {
    this.#limits = limits;
    this.#onUnanswered = onUnanswered;
    this.#budgets = budgets;
    this.#memory = new FrameMemory(budgets?.of("totalInFlightBytes"));
  }

  /**
   * Adds what the peer said. What there is no room for is refused when its turn comes.
   *
   * @param data the data of a frame
   * @returns `false` if so much is refused already that the peer is a flood; then it was not added
   */
  add(data: unknown): boolean {
    // Of what is not text nothing is kept.
    const frame = new BacklogFrame(typeof data === "string" ? data : undefined);
    const { inFlight, inFlightBytes } = this.#limits;
    const weight = this.#weight + frame.weight;
    // Bytes are counted as characters: there are no more of these, and to count them takes no time.
    const fitsBytes = this.empty || weight <= inFlightBytes;
    if (frame.isLarge) return this.#addLarge(frame, fitsBytes);
    if (this.empty && !this.#current && this.#memory.take(frame)) {
      // Nothing waits: it is read at once, and then it is known what it counts for.
      frame.room = inFlight;
      frame.maxRequests = Math.min(frame.maxRequests, inFlight);
      this.#push(frame);
      return true;
    }
    if (frame.maxRequests > inFlight - this.#maxRequests) {
      for (let i = this.#next; i < this.#frames.length; i++) {
        this.#maxRequests -= this.#frames[i]!.countCommas(inFlight);
      }
      frame.countCommas(inFlight);
    }
    if (
      !fitsBytes || frame.maxRequests > inFlight - this.#maxRequests || !this.#memory.take(frame)
    ) {
      return this.#addCounted(frame, fitsBytes);
    }
    this.#push(frame);
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
  scanNext(): boolean {
    const frame = this.#frames[this.#next];
    if (!frame?.isLarge) return false;
    frame.scan ??= new FrameScan(frame.data!, this.#floodLimit);
    if (frame.scan.scanMore(SCAN_CHUNK)) return true;
    this.#memory.addScanned(frame, frame.scan.length);
    return false;
  }

  /** Takes the next frame out, to be done; `undefined` if there is none, or it is a flood. */
  take(): RequestFrame | undefined {
    const waiting = this.#frames[this.#next];
    if (!waiting) return undefined;
    this.#frames[this.#next++] = TAKEN;
    if (waiting.isLarge) this.#large--;
    // Cleared away in one go for many: taking costs the same in any length.
    if (this.#next > 32 && 2 * this.#next > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#next);
      this.#counted = Math.max(0, this.#counted - this.#next);
      this.#next = 0;
    }
    if (waiting.isRefused) this.#refusedWeight -= waiting.weight;
    else this.#weight -= waiting.weight;
    this.#refused -= waiting.refused;
    this.#controls -= waiting.controls;
    this.#requests -= waiting.requests ?? 0;
    this.#started = 0;
    this.#memory.begin(waiting);
    const frame = this.#current = waiting.answerOnly ?? this.#read(waiting);
    if (!frame) return undefined;
    this.#currentMaxRequests = waiting.isLarge
      ? frame.maxCount
      : Math.min(waiting.maxRequests, frame.maxCount);
    this.#maxRequests += this.#currentMaxRequests - waiting.maxRequests;
    return frame;
  }

  /** So many more requests of the frame that was taken out wait no longer: they are being done. */
  markStarted(requests: number): void {
    this.#started += requests;
  }

  /** The frame that was taken out is done. */
  finishFrame(): void {
    this.#current = undefined;
    this.#memory.finish(this.empty);
    this.#maxRequests -= this.#currentMaxRequests;
    this.#currentMaxRequests = 0;
  }

  /** Forgets all. */
  clear(): void {
    this.#frames = [];
    this.#next = this.#counted = this.#large = 0;
    this.#weight =
      this.#refusedWeight =
      this.#maxRequests =
      this.#currentMaxRequests =
      this.#requests =
      this.#refused =
      this.#controls =
        0;
    this.#current = undefined;
    this.#memory.clear();
  }

  /** The server has no memory for what it said, and for its refusal neither. */
  get outOfMemory(): boolean {
    return this.#outOfMemory;
  }

  /** Reads a frame in its turn, for that may take long; `undefined` for a flood. */
  #read({ data, room, isLarge, isRefused, scan }: BacklogFrame): RequestFrame | undefined {
    if (isLarge) {
      scan ??= new FrameScan(data!, this.#floodLimit);
      while (scan.scanMore(Infinity));
    }
    if (scan?.isOverLimit) {
      this.flooded = true;
      return undefined;
    }
    const cut = isRefused
      ? { after: 0, error: this.#tooManyBytes(), includesLegacyPuts: true }
      : room === undefined
      ? undefined
      : { after: room, error: this.#tooManyRequests };
    return readRequestFrame(data, this.#limits, cut, scan);
  }

  /** To learn what is in a large frame takes long: that is done in its turn, also if it is to be refused. */
  #addLarge(frame: BacklogFrame, fitsBytes: boolean): boolean {
    const { inFlight, inFlightBytes } = this.#limits;
    frame.isRefused = !fitsBytes;
    frame.room = inFlight;
    if (!fitsBytes && this.#refusedWeight + frame.weight > FLOOD_FACTOR * inFlightBytes) {
      return false;
    }
    this.#outOfMemory = !this.#memory.take(frame);
    if (this.#outOfMemory) return false;
    this.#push(frame);
    return true;
  }

  /** So much waits, or may, that it has to be known exactly how many requests that is. */
  #addCounted(frame: BacklogFrame, fitsBytes: boolean): boolean {
    const { inFlight, frameRequests } = this.#limits;
    const floodLimit = this.#floodLimit;
    for (let i = Math.max(this.#counted, this.#next); i < this.#frames.length; i++) {
      const other = this.#frames[i]!;
      if (other.isLarge) continue;
      const count = other.answerOnly ? 0 : requestCount(scanFrame(other.data, floodLimit));
      other.requests = Math.min(count, other.room ?? Infinity);
      this.#maxRequests += other.requests - other.maxRequests;
      other.maxRequests = other.requests;
      this.#requests += other.requests;
    }
    this.#counted = this.#frames.length;
    const scan = scanFrame(frame.data, floodLimit);
    if (scan?.isOverLimit) return false;
    const requests = requestCount(scan);
    const remaining = this.#current?.countFrom(this.#started) ?? 0;
    this.#maxRequests += remaining - this.#currentMaxRequests;
    this.#currentMaxRequests = remaining;
    const room = Math.max(0, inFlight - remaining - this.#requests);
    if (requests > 0 && room === 0 && (!scan?.legacyPuts || !fitsBytes)) {
      return this.#refuse(scan, requests, this.#tooManyRequests);
    }
    if (!fitsBytes) return this.#refuse(scan, requests, this.#tooManyBytes());
    if (!this.#memory.take(frame)) {
      const error = this.#budgets!.budgetError("totalInFlightBytes", "do request");
      return this.#refuse(scan, requests, error);
    }
    const hasRequests = scan !== undefined && scan.length > 0;
    frame.requests = frame.maxRequests = hasRequests
      ? scan.countUpTo(Math.min(room, frameRequests))
      : 1;
    frame.refused = requests - frame.requests;
    if (requests > room) frame.room = room;
    if (this.#isFlood(frame.refused)) return false;
    this.#requests += frame.requests;
    this.#push(frame);
    this.#counted = this.#frames.length;
    return true;
  }

  /** Keeps of a frame only what has to be answered. */
  #refuse(scan: FrameScan | undefined, requests: number, error: WireError): boolean {
    // Before it is read: that may take long.
    if (this.#isFlood(requests)) return false;
    if (this.#controls + (scan?.controlRequests ?? 0) > MAX_CONTROLS) return false;
    const { batched, remaining: toAnswer, unanswered } = refuseFrame(scan, this.#limits, error);
    if (unanswered.length > 0) this.#onUnanswered(unanswered);
    if (toAnswer.length === 0) return true;
    const refused = toAnswer.filter(({ action }) => action === "refused").length;
    const answerOnly = new BacklogFrame(undefined, new DecodedFrame(batched, toAnswer));
    answerOnly.refused = refused;
    answerOnly.controls = toAnswer.length - refused;
    this.#controls += answerOnly.controls;
    this.#outOfMemory = !this.#memory.takeRefused(answerOnly, toAnswer.length);
    if (this.#outOfMemory) return false;
    this.#push(answerOnly);
    return true;
  }

  /** A frame that counts for more is a flood by itself. */
  get #floodLimit(): number {
    return this.#limits.frameRequests + FLOOD_FACTOR * this.#limits.inFlight;
  }

  #isFlood(requests: number): boolean {
    return this.#refused + requests > FLOOD_FACTOR * this.#limits.inFlight;
  }

  #push(frame: BacklogFrame): void {
    this.#frames.push(frame);
    if (frame.isLarge) this.#large++;
    if (frame.isRefused) this.#refusedWeight += frame.weight;
    else this.#weight += frame.weight;
    this.#maxRequests += frame.maxRequests;
    this.#refused += frame.refused;
  }

  /** Worded once, and not for each frame that could have to be told. */
  get #tooManyRequests(): WireError {
    const { inFlight } = this.#limits;
    return this.#tooManyRequestsError ??= limitExceeded(
      "do request",
      inFlight,
      "too many of its connection wait already",
    );
  }

  #tooManyBytes(): WireError {
    const { inFlightBytes } = this.#limits;
    return limitExceeded(
      "do request",
      inFlightBytes,
      "too many bytes of its connection wait already",
    );
  }
}

/** What a frame counts for: one that asks for nothing costs something, too. */
function requestCount(scan: FrameScan | undefined): number {
  return !scan || scan.length === 0 ? 1 : scan.countedRequests;
}
