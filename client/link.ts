/**
 * One open socket: requests go out, answers come back to those who asked.
 *
 * @module
 */

import { type Answer, decodeAnswers } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { CLOSE, SUBPROTOCOL } from "../protocol/websocket.ts";
import { RefusedError } from "./deno/handshake.ts";
import { type Asker, type Growing, Request, type Stream, toDsmqError } from "./asker.ts";
import type { Socket } from "./options.ts";
import { Outgoing } from "./outgoing.ts";

/** For how long to wait for the last answers, and for the server's goodbye, in milliseconds. */
const LAST_ANSWERS = 5000;
const GOODBYE = 1000;

/** A socket in use. */
export class Link {
  readonly url: string;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Asker>();
  readonly #streams = new Map<number, Stream>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #outgoing: Outgoing;
  #lastId = 0;
  /** How many calls are unanswered. */
  #underWay = 0;
  /** Resolves once nothing is asked any more; there while somebody waits for that. */
  #idle: PromiseWithResolvers<void> | undefined;
  /** Why nothing can be asked any more. */
  #end: { readonly code: ErrorCode; readonly why: string } | undefined;

  private constructor(url: string, socket: Socket) {
    this.url = url;
    this.#socket = socket;
    this.#outgoing = new Outgoing((frame) => this.#send(frame));
    socket.onmessage = ({ data }) => this.#arrived(data);
    socket.onclose = ({ code, reason }) =>
      code === CLOSE.unauthorized
        ? this.#broken("the server closed it for want of a good token", "unauthorized")
        : this.#broken(`it was closed with code ${code}${reason && `, ${reason}`}`);
    // A close event follows and says the same.
    socket.onerror = () => {};
  }

