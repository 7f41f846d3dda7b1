/**
 * What a connection has asked and what it is told, over one line after another.
 *
 * @module
 */

import type { Answer, Heartbeat, Welcome } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Asked, Request, type Stream, toDsmqError, Told } from "./asked.ts";
import { codeOf, type Contact, isFinal, type Reach } from "./connecting.ts";
import { Cursors } from "./cursors.ts";
import { type Break, type Ends, HELLO, type Line } from "./line.ts";
import { Outgoing } from "./outgoing.ts";
import { States } from "./states.ts";

/** For how long to wait for the last answers, in milliseconds. */
const LAST_ANSWERS = 5000;

/** A server is given up that was not heard for so many of the intervals that it named. */
const PATIENCE = 3;

/** The end of a link: why nothing can be asked any more. */
interface End {
  readonly code: ErrorCode;
  readonly why: string;
}

/**
 * A link outlives the line that it uses: when that breaks, it looks for another, goes on where it was, and asks
 * again what was not answered.
 */
export class Link implements Ends {
  readonly cursors: Cursors;
  readonly states: States;
  readonly #reach: Reach;
  readonly #asked = new Map<number, Asked>();
  readonly #streams = new Map<number, Stream & Asked>();
  readonly #outgoing = new Outgoing((frame) => this.#line?.send(frame));
  readonly #givenUp = new AbortController();
  #line: Line | undefined;
  #url: string;
  #welcome: Welcome;
  #lastId = HELLO;
  #lastNumber = 0;
  /** How many calls are unanswered. */
  #underWay = 0;
  /** A sequence number that the server had given. */
  #known = 0;
  /** Resolves once nothing is asked any more; there while somebody waits for that. */
  #idle: PromiseWithResolvers<void> | undefined;
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
    asked.id = ++this.#lastId;
    asked.known = this.#known;
    if (this.#end) return asked.failed(this.#error(this.#end, asked));
    if (stream) this.#streams.set(asked.id, stream);
    this.#underWay += asked.calls;
    this.#add(asked);
  }

  /** Whether a request that was asked last has not left yet. */
  canGrow(asked: Asked): boolean {
    return !this.#end && this.#outgoing.canGrow(asked);
  }

