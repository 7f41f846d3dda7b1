/**
 * The way to a server, over one line after another.
 *
 * @module
 */

import type { Answer, Welcome } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { type Asked, Request, type Stream } from "./asked.ts";
import { codeOf, type Contact, isFinal, type Reach } from "./connecting.ts";
import { Cursors } from "./cursors.ts";
import { Desk, type End } from "./desk.ts";
import type { Break, Ends, Line } from "./line.ts";
import { States } from "./states.ts";

/** For how long to wait for the last answers, in milliseconds. */
const LAST_ANSWERS = 5000;

/** A server is given up that was not heard for so many of the intervals that it named. */
const PATIENCE = 3;

/**
 * A link outlives the line that it uses: when that breaks, it looks for another, goes on where it was, and asks
 * again what was not answered.
 */
export class Link implements Ends {
  readonly cursors: Cursors;
  readonly states: States;
  readonly #reach: Reach;
  readonly #desk: Desk;
  readonly #givenUp = new AbortController();
  #line: Line | undefined;
  #url: string;
  #welcome: Welcome;
  #lastNumber = 0;
  /** Resolves once nothing is asked any more; there while somebody waits for that. */
  #idle: PromiseWithResolvers<void> | undefined;
  /** Why nothing can be asked any more. */
  #end: End | undefined;
  #heard = true;
  #watch: ReturnType<typeof setInterval> | undefined;

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
    this.cursors = new Cursors(welcome, reach.since);
    this.states = new States({ state: "connected", url: line.url });
    this.#desk = new Desk(
      this.cursors,
      (frame) => this.#line?.send(frame),
      (end, asked) => this.#error(end, asked),
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

  /**
   * Asks for something.
   *
   * @param asked what is asked for, and takes the answer
   * @param stream takes what comes under the id of this request without being its answer
   */
  ask(asked: Asked, stream?: Stream & Asked): void {
    if (this.#end) asked.failed(this.#error(this.#end, asked));
    else this.#desk.ask(asked, stream);
  }

  /**
   * Asks for something.
   *
   * @param action what is asked for
   * @param topic of which topic, for errors
   * @param members what the request says beside its action and id, as members of a JSON object
   * @param make makes of the answer what is returned; what it throws is a rejection, too
   */
  request<T>(
    action: string,
    topic: string | undefined,
    members: string,
    make: (answer: Answer) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.ask(new Request(action, topic, members, make, resolve, reject));
    });
  }

  /** Whether what was asked last has not left yet. */
  canGrow(asked: Asked): boolean {
    return !this.#end && this.#desk.canGrow(asked);
  }

  /** What was asked last has grown by a call of so many characters. */
  grew(size: number): void {
    this.#desk.grew(size);
  }

  /** Says something that has no answer. */
  tell(action: string, members?: string): void {
    this.#desk.tell(action, members);
  }

  /** Takes no more of a stream. */
  forget(id: number): void {
    this.#desk.forget(id);
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

  /** Throws if nothing can be asked any more. */
  requireOpen(asked: Pick<Asked, "action" | "topic">): void {
    if (this.#end) throw this.#error(this.#end, asked);
  }

  /** Asks nothing more, waits a while until all was answered, and says goodbye. */
  async close(): Promise<void> {
    if (!this.#end) {
      const end: End = { code: "closed", why: "it was closed" };
      this.#end = end;
      this.#desk.endStreams(end, true);
      // What only waits is not waited for.
      this.#desk.endWaits(end);
    }
    if (!this.#desk.idle) {
      const idle = this.#idle ??= Promise.withResolvers<void>();
      const timer = setTimeout(idle.resolve, LAST_ANSWERS);
      await idle.promise;
      clearTimeout(timer);
    }
    this.#desk.flush();
    // The line first: what it still brings is heard.
    await this.#line?.close();
    this.#finish({ code: "closed", why: "it was closed" });
  }

  heard(answers: readonly Answer[] | undefined): void {
    this.#heard = true;
    if (!answers) {
      const why = "the server sent what is not of the protocol";
      return this.#finish({ code: "bad_answer", why });
    }
    for (const answer of answers) {
      // The server goes, and so will the line: the next one is asked again.
      const goes = answer.error?.code === "stopping" && this.#reach.again && !this.#end;
      if (!goes) this.#desk.handOut(answer);
    }
    this.#desk.flush();
    if (this.#desk.idle) this.#idle?.resolve();
  }

  broken(end: Break): void {
    this.#leaveLine();
    if (this.#givenUp.signal.aborted) return;
    const { why } = end;
    const code = codeOf(end);
    if (code && isFinal(code)) return this.#finish({ code, why });
    // One who says goodbye comes back only for what was asked and has no answer.
    if (!this.#reach.again || (this.#end && this.#desk.idle)) {
      return this.#finish({ code: "closed", why });
    }
    this.states.become({ state: "reconnecting", url: this.#url, why });
    void this.#return(why);
  }

  /** Looks for another line, and goes on over it. */
  async #return(why: string): Promise<void> {
    try {
      const contact = await this.#reach.again!(() => this.cursors.hellos(), this.#givenUp.signal);
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
    const epochChanged = welcome.epoch !== this.#welcome.epoch;
    this.cursors.renewed(welcome);
    this.#desk.sift(welcome, epochChanged);
    this.#url = line.url;
    this.#take({ line, welcome });
    this.states.become({ state: "connected", url: line.url, epochChanged });
    if (this.#desk.idle) this.#idle?.resolve();
  }

  /** Goes on over a line. */
  #take({ line, welcome }: Contact): void {
    this.#welcome = welcome;
    this.#line = line;
    this.#desk.open(welcome);
    line.use(this);
    // It may have broken by now.
    if (this.#line === line && welcome.heartbeat !== undefined) {
      this.#watchOver(line, welcome.heartbeat);
    }
  }

  /** Leaves a line on which nothing is heard. */
  #watchOver(line: Line, every: number): void {
    let silent = 0;
    this.#heard = true;
    this.#watch = setInterval(() => {
      silent = this.#heard ? 0 : silent + 1;
      this.#heard = false;
      if (silent >= PATIENCE) line.drop(`nothing was heard for ${PATIENCE * every} ms`);
    }, every);
  }

  #leaveLine(): void {
    clearInterval(this.#watch);
    this.#line = undefined;
    this.#desk.suspend();
  }

  /** It is over, for good. */
  #finish(end: End): void {
    if (this.#givenUp.signal.aborted) return;
    this.#givenUp.abort();
    this.#line?.drop(end.why);
    this.#leaveLine();
    this.#end ??= end;
    this.#desk.end(end);
    this.#idle?.resolve();
    this.states.become({ state: "closed", url: this.#url, why: end.why });
  }

  #error({ code, why }: End, asked?: Pick<Asked, "action" | "topic">): DsmqError {
    const what = asked ? `Cannot ${asked.action.replace("_", " ")}` : "Cannot read on";
    const details = asked?.topic === undefined ? {} : { topic: asked.topic };
    return new DsmqError(code, `${what}: no connection to ${this.#url}, ${why}`, details);
  }
}