  /**
   * Opens a socket, in one try.
   *
   * @param url the address
   * @param dial makes the socket
   * @param signal gives up when it aborts
   * @returns the link, or `undefined` if nobody answered; rejects if the signal aborted, or Deno has no leave
   */
  static async open(
    url: string,
    dial: (url: string, protocols: string[]) => Socket,
    signal: AbortSignal,
  ): Promise<Link | undefined> {
    signal.throwIfAborted();
    const socket = dial(url, [SUBPROTOCOL]);
    const opened = Promise.withResolvers<Link | undefined>();
    const abort = () => opened.reject(signal.reason);
    signal.addEventListener("abort", abort);
    // The link is there before anything can arrive.
    socket.onopen = () => opened.resolve(new Link(url, socket));
    socket.onclose = () => opened.resolve(undefined);
    socket.onerror = (event) => {
      const { error } = event as ErrorEvent;
      // To try again would not help.
      if (error?.name === "NotCapable" || error instanceof RefusedError) opened.reject(error);
      else opened.resolve(undefined);
    };
    try {
      return await opened.promise;
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * Asks for something.
   *
   * @param asker what is asked for, and who takes the answer
   * @param members all that the request says beside its action and id, as members of a JSON object, or what
   *   becomes that when the request leaves: its owner may add calls until then
   * @param stream takes what comes under the id of this request without being its answer
   * @returns the id
   */
  ask(asker: Asker, members: string | Growing, stream?: Stream): number {
    const id = ++this.#lastId;
    if (this.#end) {
      asker.failed(this.#error(this.#end.code, asker, this.#end.why));
      return id;
    }
    this.#pending.set(id, asker);
    if (stream) this.#streams.set(id, stream);
    this.#underWay++;
    const head = `{"action":"${asker.action}","id":${id}`;
    if (typeof members === "string") {
      const request = members === "" ? `${head}}` : `${head},${members}}`;
      this.#outgoing.add(request, request.length, this.#underWay);
    } else {
      const request = { toString: () => `${head},${members}}` };
      this.#outgoing.add(request, head.length + members.size, this.#underWay, members);
    }
    return id;
  }

  /** Whether a request that was asked last has not left yet. */
  canGrow(members: Growing): boolean {
    return !this.#end && this.#outgoing.canGrow(members);
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
   * @param members as for {@linkcode Link.ask}
   * @param make makes of the answer what is returned; what it throws is a rejection, too
   */
  request<T>(
    action: string,
    topic: string | undefined,
    members: string,
    make: (answer: Answer) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.ask(new Request(action, topic, make, resolve, reject), members);
    });
  }

  /** Throws if nothing can be asked any more. */
  requireOpen(asked: Asked): void {
    if (this.#end) throw this.#error(this.#end.code, asked, this.#end.why);
  }

  /** Says something that has no answer. */
  tell(action: string, members: string): void {
    if (this.#end) return;
    const request = `{"action":"${action}",${members}}`;
    this.#outgoing.add(request, request.length, this.#underWay);
  }

  /** Takes no more of a stream. */
  forget(id: number): void {
    this.#streams.delete(id);
  }

  /** Asks nothing more, waits a while until all was answered, and says goodbye. */
  async close(): Promise<void> {
    this.#shut();
    if (this.#pending.size > 0) {
      const idle = this.#idle ??= Promise.withResolvers<void>();
      const timer = setTimeout(idle.resolve, LAST_ANSWERS);
      await idle.promise;
      clearTimeout(timer);
    }
    await this.abandon();
  }

  /** Says goodbye at once; what was not answered rejects. */
  async abandon(): Promise<void> {
    this.#shut();
    this.#outgoing.flush();
    this.#socket.close(CLOSE.normal);
    // A server that does not answer is not waited for.
    const timer = setTimeout(() => this.#broken("it was closed"), GOODBYE);
    await this.#gone.promise;
    clearTimeout(timer);
  }

  #send(frame: string): void {
    try {
      this.#socket.send(frame);
    } catch (error) {
      // No WebSocket does that once it is open; but a caller may dial with something else.
      this.#broken(`it cannot be written to, ${error instanceof Error ? error.message : error}`);
      this.#socket.close();
    }
  }

  #shut(): void {
    if (this.#end) return;
    const [code, why] = ["closed", "it was closed"] as const;
    this.#end = { code, why };
    this.#endStreams(code, why, true);
    // What only waits is not waited for.
    for (const [id, asker] of this.#pending) {
      if (asker.action !== "get_wait") continue;
      this.#pending.delete(id);
      this.#underWay--;
      asker.failed(this.#error(code, asker, why));
    }
  }

  #arrived(data: unknown): void {
    const answers = decodeAnswers(data);
    if (!answers) {
      this.#broken("the server sent what is not of the protocol", "bad_answer");
      return this.#socket.close();
    }
    for (const answer of answers) this.#handOut(answer);
    if (this.#pending.size === 0) this.#idle?.resolve();
  }

  #handOut(answer: Answer): void {
    const { id, sub, error } = answer;
    if (typeof id !== "number") {
      if (sub !== undefined) this.#streams.get(sub)?.arrived(answer);
      return;
    }
    const asker = this.#pending.get(id);
    if (!asker) return;
    this.#pending.delete(id);
    this.#underWay -= asker.calls ?? 1;
    if (error) asker.failed(toDsmqError(error, asker.topic));
    else asker.answered(answer);
  }

  #broken(why: string, code: ErrorCode = "closed"): void {
    this.#end ??= { code, why };
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const asker of pending) {
      // Whether it was stored before the break is not known.
      asker.failed(this.#error(asker.action === "put" ? "unknown_outcome" : code, asker, why));
    }
    this.#endStreams(code, why, false);
    this.#idle?.resolve();
    this.#gone.resolve();
  }

  #endStreams(code: ErrorCode, why: string, own: boolean): void {
    const error = this.#error(code, undefined, why);
    for (const stream of [...this.#streams.values()]) stream.broken(error, own);
    this.#streams.clear();
  }

  #error(code: ErrorCode, asked: Asked | undefined, why: string): DsmqError {
    const what = asked ? `Cannot ${asked.action.replace("_", " ")}` : "Cannot read on";
    const details = asked?.topic === undefined ? {} : { topic: asked.topic };
    return new DsmqError(code, `${what}: no connection to ${this.url}, ${why}`, details);
  }
}

/** What was asked for, for an error. */
type Asked = Pick<Asker, "action" | "topic">;
