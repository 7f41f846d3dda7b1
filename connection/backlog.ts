/**
 * The frames of a connection that wait for their turn: bounded in requests and in bytes.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { FrameScan } from "../protocol/frame_scan.ts";
import {
  DecodedFrame,
  readRequestFrame,
  refuseFrame,
  scanFrame,
} from "../protocol/request_frame.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { RefusedRequest } from "../protocol/requests.ts";
import type { RequestFrame } from "../protocol/scanned_frame.ts";
import { BacklogLimits, FrameMemory } from "./backlog_limits.ts";
import { BacklogFrame, FrameQueue } from "./backlog_frame.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";

/** How much of a large frame is scanned at a time, in characters: then others may have their turn. */
const SCAN_CHUNK = 64 * 1024;

/** The frames of one connection that wait for their turn. */
export class Backlog {
  readonly #limits: Limits;
  readonly #onUnanswered: (unanswered: readonly RefusedRequest[]) => void;
  readonly #budgets: ConnectionBudgets | undefined;
  readonly #memory: FrameMemory;
  readonly #flood: BacklogLimits;
  readonly #frames = new FrameQueue();
  #weight = 0;
  /** The length of the large frames that wait and are refused already. */
  #refusedWeight = 0;
  /** An upper bound of how many requests wait, the rest of the current frame included. Large frames do not count yet. */
  #maxRequests = 0;
  /** How many requests wait in the frames that were counted. */
  #requests = 0;
  /** How many of the requests that wait are refused already. */
  #refused = 0;
  /** How many control requests wait in frames that were refused otherwise. */
  #controls = 0;
  /** The frame that is being processed, and how many of its requests were started. */
  #current: RequestFrame | undefined;
  #started = 0;
  /** An upper bound of how many of its requests wait. */
  #currentMaxRequests = 0;
  /** How many large frames wait. */
  #large = 0;
  /** A frame that was taken out has far too many requests. */
  flooded = false;
  /** The server has no memory left for a frame, nor for its refusal. */
  outOfMemory = false;

  /** Starts empty. `onUnanswered` gets refused requests without a reply: they do not wait. Without budgets there is no shared limit. */
  constructor(
    limits: Limits,
    onUnanswered: (unanswered: readonly RefusedRequest[]) => void,
    budgets?: ConnectionBudgets,
  ) {
    this.#limits = limits;
    this.#onUnanswered = onUnanswered;
    this.#budgets = budgets;
    this.#flood = new BacklogLimits(limits);
    this.#memory = new FrameMemory(budgets?.of("totalInFlightBytes"));
  }

