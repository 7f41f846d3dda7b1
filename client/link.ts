/**
 * The way to a server, over one line after another.
 *
 * @module
 */

import type { Answer, Welcome } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { type Asked, Request } from "./asked.ts";
import type { Reach, Tries } from "./connecting.ts";
import { Deadlines } from "./deadlines.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { type End, failureOf } from "./failure.ts";
import { InFlightRequests } from "./in_flight.ts";
import { Isolation } from "./isolation.ts";
import { KnownPosition } from "./known.ts";
import type { Break, Ends, Line } from "./line.ts";
import { codeOf, type Contact, isFinal } from "./one_try.ts";
import { PendingCalls } from "./pending_calls.ts";
import { Positions } from "./positions.ts";
import { ServerWatch } from "./server_watch.ts";
import { States } from "./states.ts";
import { StoreClock } from "./store_clock.ts";

/** For how long to wait for the last answers, in milliseconds. */
const LAST_ANSWERS = 5000;

/** A connection that was there for so long, in milliseconds, did not break at once. */
const STEADY = 1000;

/**
 * A link outlives the line that it uses: when that breaks, it looks for another, goes on where it was, and asks
 * again what was not answered.
 */
export class Link implements Ends {
  readonly positions: Positions;
  readonly states: States;
  readonly deadlines: Deadlines = new Deadlines();
  /** How far the server's messages go. */
  readonly known: KnownPosition = new KnownPosition();
  readonly storeClock: StoreClock = new StoreClock();
  /** What is asked, and has no answer yet. */
  readonly requests: InFlightRequests;
  /** Those who wait without a request of their own are told that it is over. */
  onFinish: (failure: (asked: Pick<Asked, "action" | "topic">) => DsmqError) => void = () => {};
  readonly #reach: Reach;
  readonly #pending: PendingCalls;
  readonly #watch = new ServerWatch();
  readonly #isolation = new Isolation(this.known);
  readonly #givenUp = new AbortController();
  /** The same as its signal says, which takes longer to ask for each answer. */
  #over = false;
  #line: Line | undefined;
  #url: string;
  #welcome: Welcome;
  #lastNumber = 0;
  /** Tries to come back since a connection was of use last. */
  #tries: Tries = { count: 0, away: 0 };
  /** When this connection began, and whether it was of use. */
  #begun = 0;
  #useful = false;
  /** Resolves once nothing is asked any more; there while somebody waits for that. */
  #idle: Deferred<void> | undefined;

