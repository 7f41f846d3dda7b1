/**
 * One open socket to a server: frames go out, and frames come in.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";
import { decodeReplies } from "../protocol/decode_replies.ts";
import { DsmqError } from "../protocol/errors.ts";
import { MAX_WELCOME_BYTES } from "../protocol/limits.ts";
import { formatValue } from "../protocol/text.ts";
import { CLOSE_CODE, SUBPROTOCOL } from "../protocol/websocket.ts";
import { printableSentence, toDsmqError } from "./pending_request.ts";
import { ConnectError } from "./connect_error.ts";
import { deferred } from "./deferred.ts";
import type { Dial, Socket } from "./dial.ts";

/** How a line ended. */
export interface SocketClose {
  /** The close code of RFC 6455; 1006 if it broke without a word. */
  readonly code: number;
  /** What the server said, or what happened. */
  readonly reason: string;
}

/** Who uses a line. */
export interface TransportHandler {
  /** A frame came; `undefined` if it is not of the protocol. */
  onFrame(replies: readonly Reply[] | undefined): void;
  /** It is over. Called once. */
  onClose(close: SocketClose): void;
}

/** How long the server has to answer a goodbye, in milliseconds. */
const CLOSE_TIMEOUT = 1000;

/** The id of `hello`; what else is asked has larger ones. */
export const HELLO_ID = 1;

/** An open socket. */
export class ClientSocket {
  /** Where it leads, without name and password. */
  readonly url: string;
  readonly #socket: Socket;
  readonly #closed = deferred<SocketClose>();
  #handler: TransportHandler | undefined;
  /** What came while nobody used it. */
  readonly #earlyFrames: (readonly Reply[] | undefined)[] = [];
  #closeEvent: SocketClose | undefined;
  /** Its user knows that it is over. */
  #isCloseDelivered = false;
  /** It was given up at this end. */
  #isAborted = false;
  /** No frame of the server is larger, in bytes. */
  #maxFrameBytes = 0;

  private constructor(url: string, socket: Socket) {
    this.url = redactUrl(url);
    this.#socket = socket;
    this.setMaxFrameBytes(MAX_WELCOME_BYTES);
    socket.onmessage = ({ data }) => this.#onFrame(decodeReplies(data, this.#maxFrameBytes));
    socket.onclose = ({ code, reason }) =>
      this.#onClose({ code, reason: describeClose(code, reason) });
    // A close event follows and says the same; but not that it is the server's fault.
    socket.onerror = (event) => {
      const { error } = event as Partial<ErrorEvent>;
      if (error instanceof DsmqError) this.#onFrame(undefined);
    };
  }

