/**
 * One open socket to a server: frames go out, and frames come in.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { decodeAnswers } from "../protocol/decode_answers.ts";
import { DsmqError } from "../protocol/errors.ts";
import { WELCOME_BYTES } from "../protocol/limits.ts";
import { seen } from "../protocol/text.ts";
import { CLOSE, SUBPROTOCOL } from "../protocol/websocket.ts";
import { shownSentence, toDsmqError } from "./asked.ts";
import { ConnectError } from "./connect_error.ts";
import { deferred } from "./deferred.ts";
import type { Dial, Socket } from "./dial.ts";

/** How a line ended. */
export interface Break {
  /** The close code of RFC 6455; 1006 if it broke without a word. */
  readonly code: number;
  /** What the server said, or what happened. */
  readonly why: string;
}

/** Who uses a line. */
export interface Ends {
  /** A frame came; `undefined` if it is not of the protocol. */
  heard(answers: readonly Answer[] | undefined): void;
  /** It is over. Called once. */
  broken(end: Break): void;
}

/** How long the server has to answer a goodbye, in milliseconds. */
const GOODBYE = 1000;

/** The id of `hello`; what else is asked has larger ones. */
export const HELLO = 1;

/** An open socket. */
export class Line {
  /** Where it leads, without name and password. */
  readonly url: string;
  readonly #socket: Socket;
  readonly #over = deferred<Break>();
  #ends: Ends | undefined;
  /** What came while nobody used it. */
  readonly #early: (readonly Answer[] | undefined)[] = [];
  #end: Break | undefined;
  /** Its user knows that it is over. */
  #told = false;
  /** It was given up at this end. */
  #left = false;
  /** No frame of the server is larger, in bytes. */
  #largest = 0;

  private constructor(url: string, socket: Socket) {
    this.url = shownUrl(url);
    this.#socket = socket;
    this.takeUpTo(WELCOME_BYTES);
    socket.onmessage = ({ data }) => this.#heard(decodeAnswers(data, this.#largest));
    socket.onclose = ({ code, reason }) => this.#broken({ code, why: shownEnd(code, reason) });
    // A close event follows and says the same; but not that it is the server's fault.
    socket.onerror = (event) => {
      const { error } = event as Partial<ErrorEvent>;
      if (error instanceof DsmqError) this.#heard(undefined);
    };
  }