  /**
   * Begins with an open line.
   *
   * @param contact the line, and what the server said of itself
   * @param reach finds the next line when this one breaks
   */
  constructor({ line, welcome }: Contact, reach: Reach) {
    this.#reach = reach;
    this.#url = line.url;
    this.#welcome = welcome;
    this.positions = new Positions(welcome, reach.since);
    this.states = new States({ state: "connected", url: line.url });
    this.#pending = new PendingCalls(reach.most);
    this.requests = new InFlightRequests(
      this.#pending,
      this.known,
      (frame) => this.#watch.send(frame),
      (end, asked) => failureOf(end, this.#url, asked),
    );
    this.#take({ line, welcome });
  }

  /** The address of the server. */
  get url(): string {
    return this.#url;
  }

  /** What the server said of itself. */
  get welcome(): Welcome {
    return this.#welcome;
  }

  /** What the server holds its clients to. */
  get limits(): Limits {
    return this.#welcome.limits;
  }

  /** There is a line to a server, as far as is known. */
  get connected(): boolean {
    return this.requests.open;
  }

  /**
   * Asks for something.
   *
   * @param action what is asked for
   * @param members what the request says, as members of a JSON object
   * @param make makes of the answer what is returned; what it throws is a rejection, too
   */
  request<T>(action: string, members: string, make: (answer: Answer) => T): Promise<T> {
    return new Promise((resolve) => {
      this.requests.ask(new Request(action, members, make, resolve));
    });
  }

  /**
   * Numbers puts, so that the server knows them again.
   *
   * @param count how many
   * @returns the number of the first; none without a session
   */
  number(count: number): number | undefined {
    if (this.#reach.session === undefined) return undefined;
    const first = this.#lastNumber + 1;
    this.#lastNumber += count;
    return first;
  }

  /** How many calls are unanswered. */
  get pending(): number {
    return this.#pending.calls;
  }

  /** Throws if so much is unanswered that nothing more can be asked for now. */
  requireRoom(action: string, topic?: string): void {
    if (this.#pending.isFull(this.connected)) throw this.#pending.full(action, topic, this.#url);
  }

  /** No frame is to be larger, unless one request or answer is; `undefined`: as usual. */
  get frameBytes(): number | undefined {
    return this.#isolation.frameBytes;
  }

  /** Asks nothing more, waits a while until all was answered, and says goodbye. */
  async close(): Promise<void> {
    if (!this.requests.ended) this.requests.stop({ code: "closed", why: "it was closed" });
    if (!this.requests.idle) {
      const idle = this.#idle ??= deferred<void>();
      const timer = setTimeout(idle.resolve, LAST_ANSWERS);
      await idle.promise;
      clearTimeout(timer);
    }
    // With nothing unanswered there will be nothing to repeat.
    if (this.requests.idle && this.#reach.session !== undefined) this.requests.tell("close");
    this.requests.flush();
    await this.#line?.close();
    this.#finish({ code: "closed", why: "it was closed" });
  }

  heard(answers: readonly Answer[] | undefined): void {
    this.#watch.heard();
    if (!answers) return this.#endBadly();
    try {
      this.#handOut(answers);
    } catch (error) {
      // Whatever it is: thrown into the handler of a socket it would end the program.
      return this.#endBadly(error);
    }
    this.requests.flush();
    if (this.#idle && this.requests.idle) this.#idle.resolve();
  }

  #handOut(answers: readonly Answer[]): void {
    this.#isolation.heard(answers);
    for (const answer of answers) {
      // An earlier one of these answers may have ended it.
      if (this.#over) return;
      // The server goes, and so will the line: the next one is asked again.
      if (answer.error?.code === "stopping" && this.#reach.again && !this.requests.ended) continue;
      // What only says that something will come was of no use yet.
      if (answer.ahead === undefined && answer.start === undefined) this.#useful = true;
      if (answer.heartbeat !== undefined && answer.id === undefined) this.#answerHeartbeat(answer);
      else if (answer.ahead !== undefined) this.#watch.announced(answer.ahead);
      else this.requests.handOut(answer);
    }
  }

  broken(end: Break): void {
    const { why } = end;
    const code = codeOf(end);
    const final = code && isFinal(code);
    if (!final && this.#reach.again) {
      try {
        // Who refuses one after another is there; but is asked no sooner for that.
        if (this.#isolation.ended(end, this.requests)) this.#tries.away = 0;
      } catch (error) {
        // What it had announced does not come, and is not of the protocol.
        return this.#endBadly(error);
      }
    }
    if (this.#useful) {
      this.#tries.away = 0;
      // A connection that breaks so soon each time does not shorten the wait, however useful it was.
      if (performance.now() - this.#begun >= STEADY) this.#tries.count = 0;
    }
    this.#leaveLine();
    if (this.#givenUp.signal.aborted) return;
    if (final) return this.#finish({ code, why });
    // One who says goodbye comes back only for what was asked and has no answer.
    if (!this.#reach.again || (this.requests.ended && this.requests.idle)) {
      return this.#finish({ code: "closed", why });
    }
    if (!this.requests.ended) this.states.become({ state: "reconnecting", url: this.#url, why });
    void this.#return(why);
  }

  /** Looks for another line, and goes on over it. */
  async #return(why: string): Promise<void> {
    const hello = () => ({
      since: this.positions.base,
      known: this.requests.knownBeforePuts,
      frameBytes: this.#isolation.frameBytes,
    });
    try {
      const contact = await this.#reach.again!(hello, this.#tries, this.#givenUp.signal);
      if (this.#givenUp.signal.aborted) void contact.line.close();
      else this.#resume(contact);
    } catch (error) {
      const { code, message } = error instanceof DsmqError
        ? error
        : { code: "closed" as const, message: String(error) };
      const final: ErrorCode = code === "unreachable" ? "closed" : code;
      this.#finish({ code: final, why: `${why}; ${message}` });
    }
  }

  #resume({ line, welcome }: Contact): void {
    const epochChanged = welcome.store !== this.#welcome.store;
    this.positions.begin(welcome);
    this.#url = line.url;
    if (!this.requests.ended) {
      this.states.become({ state: "connected", url: line.url, epochChanged });
    }
    this.#take({ line, welcome });
    if (this.#idle && this.requests.idle) this.#idle.resolve();
  }

  /** Goes on over a line. */
  #take({ line, welcome }: Contact): void {
    this.#begun = performance.now();
    this.#useful = false;
    this.#welcome = welcome;
    this.#line = line;
    this.storeClock.begin(welcome);
    this.known.begin(welcome);
    this.#watch.begin(welcome, line);
    this.requests.resume(welcome, this.#isolation.frameBytes);
    // It may have broken by now.
    line.use(this);
  }

  #answerHeartbeat({ time = 0, last, floor = 0 }: Answer): void {
    this.#watch.answer();
    this.known.told(last);
    this.positions.heard(time, floor);
    this.storeClock.tell(time);
  }

  #leaveLine(): void {
    this.#watch.end();
    this.#line = undefined;
    this.requests.suspend();
  }

  /** The server is no server of this protocol. */
  #endBadly(error?: unknown): void {
    const why = "the server sent what is not of the protocol";
    const detail = error instanceof Error ? error.message : error;
    this.#finish({ code: "bad_answer", why: detail === undefined ? why : `${why}: ${detail}` });
  }

  /** It is over, for good. */
  #finish(end: End): void {
    if (this.#over) return;
    this.#over = true;
    this.#givenUp.abort();
    this.#line?.drop(end.why);
    this.#leaveLine();
    this.requests.end(end);
    this.onFinish((asked) => failureOf(end, this.#url, asked));
    this.deadlines.stop();
    this.#idle?.resolve();
    this.states.become({ state: "closed", url: this.#url, why: end.why });
  }
}
