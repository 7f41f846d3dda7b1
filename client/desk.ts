/**
 * What a connection has asked and has no answer to: it outlives the line on which it was asked.
 *
 * @module
 */

import type { Answer, Heartbeat, Welcome } from "../protocol/answers.ts";
import type { DsmqError, ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { type Asked, type Stream, toDsmqError, Told } from "./asked.ts";
import type { Cursors } from "./cursors.ts";
import { HELLO } from "./line.ts";
import { Outgoing } from "./outgoing.ts";

/** Why something ends: the code of the error, and the reason in words. */
export interface End {
  readonly code: ErrorCode;
  readonly why: string;
}

/** Words an error for one who asked, or for a stream. */
export type Failure = (end: End, asked?: Pick<Asked, "action" | "topic">) => DsmqError;

/** Requests go out over the line that there is, and answers find those who asked. */
export class Desk {
  readonly #failure: Failure;
  readonly #cursors: Cursors;
  readonly #outgoing: Outgoing;
  readonly #asked = new Map<number, Asked>();
  readonly #streams = new Map<number, Stream & Asked>();
  #open = false;
  #lastId = HELLO;
  /** How many calls are unanswered. */
  #underWay = 0;
  /** A sequence number that the server had given. */
  #known = 0;

  /**
   * Begins with nothing, and no line.
   *
   * @param cursors is told how far everything is read
   * @param send takes frames while there is a line
   * @param failure words an error
   */
  constructor(cursors: Cursors, send: (frame: string) => void, failure: Failure) {
    this.#cursors = cursors;
    this.#outgoing = new Outgoing(send);
    this.#failure = failure;
  }

  /** Nothing is unanswered. */
  get idle(): boolean {
    return this.#asked.size === 0;
  }

  /** Takes what is asked for; a stream takes what comes under its id without being the answer. */
  ask(asked: Asked, stream?: Stream & Asked): void {
    asked.id = ++this.#lastId;
    asked.known = this.#known;
    if (stream) this.#streams.set(asked.id, stream);
    this.#underWay += asked.calls;
    this.#asked.set(asked.id, asked);
    if (this.#open) this.#outgoing.add(asked, this.#underWay);
  }

  /** Whether what was asked last has not left yet. */
  canGrow(asked: Asked): boolean {
    return this.#outgoing.canGrow(asked);
  }

  /** What was asked last has grown by a call of so many characters. */
  grew(size: number): void {
    this.#outgoing.grew(size, ++this.#underWay);
  }

  /** Says something that has no answer; in vain while there is no line: the next one is told what counts then. */
  tell(action: string, members?: string): void {
    if (this.#open) this.#outgoing.add(new Told(action, members), this.#underWay);
  }

  /** Takes no more of a stream. */
  forget(id: number): void {
    this.#streams.delete(id);
  }

  /** Sends what was asked and has not left. */
  flush(): void {
    this.#outgoing.flush();
  }

  /** There is a line: what is unanswered goes before anything new. */
  open({ start, recalls, limits }: Welcome): void {
    this.#open = true;
    this.#known = Math.max(this.#known, start, recalls);
    const { inFlight, inFlightBytes, frameRequests } = limits;
    this.#outgoing.open({
      calls: inFlight ?? LIMITS.inFlight.usual,
      // Half: what is sent counts characters, the server bytes, and requests have more than their messages.
      size: (inFlightBytes ?? LIMITS.inFlightBytes.usual) / 2,
      requests: frameRequests ?? LIMITS.frameRequests.usual,
    });
    for (const asked of [...this.#asked.values()].sort((one, other) => one.id - other.id)) {
      if (!asked.sent) asked.known = this.#known;
      this.#outgoing.add(asked, this.#underWay);
    }
  }

  /** There is no line. */
  suspend(): void {
    this.#open = false;
    this.#outgoing.close();
  }

  /** There will be a new line: drops what is not to be asked again. */
  sift({ recalls }: Welcome, epochChanged: boolean): void {
    for (const asked of [...this.#asked.values()]) {
      const unsure = asked.action === "put" && asked.sent &&
        (epochChanged || asked.known < recalls);
      if (!unsure && asked.again()) continue;
      this.#settled(asked);
      if (!unsure) continue;
      const why = epochChanged
        ? "the server has lost its history"
        : "the server has forgotten what this session put";
      asked.failed(this.#failure({ code: "unknown_outcome", why }, asked));
    }
    // A stream that was under way is asked for again, under its old id.
    for (const [id, stream] of this.#streams) {
      if (this.#asked.has(id) || !stream.again()) continue;
      this.#asked.set(id, stream);
      this.#underWay += stream.calls;
    }
    if (epochChanged) this.#known = 0;
  }

  /** Gives an answer to the one who asked. */
  handOut(answer: Answer): void {
    const { id, sub, seq, seqs, error } = answer;
    if (typeof id !== "number") {
      if (sub !== undefined) this.#streams.get(sub)?.arrived(answer);
      else if (answer.heartbeat !== undefined) this.#beat(answer);
      return;
    }
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#settled(asked);
    this.#outgoing.answered(asked);
    this.#knows(seq ?? (Array.isArray(seqs) ? seqs.at(-1) : undefined));
    if (error) asked.failed(toDsmqError(error, asked.topic));
    else asked.answered(answer);
  }

  /** Ends the streams, by this side's own doing or not. */
  endStreams(end: End, own: boolean): void {
    const error = this.#failure(end);
    for (const stream of [...this.#streams.values()]) stream.broken(error, own);
    this.#streams.clear();
  }

  /** Ends what only waits. */
  endWaits(end: End): void {
    for (const asked of [...this.#asked.values()]) {
      if (asked.action !== "get_wait") continue;
      this.#settled(asked);
      asked.failed(this.#failure(end, asked));
    }
  }

  /** Ends all. Whether a put that had left is stored is not known then. */
  end(end: End): void {
    const left = [...this.#asked.values()];
    this.#asked.clear();
    for (const asked of left) {
      const code = asked.action === "put" && asked.sent ? "unknown_outcome" : end.code;
      asked.failed(this.#failure({ ...end, code }, asked));
    }
    this.endStreams(end, false);
  }

  /** A sign of life: answers it, and notes how far everything is read. */
  #beat({ floor = 0, through = 0, seen = 0, lagging }: Partial<Heartbeat>): void {
    this.tell("heartbeat");
    if (!Array.isArray(lagging) || !Number.isSafeInteger(through)) return;
    this.#knows(through);
    for (const [id, stream] of this.#streams) {
      if (id <= seen && !lagging.includes(id)) stream.readThrough(through);
    }
    for (const asked of this.#asked.values()) {
      if (asked.action === "get_wait" && asked.id <= seen) {
        this.#cursors.read(asked.topic!, through);
      }
    }
    this.#cursors.gone(floor);
  }

  /** The server has given a sequence number. */
  #knows(seq: number | undefined): void {
    if (seq !== undefined && seq > this.#known && Number.isSafeInteger(seq)) this.#known = seq;
  }

  #settled(asked: Asked): void {
    this.#asked.delete(asked.id);
    this.#underWay -= asked.calls;
  }
}
