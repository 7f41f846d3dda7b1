/**
 * What a connection has asked and has no answer to: it outlives the line on which it was asked.
 *
 * @module
 */

import type { Answer, Welcome } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { Asked, type Known, Request, type Stream, toDsmqError } from "./asked.ts";
import { isRefusal, MAX_BREAKS, refusal } from "./isolation.ts";
import { type Break, HELLO } from "./line.ts";
import type { PendingLimits } from "./options.ts";
import { SendBuffer } from "./send_buffer.ts";

/** Why something ends: the code of the error, and the reason in words. */
export interface End {
  readonly code: ErrorCode;
  readonly why: string;
}

/** Words an error for one who asked, or for a stream. */
export type Failure = (end: End, asked?: Pick<Asked, "action" | "topic">) => DsmqError;

/** About what a call takes beside its text, in bytes. */
const CALL_BYTES = 100;

/** Requests go out over the line that there is, and answers find those who asked. */
export class InFlightRequests {
  readonly #failure: Failure;
  readonly #buffer: SendBuffer;
  /** In the order in which they were asked. */
  #asked = new Map<number, Asked>();
  #streams = new Map<number, Stream & Asked>();
  #open = false;
  #lastId = HELLO;
  /** How many calls are unanswered, without those that wait. */
  #underWay = 0;
  /** How many there are in all, and about how many characters have those that are puts. */
  #calls = 0;
  #size = 0;
  #rank = 0;
  /** What was asked last. */
  #newest: Asked | undefined;
  /** The largest sequence number that the server has told, and its epoch. */
  #epoch = "";
  #seq = 0;
  /** Both together, until one of them changes. */
  #known: Known | undefined;
  /** Where the last put was stored that was answered. */
  #lastPut: Known = { epoch: "", seq: 0 };

