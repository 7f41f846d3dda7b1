/**
 * What a connection has asked and has no answer to: it outlives the line on which it was asked.
 *
 * @module
 */

import type { Answer, Welcome } from "../protocol/answers.ts";
import { DsmqError } from "../protocol/errors.ts";
import { type Asked, badAnswer, Request, type Stream, toDsmqError } from "./asked.ts";
import { type AskedStream, AskedTable } from "./asked_table.ts";
import type { End, Failure } from "./failure.ts";
import type { Known, KnownPosition } from "./known.ts";
import type { PendingCalls } from "./pending_calls.ts";
import { SendBuffer } from "./send_buffer.ts";
import { SendWindow } from "./send_window.ts";

/** Requests go out over the line that there is, and answers find those who asked. */
export class InFlightRequests {
  readonly #pending: PendingCalls;
  readonly #known: KnownPosition;
  readonly #failure: Failure;
  readonly #window: SendWindow;
  readonly #buffer: SendBuffer;
  readonly #table: AskedTable;
  #open = false;
  /** On this connection nothing new is stored at or before this. */
  #lastStored = 0;
  #ended: End | undefined;

  /**
   * Begins with nothing, and no line.
   *
   * @param pending counts what is unanswered
   * @param known takes what the answers tell
   * @param send takes frames while there is a line
   * @param failure words an error
   */
  constructor(
    pending: PendingCalls,
    known: KnownPosition,
    send: (frame: string) => void,
    failure: Failure,
  ) {
    this.#pending = pending;
    this.#known = known;
    this.#failure = failure;
    this.#table = new AskedTable(pending);
    this.#window = new SendWindow(() => this.#probe());
    this.#buffer = new SendBuffer(
      this.#window,
      send,
      known,
      (part) => this.#table.add(part, undefined),
    );
  }

  /** Nothing is unanswered that somebody waits for. */
  get idle(): boolean {
    for (const { wanted } of this.#table.unanswered()) if (wanted) return false;
    return true;
  }

  /** Why nothing can be asked any more, if that is so. */
  get ended(): End | undefined {
    return this.#ended;
  }

  /** Throws if nothing can be asked any more. */
  requireOpen(asked: Pick<Asked, "action" | "topic">): void {
    if (this.#ended) throw this.#failure(this.#ended, asked);
  }

  /** There is a line. */
  get open(): boolean {
    return this.#open;
  }

  /** What was known before the oldest put was stored that is unanswered, if there is one. */
  get knownBeforePuts(): Known | undefined {
    const oldest = this.#table.oldestPut;
    return oldest && this.#known.before(oldest.known);
  }

  /** What has left, and may not have been done, or may be what is being done. */
  get unfinished(): Asked[] {
    return [...this.#table.unanswered()].filter((asked) =>
      asked.action !== "heartbeat" && this.#window.pending(asked)
    );
  }

  /**
   * Asks for something.
   *
   * @param asked what is asked for, and takes the answer
   * @param stream takes what comes under the id of this request without being its answer
   */
  ask(asked: Asked, stream?: AskedStream): void {
    if (this.#ended) return asked.failed(this.#failure(this.#ended, asked));
    this.#table.add(asked, stream);
    if (this.#open) this.#buffer.add(asked, this.#pending.underWay);
  }

  /** Whether what was asked last has not left yet, and may become larger. */
  canGrow(asked: Asked): boolean {
    if (this.#ended) return false;
    if (this.#open) return this.#buffer.canGrow(asked);
    return this.#table.newest === asked && !asked.sent && this.#buffer.holdsMore(asked);
  }

  /** What was asked last has grown by a call of so many characters. */
  grew(size: number): void {
    this.#pending.grew(size);
    if (this.#open) this.#buffer.grew(size, this.#pending.underWay);
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
    if (this.#table.find(asked.id) === asked) this.settle(asked);
    if (this.#open) this.#buffer.withdrew();
    return true;
  }

  /** Takes no more of a stream, and no answer for it; what it takes of the window it takes until that comes. */
  forget(id: number): void {
    this.#table.deleteStream(id);
    const asked = this.#table.find(id);
    if (asked && !this.withdraw(asked)) this.#table.abandon(asked);
  }

  /** Sends what was asked and has not left. */
  flush(): void {
    this.#buffer.flush();
  }

  /** What is unanswered under an id. */
  unanswered(id: number | undefined): Asked | undefined {
    return id === undefined ? undefined : this.#table.find(id);
  }

  /** Who takes what comes under an id without being its answer. */
  stream(sub: number | undefined): AskedStream | undefined {
    return sub === undefined ? undefined : this.#table.stream(sub);
  }

  /** Something is not in flight any more: whoever calls this tells it the outcome. */
  settle(asked: Asked): void {
    this.#table.delete(asked);
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
  resume(
    { recalled, limits, last }: Pick<Welcome, "recalled" | "limits" | "last">,
    frame?: number,
  ): void {
    this.#lastStored = last;
    const before = this.#table.takeAll();
    this.#open = true;
    this.#buffer.open(limits, frame);
    for (const asked of before) {
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
          this.#table.add(part, isStream(part) ? part : undefined);
          this.#buffer.add(part, this.#pending.underWay);
        }
      }
    }
  }

  /**
   * Gives an answer to the one who asked.
   *
   * @throws {DsmqError} `bad_answer`, if nobody asked for it, or it is not what was asked for
   */
  handOut(answer: Answer): void {
    const { id, sub, seq, seqs, error } = answer;
    const last = seq ?? seqs?.at(-1);
    this.#known.told(last ?? answer.through);
    if (typeof id !== "number") {
      if (sub !== undefined) this.#stream(sub)?.arrived(answer);
      return;
    }
    const asked = this.#table.find(id);
    if (!asked || asked.order === 0) {
      throw badAnswer("go on", undefined, `the server answers ${id}, which is not to be answered`);
    }
    this.settle(asked);
    this.#window.answered(asked);
    try {
      if (error) asked.refused(toDsmqError(error, asked.topic), answer);
      else {
        if (asked.action === "put") this.#stored(answer, last);
        asked.answered(answer);
      }
    } catch (thrown) {
      asked.failed(thrown);
      // Only the caller's own matter, unless the server is no server of this protocol.
      if (!(thrown instanceof DsmqError) || thrown.code === "bad_answer") throw thrown;
    }
  }

  /** Who takes what is streamed, if somebody still does. */
  #stream(sub: number): Stream | undefined {
    const table = this.#table;
    const stream = table.stream(sub);
    // What comes for a stream that was left is only late.
    if (sub <= table.lastId && !(stream && table.find(sub) === stream)) return stream;
    throw badAnswer("go on", undefined, `the server streams ${sub}, which it has not begun`);
  }

  /** A put was stored there: behind all that was stored before it was sent, unless it is a repetition. */
  #stored({ seq, seqs, dup }: Answer, last: number | undefined): void {
    if (last !== undefined && !dup) {
      if (!((seq ?? seqs![0]!) > this.#lastStored)) {
        throw badAnswer("put", undefined, `the server stores behind ${this.#lastStored}`);
      }
      this.#lastStored = last;
    }
    this.#known.stored(last);
  }

  /** Nothing more is asked. What only waits, and the streams, end; what else is unanswered is waited for. */
  stop(end: End): void {
    this.#ended = end;
    this.#endStreams(end, true);
    for (const asked of [...this.#table.unanswered()]) {
      if (asked.waits) asked.giveUp(this.#failure(end, asked));
    }
  }

  /** Ends all. Whether a put that had left is stored is not known then. */
  end(end: End): void {
    this.#ended ??= end;
    // The last first: or one who fails would leave what has arrived to those behind it.
    for (const asked of this.#table.takeUnanswered().reverse()) {
      const code = asked.action === "put" && asked.sent ? "unknown_outcome" : end.code;
      asked.failed(this.#failure({ ...end, code }, asked));
    }
    this.#endStreams(end, false);
  }

  /** Ends the streams, by this side's own doing or not. */
  #endStreams(end: End, own: boolean): void {
    const error = this.#failure(end);
    for (const stream of this.#table.takeStreams()) stream.broken(error, own);
  }

  /** Asks for nothing but an answer. */
  #probe(): Asked {
    const nothing = () => {};
    const probe = new Request("heartbeat", "", nothing, nothing, 0);
    this.#table.add(probe, undefined);
    return probe;
  }
}

function isStream(asked: Asked): asked is AskedStream {
  return "arrived" in asked;
}
