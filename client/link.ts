/**
 * One open socket: requests go out, answers come back to those who asked.
 *
 * @module
 */

import { type Answer, decodeAnswers } from "../protocol/answers.ts";
import { DsmqError, type DsmqErrorDetails, type ErrorCode } from "../protocol/errors.ts";
import { CLOSE, SUBPROTOCOL } from "../protocol/websocket.ts";
import type { Socket } from "./options.ts";

/** Someone who asks the server for something, and takes the answer: one of the two, once. */
export interface Asker {
  /** What is asked for, and of which topic. */
  readonly action: string;
  readonly topic: string | undefined;
  answered(answer: Answer): void;
  failed(error: DsmqError): void;
}

/** Takes what a stream brings. */
export interface Stream {
  /** A frame of messages, or the error that ends it. */
  arrived(answer: Answer): void;
  /** The link is gone, by this side's own doing or not. */
  broken(error: DsmqError, own: boolean): void;
}

/** With so many characters of requests a frame leaves at once: the server works on it while more are asked. */
const ENOUGH = 16 * 1024;

/** For how long to wait for the last answers, and for the server's goodbye, in milliseconds. */
const LAST_ANSWERS = 5000;
const GOODBYE = 1000;

/** A socket in use. What is asked in one turn of the event loop leaves together. */
export class Link {
  readonly url: string;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Asker>();
  readonly #streams = new Map<number, Stream>();
  readonly #gone = Promise.withResolvers<void>();
  #outgoing: string[] = [];
  #outgoingSize = 0;
  #lastId = 0;
  /** Resolves once nothing is asked any more; there while somebody waits for that. */
  #idle: PromiseWithResolvers<void> | undefined;
  /** Why nothing can be asked any more. */
  #end: { readonly code: ErrorCode; readonly why: string } | undefined;

  private constructor(url: string, socket: Socket) {
    this.url = url;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#arrived(data);
    socket.onclose = ({ code, reason }) =>
      this.#broken(`it was closed with code ${code}${reason && `, ${reason}`}`);
    // A close event follows and says the same.
    socket.onerror = () => {};
  }

  /**
   * Opens a socket, in one try.
   *
   * @param url the address
   * @param dial makes the socket
   * @param signal gives up when it aborts
   * @returns the link, or `undefined` if nobody answered; rejects if the signal aborted
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
    socket.onerror = socket.onclose = () => opened.resolve(undefined);
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
   * @param members all that the request says beside its action and id, as members of a JSON object
   * @param stream takes what comes under the id of this request without being its answer
   * @returns the id
   */
  ask(asker: Asker, members: string, stream?: Stream): number {
    const id = ++this.#lastId;
    if (this.#end) {
      asker.failed(this.#error(this.#end.code, asker, this.#end.why));
      return id;
    }
    this.#pending.set(id, asker);
    if (stream) this.#streams.set(id, stream);
    this.#send(`{"action":"${asker.action}","id":${id}${members && ","}${members}}`);
    return id;
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
    if (!this.#end) this.#send(`{"action":"${action}",${members}}`);
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
    this.#flush();
    this.#socket.close(CLOSE.normal);
    // A server that does not answer is not waited for.
    const timer = setTimeout(() => this.#broken("it was closed"), GOODBYE);
    await this.#gone.promise;
    clearTimeout(timer);
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
      asker.failed(this.#error(code, asker, why));
    }
  }

  #send(request: string): void {
    if (this.#outgoing.push(request) === 1) queueMicrotask(() => this.#flush());
    this.#outgoingSize += request.length;
    if (this.#outgoingSize >= ENOUGH) this.#flush();
  }

  #flush(): void {
    const requests = this.#outgoing;
    if (requests.length === 0) return;
    this.#outgoing = [];
    this.#outgoingSize = 0;
    this.#socket.send(requests.length === 1 ? requests[0]! : `[${requests.join(",")}]`);
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
    this.#pending.delete(id);
    if (error) asker?.failed(toDsmqError(error, asker.topic));
    else asker?.answered(answer);
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

/** A request of which something is made. */
class Request<T> implements Asker {
  readonly action: string;
  readonly topic: string | undefined;
  readonly #make: (answer: Answer) => T;
  readonly #resolve: (made: T) => void;
  readonly failed: (error: unknown) => void;

  constructor(
    action: string,
    topic: string | undefined,
    make: (answer: Answer) => T,
    resolve: (made: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.action = action;
    this.topic = topic;
    this.#make = make;
    this.#resolve = resolve;
    this.failed = reject;
  }

  answered(answer: Answer): void {
    try {
      this.#resolve(this.#make(answer));
    } catch (error) {
      this.failed(error);
    }
  }
}

/** What an object says, as the members of a JSON object. */
export function members(fields: object): string {
  return JSON.stringify(fields).slice(1, -1);
}

/** The server answered, but not what was asked. */
export function badAnswer(action: string, topic?: string): DsmqError {
  const details = topic === undefined ? {} : { topic };
  return new DsmqError(
    "bad_answer",
    `Cannot ${action}: the server's answer is not of the protocol`,
    details,
  );
}

/** An error that came over the wire, as the caller gets it. */
export function toDsmqError(
  { code, message, ...details }: { code: ErrorCode; message: string } & DsmqErrorDetails,
  topic?: string,
): DsmqError {
  return new DsmqError(code, message, topic === undefined ? details : { ...details, topic });
}