  /** From now on frames of up to so many bytes are taken; a larger one is a fault of the server. */
  setMaxFrameBytes(bytes: number): void {
    this.#maxFrameBytes = bytes;
    if ("maxMessageBytes" in this.#socket) this.#socket.maxMessageBytes = bytes;
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
  static async open(url: string, dial: Dial, signal: AbortSignal): Promise<ClientSocket> {
    signal.throwIfAborted();
    const socket = requireSocket(dial(url, [SUBPROTOCOL]));
    const opened = deferred<ClientSocket>();
    const onAbort = () => {
      // One of ours says at once how far it had come.
      closeQuietly(socket);
      opened.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    // The line is there before anything can arrive.
    socket.onopen = () => opened.resolve(new ClientSocket(url, socket));
    socket.onclose = ({ code, reason }) =>
      opened.reject(
        new ConnectError(
          `it was closed before it was open, with ${describeClose(code, reason)}`,
          { reason: "unknown" },
        ),
      );
    socket.onerror = (event) => opened.reject(openError(event as Partial<ErrorEvent>));
    try {
      return await opened.promise;
    } catch (error) {
      closeQuietly(socket);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Says hello.
   *
   * @param fields what to say
   * @returns the answer; rejects with the error that was the answer, or with `closed` and the {@linkcode SocketClose} as its cause
   */
  async hello(fields: object): Promise<Reply> {
    const reply = deferred<Reply>();
    this.attach({
      onFrame: (replies) => {
        const found = replies?.find(({ id }) => id === HELLO_ID);
        if (replies === undefined) {
          reply.reject(new DsmqError("protocol_error", "what it sends is not of the protocol"));
        } else if (found?.error) reply.reject(toDsmqError(found.error));
        else if (found) reply.resolve(found);
        if (!found) return;
        this.#handler = undefined;
        // What shares its frame is for whoever uses the line next.
        const remaining = replies!.slice(replies!.indexOf(found) + 1);
        if (remaining.length > 0) this.#earlyFrames.push(remaining);
      },
      onClose: (close) => reply.reject(new DsmqError("closed", close.reason, { cause: close })),
    });
    const progress = this.bytesReceived !== undefined || undefined;
    this.send(JSON.stringify({ action: "hello", id: HELLO_ID, ...fields, progress }));
    return await reply.promise;
  }

  /** Gives it to someone, with what came meanwhile. */
  attach(handler: TransportHandler): void {
    this.#handler = handler;
    for (const replies of this.#earlyFrames.splice(0)) {
      // It may be left in the midst of this; but what the other end said before it closed counts.
      if (!this.#isAborted) handler.onFrame(replies);
    }
    if (this.#closeEvent && !this.#isCloseDelivered) handler.onClose(this.#closeEvent);
  }

  /** How many bytes have come so far, also of a frame that is not complete; `undefined` where that is not known. */
  get bytesReceived(): number | undefined {
    return this.#socket.bytesReceived;
  }

  /** How many bytes wait to leave; `undefined` where that is not known. */
  get bufferedBytes(): number | undefined {
    return this.#socket.bufferedAmount;
  }

  /** Sends a frame; in vain if it is over. */
  send(frame: string): void {
    try {
      this.#socket.send(frame);
    } catch (error) {
      // No WebSocket does that once it is open; but a caller may dial with something else.
      const reason = `it cannot be written to, ${error instanceof Error ? error.message : error}`;
      this.abort(reason);
    }
  }

  /** Says goodbye, and resolves when that is answered, or after a while. */
  async close(): Promise<void> {
    closeQuietly(this.#socket, CLOSE_CODE.normal);
    // A server that does not answer is not waited for.
    const timer = setTimeout(
      () => this.#onClose({ code: 1006, reason: "it was closed" }),
      CLOSE_TIMEOUT,
    );
    await this.#closed.promise;
    clearTimeout(timer);
  }

  /** Gives it up at once. */
  abort(reason: string): void {
    this.#isAborted = true;
    this.#onClose({ code: 1006, reason });
    closeQuietly(this.#socket, CLOSE_CODE.normal);
  }

  #onFrame(replies: readonly Reply[] | undefined): void {
    if (this.#closeEvent) return;
    if (this.#handler) this.#handler.onFrame(replies);
    else this.#earlyFrames.push(replies);
  }

  #onClose(close: SocketClose): void {
    if (this.#closeEvent) return;
    this.#closeEvent = close;
    this.#closed.resolve(close);
    this.#isCloseDelivered = this.#handler !== undefined;
    this.#handler?.onClose(close);
  }
}

/** A caller's own `dial` may give anything: of what is no socket nothing would ever be heard. */
function requireSocket(socket: Socket): Socket {
  const { send, close, then } = Object(socket);
  if (typeof send === "function" && typeof close === "function") return socket;
  const got = typeof then === "function" ? "a promise" : formatValue(socket);
  throw new TypeError(`Cannot connect: dial must return a WebSocket, got ${got}`);
}

/** How a socket was closed, in words: a code says something only to who looks for a fault. */
function describeClose(code: number, reason: string): string {
  const text = reason === "" ? CLOSE_TEXTS[code] ?? "" : printableSentence(reason);
  const suffix = (mark: string) => text === "" ? "" : `${mark} ${text}`;
  if (code === CLOSE_CODE.abnormal) return `it broke off${suffix(":")}`;
  if (Object.hasOwn(CLOSE_TEXTS, code)) return `it was closed${suffix(":")}`;
  return `it was closed with code ${code}${suffix(",")}`;
}

/** Codes of ends in good order, and what they say where there is no reason. */
const CLOSE_TEXTS: Readonly<Record<number, string>> = {
  [CLOSE_CODE.normal]: "",
  [CLOSE_CODE.goingAway]: "the server, or what is in between, is going away",
  [CLOSE_CODE.noCode]: "",
  [CLOSE_CODE.serviceRestart]: "the server is restarting",
};

/** Closes a socket; one that was made by a caller's own `dial` may throw at that, too, and is left. */
function closeQuietly(socket: Socket, code?: number): void {
  try {
    socket.close(code);
  } catch {
    // There is nothing more to be done about it.
  }
}

/** What a socket says of why it does not open; that of a browser says nothing. */
function openError({ error, message }: Partial<ErrorEvent>): Error {
  if (error instanceof ConnectError || error?.name === "NotCapable") return error;
  const text = message ? message : "the WebSocket does not say why, as in browsers";
  return new ConnectError(text, { reason: "unknown", cause: error });
}

/** An address as it may be shown: a name, a password and what stands behind a ? in it are for a proxy alone. */
export function redactUrl(address: string): string {
  const url = new URL(address);
  if (url.username === "" && url.password === "" && url.search === "") return address;
  url.username = url.password = "";
  return url.href.replace(/\?.*$/, "?…").replace(/(:\/\/[^/]+)\/$/, "$1");
}