  /**
   * Adds a frame. What exceeds a limit is refused when its turn comes.
   *
   * @param data the data of the frame
   * @returns `false` if so much is refused already that this is a flood; then the frame was not added
   */
  add(data: unknown): boolean {
    // Data that is not text is not stored.
    const frame = new BacklogFrame(typeof data === "string" ? data : undefined);
    const { inFlight, inFlightBytes } = this.#limits;
    const weight = this.#weight + frame.weight;
    // Characters are counted in place of bytes: there are never more of them, and counting them takes no time.
    const fitsBytes = this.empty || weight <= inFlightBytes;
    if (frame.isLarge) return this.#addLarge(frame, fitsBytes);
    if (this.empty && !this.#current && this.#memory.take(frame)) {
      // Nothing waits: it is read at once, which tells how many requests it has.
      frame.room = inFlight;
      frame.maxRequests = Math.min(frame.maxRequests, inFlight);
      this.#push(frame);
      return true;
    }
    if (frame.maxRequests > inFlight - this.#maxRequests) {
      for (const waiting of this.#frames.all()) this.#maxRequests -= waiting.countCommas(inFlight);
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

  get empty(): boolean {
    return this.#frames.empty;
  }

  /** Large frames wait, which is enough work for now. */
  get hasLarge(): boolean {
    return this.#large > 0;
  }

  /** How long the next frame is. */
  get nextBytes(): number {
    return this.#frames.next?.weight ?? 0;
  }

  /** Scans the next part of the next frame, if that is large. Returns whether there is more to scan before it can be taken. */
  scanNext(): boolean {
    const frame = this.#frames.next;
    if (!frame?.isLarge) return false;
    frame.scan ??= new FrameScan(frame.data!, this.#flood.floodingFrame);
    if (frame.scan.scanMore(SCAN_CHUNK)) return true;
    this.#memory.addScanned(frame, frame.scan.length);
    return false;
  }

  /** Takes the next frame, to be processed; `undefined` if there is none, or it is a flood. */
  take(): RequestFrame | undefined {
    const waiting = this.#frames.take();
    if (!waiting) return undefined;
    if (waiting.isLarge) this.#large--;
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

  /** This many more requests of the frame that was taken were started. */
  markStarted(requests: number): void {
    this.#started += requests;
  }

  /** The frame that was taken is finished. */
  finishFrame(): void {
    this.#current = undefined;
    this.#memory.finish(this.empty);
    this.#maxRequests -= this.#currentMaxRequests;
    this.#currentMaxRequests = 0;
  }

  /** Drops everything. */
  clear(): void {
    this.#frames.clear();
    this.#large =
      this.#weight =
      this.#refusedWeight =
      this.#maxRequests =
      this.#currentMaxRequests =
        0;
    this.#requests = this.#refused = this.#controls = 0;
    this.#current = undefined;
    this.#memory.clear();
  }

  /** Decodes a frame. That can take long, so it happens in its turn. `undefined` for a flood. */
  #read({ data, room, isLarge, isRefused, scan }: BacklogFrame): RequestFrame | undefined {
    if (isLarge) {
      scan ??= new FrameScan(data!, this.#flood.floodingFrame);
      while (scan.scanMore(Infinity));
    }
    if (scan?.isOverLimit) {
      this.flooded = true;
      return undefined;
    }
    const cut = isRefused
      ? { after: 0, error: this.#flood.tooManyBytes, includesLegacyPuts: true }
      : room === undefined
      ? undefined
      : { after: room, error: this.#flood.tooManyRequests };
    return readRequestFrame(data, this.#limits, cut, scan);
  }

  /** Scanning a large frame takes long. It happens in its turn, also if the frame will be refused. */
  #addLarge(frame: BacklogFrame, fitsBytes: boolean): boolean {
    frame.isRefused = !fitsBytes;
    frame.room = this.#limits.inFlight;
    if (!fitsBytes && this.#flood.isByteFlood(this.#refusedWeight + frame.weight)) return false;
    this.outOfMemory = !this.#memory.take(frame);
    if (this.outOfMemory) return false;
    this.#push(frame);
    return true;
  }

  /** So much waits, or may wait, that the requests have to be counted exactly. */
  #addCounted(frame: BacklogFrame, fitsBytes: boolean): boolean {
    const { inFlight, frameRequests } = this.#limits;
    const { floodingFrame } = this.#flood;
    for (const other of this.#frames.countRest()) {
      if (other.isLarge) continue;
      const count = other.answerOnly ? 0 : requestCount(scanFrame(other.data, floodingFrame));
      other.requests = Math.min(count, other.room ?? Infinity);
      this.#maxRequests += other.requests - other.maxRequests;
      other.maxRequests = other.requests;
      this.#requests += other.requests;
    }
    const scan = scanFrame(frame.data, floodingFrame);
    if (scan?.isOverLimit) return false;
    const requests = requestCount(scan);
    const remaining = this.#current?.countFrom(this.#started) ?? 0;
    this.#maxRequests += remaining - this.#currentMaxRequests;
    this.#currentMaxRequests = remaining;
    const room = Math.max(0, inFlight - remaining - this.#requests);
    if (requests > 0 && room === 0 && (!scan?.legacyPuts || !fitsBytes)) {
      return this.#refuse(scan, requests, this.#flood.tooManyRequests);
    }
    if (!fitsBytes) return this.#refuse(scan, requests, this.#flood.tooManyBytes);
    if (!this.#memory.take(frame)) {
      const error = this.#budgets!.budgetError("totalInFlightBytes", "accept request");
      return this.#refuse(scan, requests, error);
    }
    const hasRequests = scan !== undefined && scan.length > 0;
    frame.requests = frame.maxRequests = hasRequests
      ? scan.countUpTo(Math.min(room, frameRequests))
      : 1;
    frame.refused = requests - frame.requests;
    if (requests > room) frame.room = room;
    if (this.#flood.isFlood(this.#refused + frame.refused)) return false;
    this.#requests += frame.requests;
    this.#push(frame, true);
    return true;
  }

  /** Keeps only those requests of a frame that need a reply. */
  #refuse(scan: FrameScan | undefined, requests: number, error: WireError): boolean {
    // Before it is decoded, which can take long.
    if (this.#flood.isFlood(this.#refused + requests)) return false;
    if (this.#flood.isControlFlood(this.#controls + (scan?.controlRequests ?? 0))) return false;
    const { batched, remaining: toAnswer, unanswered } = refuseFrame(scan, this.#limits, error);
    if (unanswered.length > 0) this.#onUnanswered(unanswered);
    if (toAnswer.length === 0) return true;
    const refused = toAnswer.filter(({ action }) => action === "refused").length;
    const answerOnly = new BacklogFrame(undefined, new DecodedFrame(batched, toAnswer));
    answerOnly.refused = refused;
    answerOnly.controls = toAnswer.length - refused;
    this.#controls += answerOnly.controls;
    this.outOfMemory = !this.#memory.takeRefused(answerOnly, toAnswer.length);
    if (this.outOfMemory) return false;
    this.#push(answerOnly);
    return true;
  }

  #push(frame: BacklogFrame, isCounted = false): void {
    if (isCounted) this.#frames.pushCounted(frame);
    else this.#frames.push(frame);
    if (frame.isLarge) this.#large++;
    if (frame.isRefused) this.#refusedWeight += frame.weight;
    else this.#weight += frame.weight;
    this.#maxRequests += frame.maxRequests;
    this.#refused += frame.refused;
  }
}

/** How many requests a frame counts for. An empty frame costs something, too. */
function requestCount(scan: FrameScan | undefined): number {
  return !scan || scan.length === 0 ? 1 : scan.countedRequests;
}