  /**
   * Begins with nothing, and no line.
   *
   * @param send takes frames while there is a line
   * @param failure words an error
   */
  constructor(send: (frame: string) => void, failure: Failure) {
    this.#buffer = new SendBuffer(
      send,
      () => this.#probe(),
      () => this.known,
      (part) => this.#register(part, undefined),
    );
    this.#failure = failure;
  }

  /** Nothing is unanswered that somebody waits for. */
  get idle(): boolean {
    for (const { wanted } of this.#asked.values()) if (wanted) return false;
    return true;
  }

  /** How many calls are unanswered. */
  get calls(): number {
    return this.#calls;
  }

  /** About how many bytes these take. */
  get bytes(): number {
    return this.#size + CALL_BYTES * this.#calls;
  }

  /** As much is unanswered as may be. */
  isFull(most: PendingLimits): boolean {
    return this.bytes >= most.bytes || (!this.#open && this.#calls >= most.calls);
  }

  /** There is a line. */
  get open(): boolean {
    return this.#open;
  }

  /** The largest sequence number that the server has told, and its epoch. */
  get known(): Known {
    return this.#known ??= { epoch: this.#epoch, seq: this.#seq };
  }

  /** The server has told a sequence number. */
  knows(seq: number | undefined): void {
    if (seq === undefined || !(seq > this.#seq) || !Number.isSafeInteger(seq)) return;
    this.#seq = seq;
    this.#known = undefined;
  }

  /**
   * What was known before the oldest put was stored that is unanswered, if there is one: what was known when it left, and
   * where those were stored that were answered, for they come before it.
   */
  get knownBeforePuts(): Known | undefined {
    let oldest: Asked | undefined;
    for (const asked of this.#asked.values()) {
      if (asked.action !== "put" || !asked.sent) continue;
      if (!oldest || asked.rank < oldest.rank) oldest = asked;
    }
    if (!oldest) return undefined;
    const { known } = oldest;
    const { epoch, seq } = this.#lastPut;
    return epoch === known?.epoch && seq > known.seq ? this.#lastPut : known;
  }

  /** Takes what is asked for; a stream takes what comes under its id without being the answer. */
  ask(asked: Asked, stream?: Stream & Asked): void {
    this.#register(asked, stream);
    if (this.#open) this.#buffer.add(asked, this.#underWay);
  }

  /** Whether what was asked last has not left yet, and may become larger. */
  canGrow(asked: Asked): boolean {
    if (this.#open) return this.#buffer.canGrow(asked);
    return this.#newest === asked && !asked.sent && this.#buffer.holdsMore(asked);
  }

  /** What was asked last has grown by a call of so many characters. */
  grew(size: number): void {
    this.#calls++;
    this.#size += size;
    this.#underWay++;
    if (this.#open) this.#buffer.grew(size, this.#underWay);
  }

  /** Sends a request that has no answer, if there is a line: the next one is told what counts then. */
  tell(action: string, members?: string): void {
    if (!this.#open) return;
    this.#buffer.control(members ? `{"action":"${action}",${members}}` : `{"action":"${action}"}`);
  }

  /** Nobody is interested in an answer any more: whether there will be none. */
  withdraw(asked: Asked): boolean {
    if (asked.order > 0 && this.#open) return false;
    asked.withdrawn = true;
    if (this.#asked.get(asked.id) === asked) this.#settled(asked);
    if (this.#open) this.#buffer.withdrew();
    return true;
  }

  /** Takes no more of a stream, and no answer for it; what it takes of the window it takes until that comes. */
  forget(id: number): void {
    this.#streams.delete(id);
    const asked = this.#asked.get(id);
    if (asked && !this.withdraw(asked)) this.#asked.set(id, new Abandoned(asked));
  }

  /** Sends what was asked and has not left. */
  flush(): void {
    this.#buffer.flush();
  }

  /**
   * The connection is over. If it was closed for what it carried, what can have been the reason goes alone from now on;
   * what did so already fails, if nothing else can have been it.
   *
   * @param end how it ended
   * @param coming what the server had announced, and did not arrive
   * @returns whether several requests can have been the reason, whether something goes alone now, and whether it was found
   */
  accuse(
    end: Break,
    coming: Answer | undefined,
  ): { several: boolean; suspects: boolean; found: boolean } {
    const pending = [...this.#asked.values()].filter((asked) =>
      asked.action !== "heartbeat" && this.#buffer.pending(asked)
    );
    const several = pending.length > 1 || pending.some(({ calls }) => calls > 1);
    let found = false;
    if (coming && isRefusal(end)) found = this.#accuseComing(coming, end);
    else if (isRefusal(end) && !several && pending[0]?.suspect) {
      const [asked] = pending as [Asked];
      this.#settled(asked);
      asked.failed(refusal(asked, end, "sent"));
      found = true;
    } else {
      for (const asked of pending) {
        if (++asked.breaks >= MAX_BREAKS || isRefusal(end)) asked.suspect = true;
      }
    }
    return { several, suspects: pending.some(({ suspect }) => suspect), found };
  }

  #accuseComing({ answers, sub, through }: Answer, end: Break): boolean {
    const stream = sub === undefined ? undefined : this.#streams.get(sub);
    const asked = answers === undefined ? stream : this.#asked.get(answers);
    if (!asked) return false;
    if (!asked.suspect || asked.calls > 1) {
      asked.suspect = true;
      return false;
    }
    const { seq: last } = this.known;
    const error = refusal(asked, end, "answered", { last });
    const { code, message } = error;
    const at = through === undefined ? {} : { through };
    if (stream) stream.arrived({ sub: sub!, error: { code, message, last }, ...at });
    else {
      this.#settled(asked);
      asked.refused(error, at);
    }
    return true;
  }

  /** There is no line. */
  suspend(): void {
    this.#open = false;
    this.#buffer.close();
  }

  /**
   * There is a line: streams that were under way, and what is unanswered, are asked for again in their order, before
   * anything new. Puts whose outcome nobody can know fail.
   */
  resume({ epoch, last, recalled, limits }: Welcome, frame?: number): void {
    if (epoch !== this.#epoch) [this.#epoch, this.#seq, this.#known] = [epoch, 0, undefined];
    this.knows(last);
    // What comes after the first part of a list was asked with it.
    const unanswered = [...this.#asked.values()].sort((one, other) => one.rank - other.rank);
    const streams = [...this.#streams.values()].filter((stream) =>
      this.#asked.get(stream.id) !== stream
    );
    this.#asked = new Map();
    this.#streams = new Map();
    this.#underWay = this.#calls = this.#size = 0;
    this.#open = true;
    this.#buffer.open(limits, frame);
    for (const asked of [...streams, ...unanswered]) {
      if (asked.action === "put" && asked.sent && recalled !== true) {
        asked.failed(
          new DsmqError(
            "unknown_outcome",
            "Cannot tell whether the message is stored: the server does not know any more what this session put",
            asked.topic === undefined ? {} : { topic: asked.topic },
          ),
        );
      } else if (asked.again()) {
        for (const part of asked.within(limits, frame ?? Infinity)) {
          this.#register(part, isStream(part) ? part : undefined);
          this.#buffer.add(part, this.#underWay);
        }
      }
    }
  }

  /** Gives an answer to the one who asked. */
  handOut(answer: Answer): void {
    const { id, sub, seq, seqs, error } = answer;
    const last = seq ?? (Array.isArray(seqs) ? seqs.at(-1) : undefined);
    this.knows(last ?? answer.through);
    if (typeof id !== "number") {
      if (sub !== undefined) this.#streams.get(sub)?.arrived(answer);
      return;
    }
    const asked = this.#asked.get(id);
    if (!asked || asked.order === 0) return;
    this.#settled(asked);
    this.#buffer.answered(asked);
    if (asked.action === "put" && Number.isSafeInteger(last)) {
      this.#lastPut = { epoch: this.#epoch, seq: last! };
    }
    if (error) asked.refused(toDsmqError(error, asked.topic), answer);
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
      if (asked.waits) asked.giveUp(this.#failure(end, asked));
    }
  }

  /** Ends all. Whether a put that had left is stored is not known then. */
  end(end: End): void {
    const left = [...this.#asked.values()];
    this.#asked.clear();
    this.#calls = this.#size = 0;
    // The last first: or one who fails would leave what has arrived to those behind it.
    for (const asked of left.reverse()) {
      const code = asked.action === "put" && asked.sent ? "unknown_outcome" : end.code;
      asked.failed(this.#failure({ ...end, code }, asked));
    }
    this.endStreams(end, false);
  }

  #register(asked: Asked, stream: (Stream & Asked) | undefined): void {
    asked.id = ++this.#lastId;
    asked.withdrawn = false;
    asked.order = 0;
    asked.rank ||= ++this.#rank;
    this.#newest = asked;
    this.#calls += asked.calls;
    if (asked.action === "put") this.#size += asked.size;
    if (stream) this.#streams.set(asked.id, stream);
    // One who waits keeps the server from nothing.
    if (!asked.waits) this.#underWay += asked.calls;
    this.#asked.set(asked.id, asked);
  }

  /** Asks for nothing but an answer. */
  #probe(): Asked {
    const nothing = () => {};
    const probe = new Request("heartbeat", "", nothing, nothing, nothing, 0);
    this.#register(probe, undefined);
    return probe;
  }

  #settled(asked: Asked): void {
    this.#asked.delete(asked.id);
    this.#calls -= asked.calls;
    if (asked.action === "put") this.#size -= asked.size;
    if (!asked.waits) this.#underWay -= asked.calls;
  }
}

/** In the place of a request whose answer is nobody's. */
class Abandoned extends Asked {
  readonly action: string;
  readonly topic = undefined;
  readonly size = 0;
  readonly calls: number;

  constructor({ action, calls, id, order, suspect, weight }: Asked) {
    super();
    this.action = action;
    this.calls = calls;
    this.id = id;
    this.order = order;
    this.suspect = suspect;
    this.weight = weight;
  }

  override get wanted(): boolean {
    return false;
  }

  protected members(): string {
    return "";
  }

  override again(): boolean {
    return false;
  }

  answered(): void {}
  failed(): void {}
}

function isStream(asked: Asked): asked is Asked & Stream {
  return "arrived" in asked;
}