  /** From now on frames of up to so many bytes are taken; a larger one is a fault of the server. */
  takeUpTo(bytes: number): void {
    this.#largest = bytes;
    if ("largestMessage" in this.#socket) this.#socket.largestMessage = bytes;
  }

  /**
   * Opens a socket, in one try.
   *
   * @param url the address
   * @param dial makes the socket
   * @param signal gives up when it aborts
   * @returns the line
   * @throws {ConnectError} if it fails, also where the signal aborts, if the socket knows how far it had come; else
   *   the signal's reason, or that Deno does not permit it
   */
  static async open(url: string, dial: Dial, signal: AbortSignal): Promise<Line> {
    signal.throwIfAborted();
    const socket = requireSocket(dial(url, [SUBPROTOCOL]));
    const opened = deferred<Line>();
    const abort = () => {
      // One of ours says at once how far it had come.
      hangUp(socket);
      opened.reject(signal.reason);
    };
    signal.addEventListener("abort", abort);
    // The line is there before anything can arrive.
    socket.onopen = () => opened.resolve(new Line(url, socket));
    socket.onclose = ({ code, reason }) =>
      opened.reject(
        new ConnectError(
          `it was closed before it was open, with ${shownEnd(code, reason)}`,
          { reason: "unknown" },
        ),
      );
    socket.onerror = (event) => opened.reject(failureOf(event as Partial<ErrorEvent>));
    try {
      return await opened.promise;
    } catch (error) {
      hangUp(socket);
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * Says hello.
   *
   * @param fields what to say
   * @returns the answer; rejects with the error that was the answer, or with `closed` and the {@linkcode Break} as its cause
   */
  async greet(fields: object): Promise<Answer> {
    const answer = deferred<Answer>();
    this.use({
      heard: (answers) => {
        const found = answers?.find(({ id }) => id === HELLO);
        if (answers === undefined) {
          answer.reject(new DsmqError("bad_answer", "what it sends is not of the protocol"));
        } else if (found?.error) answer.reject(toDsmqError(found.error));
        else if (found) answer.resolve(found);
        if (!found) return;
        this.#ends = undefined;
        // What shares its frame is for whoever uses the line next.
        const rest = answers!.slice(answers!.indexOf(found) + 1);
        if (rest.length > 0) this.#early.push(rest);
      },
      broken: (end) => answer.reject(new DsmqError("closed", end.why, { cause: end })),
    });
    const progress = this.bytesReceived !== undefined || undefined;
    this.send(JSON.stringify({ action: "hello", id: HELLO, ...fields, progress }));
    return await answer.promise;
  }

  /** Gives it to someone, with what came meanwhile. */
  use(ends: Ends): void {
    this.#ends = ends;
    for (const answers of this.#early.splice(0)) {
      // It may be left in the midst of this; but what the other end said before it closed counts.
      if (!this.#left) ends.heard(answers);
    }
    if (this.#end && !this.#told) ends.broken(this.#end);
  }

  /** How many bytes have come so far, also of a frame that is not complete; `undefined` where that is not known. */
  get bytesReceived(): number | undefined {
    return this.#socket.bytesReceived;
  }

  /** How many bytes wait to leave; `undefined` where that is not known. */
  get unsent(): number | undefined {
    return this.#socket.bufferedAmount;
  }

  /** Sends a frame; in vain if it is over. */
  send(frame: string): void {
    try {
      this.#socket.send(frame);
    } catch (error) {
      // No WebSocket does that once it is open; but a caller may dial with something else.
      const why = `it cannot be written to, ${error instanceof Error ? error.message : error}`;
      this.drop(why);
    }
  }

  /** Says goodbye, and resolves when that is answered, or after a while. */
  async close(): Promise<void> {
    hangUp(this.#socket, CLOSE.normal);
    // A server that does not answer is not waited for.
    const timer = setTimeout(() => this.#broken({ code: 1006, why: "it was closed" }), GOODBYE);
    await this.#over.promise;
    clearTimeout(timer);
  }

  /** Gives it up at once. */
  drop(why: string): void {
    this.#left = true;
    this.#broken({ code: 1006, why });
    hangUp(this.#socket, CLOSE.normal);
  }

  #heard(answers: readonly Answer[] | undefined): void {
    if (this.#end) return;
    if (this.#ends) this.#ends.heard(answers);
    else this.#early.push(answers);
  }

  #broken(end: Break): void {
    if (this.#end) return;
    this.#end = end;
    this.#over.resolve(end);
    this.#told = this.#ends !== undefined;
    this.#ends?.broken(end);
  }
}

/** A caller's own `dial` may give anything: of what is no socket nothing would ever be heard. */
function requireSocket(socket: Socket): Socket {
  const { send, close, then } = Object(socket);
  if (typeof send === "function" && typeof close === "function") return socket;
  const got = typeof then === "function" ? "a promise" : seen(socket);
  throw new TypeError(`Cannot connect: dial must return a WebSocket, got ${got}`);
}

/** How a socket was closed, in words: a code says something only to who looks for a fault. */
function shownEnd(code: number, reason: string): string {
  const why = reason === "" ? ORDINARY_ENDS[code] ?? "" : shownSentence(reason);
  const behind = (mark: string) => why === "" ? "" : `${mark} ${why}`;
  if (code === CLOSE.abnormal) return `it broke off${behind(":")}`;
  if (Object.hasOwn(ORDINARY_ENDS, code)) return `it was closed${behind(":")}`;
  return `it was closed with code ${code}${behind(",")}`;
}

/** Codes of ends in good order, and what they say where there is no reason. */
const ORDINARY_ENDS: Readonly<Record<number, string>> = {
  [CLOSE.normal]: "",
  [CLOSE.goingAway]: "the server, or what is in between, is going away",
  [CLOSE.noCode]: "",
  [CLOSE.serviceRestart]: "the server is restarting",
};

/** Closes a socket; one that was made by a caller's own `dial` may throw at that, too, and is left. */
function hangUp(socket: Socket, code?: number): void {
  try {
    socket.close(code);
  } catch {
    // There is nothing more to be done about it.
  }
}

/** What a socket says of why it does not open; that of a browser says nothing. */
function failureOf({ error, message }: Partial<ErrorEvent>): Error {
  if (error instanceof ConnectError || error?.name === "NotCapable") return error;
  const why = message ? message : "the WebSocket does not say why, as in browsers";
  return new ConnectError(why, { reason: "unknown", cause: error });
}

/** An address as it may be shown: a name, a password and what stands behind a ? in it are for a proxy alone. */
export function shownUrl(address: string): string {
  const url = new URL(address);
  if (url.username === "" && url.password === "" && url.search === "") return address;
  url.username = url.password = "";
  return url.href.replace(/\?.*$/, "?…").replace(/(:\/\/[^/]+)\/$/, "$1");
}