  /** The request that was asked last has grown by a call of so many characters. */
  grew(size: number): void {
    this.#outgoing.grew(size, ++this.#underWay);
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

  /** Says something that has no answer; in vain while there is no line: the next one is told what counts then. */
  tell(action: string, members?: string): void {
    if (this.#line) this.#outgoing.add(new Told(action, members), this.#underWay);
  }

  /** Takes no more of a stream. */
  forget(id: number): void {
    this.#streams.delete(id);
  }

  /** Asks nothing more, waits a while until all was answered, and says goodbye. */
  async close(): Promise<void> {
    this.#shut();
    if (this.#asked.size > 0) {
      const idle = this.#idle ??= Promise.withResolvers<void>();
      const timer = setTimeout(idle.resolve, LAST_ANSWERS);
      await idle.promise;
      clearTimeout(timer);
    }
    this.#outgoing.flush();
    const line = this.#line;
    // The line first: what it still brings is heard.
    if (line) await line.close();
    this.#finish({ code: "closed", why: "it was closed" });
  }

  heard(answers: readonly Answer[] | undefined): void {
    this.#heard = true;
    if (!answers) {
      const end: End = { code: "bad_answer", why: "the server sent what is not of the protocol" };
      return this.#finish(end);
    }
    for (const answer of answers) this.#handOut(answer);
    this.#outgoing.flush();
    if (this.#asked.size === 0) this.#idle?.resolve();
  }

  broken(end: Break): void {
    this.#leaveLine();
    if (this.#givenUp.signal.aborted) return;
    const { why } = end;
    const code = codeOf(end);
    if (code && isFinal(code)) return this.#finish({ code, why });
    // One who says goodbye comes back only for what was put and has no answer.
    if (!this.#reach.again || (this.#end && this.#asked.size === 0)) {
      return this.#finish({ code: "closed", why });
    }
    this.states.become({ state: "reconnecting", url: this.#url, why });
    void this.#return(why);
  }

  #add(asked: Asked): void {
    this.#asked.set(asked.id, asked);
    if (this.#line) this.#outgoing.add(asked, this.#underWay);
  }

  /** Looks for another line, and goes on over it. */
  async #return(why: string): Promise<void> {
    try {
      const contact = await this.#reach.again!(() => this.cursors.hello(), this.#givenUp.signal);
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
    for (const asked of [...this.#asked.values()]) {
      const unsure = asked.action === "put" && asked.sent &&
        (epochChanged || asked.known < welcome.recalls);
      if (!unsure && asked.again()) continue;
      this.#settled(asked);
      if (!unsure) continue;
      const why = epochChanged
        ? "the server has lost its history"
        : "the server has forgotten what this session put";
      asked.failed(this.#error({ code: "unknown_outcome", why }, asked));
    }
    // An answered subscription is asked for again, under its old id.
    for (const [id, stream] of this.#streams) {
      if (!this.#asked.has(id) && stream.again()) this.#asked.set(id, stream);
    }
    if (epochChanged) this.#known = 0;
    this.#url = line.url;
    this.#take({ line, welcome });
    this.states.become({ state: "connected", url: line.url, epochChanged });
    if (this.#asked.size === 0) this.#idle?.resolve();
  }

  /** Goes on over a line, with what was asked and is unanswered before anything new. */
  #take({ line, welcome }: Contact): void {
    this.#welcome = welcome;
    this.#line = line;
    this.#known = Math.max(this.#known, welcome.start);
    const { inFlight, inFlightBytes, frameRequests } = welcome.limits;
    this.#outgoing.open({
      calls: inFlight ?? LIMITS.inFlight.usual,
      // The server counts characters, too, but may have some of the last frame besides.
      size: (inFlightBytes ?? LIMITS.inFlightBytes.usual) / 2,
      requests: frameRequests ?? LIMITS.frameRequests.usual,
    });
    for (const asked of [...this.#asked.values()].sort(byId)) {
      if (!asked.sent) asked.known = this.#known;
      this.#outgoing.add(asked, this.#underWay);
    }
    line.use(this);
    const { heartbeat } = welcome;
    if (heartbeat !== undefined && this.#line === line) {
      this.#heard = true;
      let silent = 0;
      this.#watch = setInterval(() => {
        silent = this.#heard ? 0 : silent + 1;
        this.#heard = false;
        if (silent >= PATIENCE) line.drop(`nothing was heard for ${PATIENCE * heartbeat} ms`);
      }, heartbeat);
    }
  }

  #leaveLine(): void {
    clearInterval(this.#watch);
    this.#line = undefined;
    this.#outgoing.close();
  }

  #shut(): void {
    if (this.#end) return;
    const end: End = { code: "closed", why: "it was closed" };
    this.#end = end;
    this.#endStreams(end, true);
    // What only waits is not waited for.
    for (const asked of [...this.#asked.values()]) {
      if (asked.action !== "get_wait") continue;
      this.#settled(asked);
      asked.failed(this.#error(end, asked));
    }
  }

  #handOut(answer: Answer): void {
    const { id, sub, seq, seqs, error } = answer;
    if (typeof id !== "number") {
      if (sub !== undefined) this.#streams.get(sub)?.arrived(answer);
      else if (answer.heartbeat !== undefined) this.#beat(answer as Answer & Heartbeat);
      return;
    }
    const asked = this.#asked.get(id);
    if (!asked) return;
    // The server goes, and so will the line: the next one is asked again.
    if (error?.code === "stopping" && this.#reach.again && !this.#end) return;
    this.#settled(asked);
    this.#outgoing.answered(asked);
    this.#knows(seq ?? (Array.isArray(seqs) ? seqs.at(-1) : undefined));
    if (error) asked.failed(toDsmqError(error, asked.topic));
    else asked.answered(answer);
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
        this.cursors.read(asked.topic!, through);
      }
    }
    this.cursors.gone(floor);
  }

  /** The server has given a sequence number. */
  #knows(seq: number | undefined): void {
    if (seq !== undefined && seq > this.#known && Number.isSafeInteger(seq)) this.#known = seq;
  }

  #settled(asked: Asked): void {
    this.#asked.delete(asked.id);
    this.#underWay -= asked.calls;
  }

  /** It is over, for good. */
  #finish(end: End): void {
    if (this.#givenUp.signal.aborted) return;
    this.#givenUp.abort();
    this.#line?.drop(end.why);
    this.#leaveLine();
    this.#end ??= end;
    const left = [...this.#asked.values()];
    this.#asked.clear();
    for (const asked of left) {
      // Whether it was stored before the break is not known.
      const code = asked.action === "put" && asked.sent ? "unknown_outcome" : end.code;
      asked.failed(this.#error({ ...end, code }, asked));
    }
    this.#endStreams(end, false);
    this.#idle?.resolve();
    this.states.become({ state: "closed", url: this.#url, why: end.why });
  }

  #endStreams(end: End, own: boolean): void {
    const error = this.#error(end, undefined);
    for (const stream of [...this.#streams.values()]) stream.broken(error, own);
    this.#streams.clear();
  }

  #error({ code, why }: End, asked: Pick<Asked, "action" | "topic"> | undefined): DsmqError {
    const what = asked ? `Cannot ${asked.action.replace("_", " ")}` : "Cannot read on";
    const details = asked?.topic === undefined ? {} : { topic: asked.topic };
    return new DsmqError(code, `${what}: no connection to ${this.#url}, ${why}`, details);
  }
}

function byId(one: Asked, other: Asked): number {
  return one.id - other.id;
}
