/**
 * An open socket to a server: frames go out, and replies come in.
 *
 * @module
 */

import { decodeReplies } from "../protocol/decode_replies.ts";
import { DsmqError } from "../protocol/errors.ts";
import { MAX_WELCOME_BYTES } from "../protocol/frame_sizes.ts";
import type { Reply } from "../protocol/replies.ts";
import { utf8Length } from "../protocol/text.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import { redactUrl } from "./addresses.ts";
import { deferred } from "./deferred.ts";
import { printableSentence } from "./pending_request.ts";
import type { Socket } from "./socket.ts";

/** How a socket was closed. */
export interface SocketClose {
  /** The close code of RFC 6455; 1006 if there was no close frame. */
  readonly code: number;
  /** The reason that the server gave, or what happened. */
  readonly reason: string;
}

/** Uses a socket. */
export interface TransportHandler {
  /** A frame arrived; `undefined` if it is not of the protocol. */
  onFrame(replies: readonly Reply[] | undefined): void;
  /** The socket is closed. Called once. */
  onClose(close: SocketClose): void;
}

/** How long the server has to answer a close frame, in milliseconds. */
const CLOSE_TIMEOUT = 1000;

/** The id of `hello`; other requests have larger ones. */
export const HELLO_ID = 1;

/** An open socket. */
export class ClientSocket {
  /** The address, without user name, password and query. */
  readonly url: string;
  /** A frame of more bytes is announced before it is sent. */
  announcementThreshold: number = Infinity;
  readonly #socket: Socket;
  readonly #closed = deferred<SocketClose>();
  #handler: TransportHandler | undefined;
  /** Frames that arrived while nobody used the socket. */
  readonly #earlyFrames: (readonly Reply[] | undefined)[] = [];
  #frames = 0;
  #closeEvent: SocketClose | undefined;
  /** Its user knows that it is closed. */
  #isCloseDelivered = false;
  /** It was dropped at this end. */
  #isAborted = false;
  /** The largest frame that is accepted, in bytes. */
  #maxFrameBytes = 0;

  /**
   * Takes over a WebSocket that has just opened. What arrives at once is kept.
   *
   * @param url the address
   * @param socket the WebSocket
   */
  constructor(url: string, socket: Socket) {
    this.url = redactUrl(url);
    this.#socket = socket;
    this.setMaxFrameBytes(MAX_WELCOME_BYTES);
    socket.onmessage = ({ data }) => this.#onFrame(decodeReplies(data, this.#maxFrameBytes));
    socket.onclose = ({ code, reason }) =>
      this.#onClose({ code, reason: describeClose(code, reason) });
    // A close event follows and says the same, but not that the server is to blame.
    socket.onerror = (event) => {
      const { error } = event as Partial<ErrorEvent>;
      if (error instanceof DsmqError) this.#onFrame(undefined);
    };
  }

  /** Accepts frames of up to this many bytes from now on; a larger one violates the protocol. */
  setMaxFrameBytes(bytes: number): void {
    this.#maxFrameBytes = bytes;
    if ("maxMessageBytes" in this.#socket) this.#socket.maxMessageBytes = bytes;
  }

  /** Hands it to its user, with what has arrived meanwhile. */
  attach(handler: TransportHandler): void {
    this.#handler = handler;
    for (const replies of this.#earlyFrames.splice(0)) {
      // The user may drop it meanwhile; but what the other end sent before it closed counts.
      if (!this.#isAborted) handler.onFrame(replies);
    }
    if (this.#closeEvent && !this.#isCloseDelivered) handler.onClose(this.#closeEvent);
  }

  /**
   * Takes it from its user.
   *
   * @param replies what the user did not take, for the next one
   */
  detach(replies: readonly Reply[]): void {
    this.#handler = undefined;
    if (replies.length > 0) this.#earlyFrames.push(replies);
  }

  /** How many frames have arrived. */
  get framesReceived(): number {
    return this.#frames;
  }

  /** How many bytes have arrived, incomplete frames included; `undefined` where the WebSocket does not know. */
  get bytesReceived(): number | undefined {
    return this.#socket.bytesReceived;
  }

  /** How many bytes wait to be sent; `undefined` where the WebSocket does not know. */
  get bufferedBytes(): number | undefined {
    return this.#socket.bufferedAmount;
  }

  /** Sends a frame, behind an announcement if it is large. Does nothing if the socket is closed. */
  send(frame: string): void {
    try {
      // A character takes up to three bytes.
      if (3 * frame.length > this.announcementThreshold) this.#announce(utf8Length(frame));
      this.#socket.send(frame);
    } catch (error) {
      // No open WebSocket throws; but the caller's `dial` may return something else.
      const reason = `it cannot be written to, ${error instanceof Error ? error.message : error}`;
      this.abort(reason);
    }
  }

  #announce(bytes: number): void {
    if (bytes > this.announcementThreshold) {
      this.#socket.send(`{"action":"heartbeat","ahead":${bytes}}`);
    }
  }

  /** Closes it, and resolves when the server has answered, or after a while. */
  async close(): Promise<void> {
    closeQuietly(this.#socket, CLOSE_CODE.normal);
    // The server may never answer.
    const timer = setTimeout(
      () => this.#onClose({ code: 1006, reason: "it was closed" }),
      CLOSE_TIMEOUT,
    );
    await this.#closed.promise;
    clearTimeout(timer);
  }

  /** Drops it at once. */
  abort(reason: string): void {
    this.#isAborted = true;
    this.#onClose({ code: 1006, reason });
    closeQuietly(this.#socket, CLOSE_CODE.normal);
  }

  #onFrame(replies: readonly Reply[] | undefined): void {
    if (this.#closeEvent) return;
    this.#frames++;
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

/** How a socket was closed, in words; the code is shown only where it says more. */
export function describeClose(code: number, reason: string): string {
  const text = reason === "" ? CLOSE_TEXTS[code] ?? "" : printableSentence(reason);
  const suffix = (mark: string) => text === "" ? "" : `${mark} ${text}`;
  if (code === CLOSE_CODE.abnormal) return `it broke off${suffix(":")}`;
  if (Object.hasOwn(CLOSE_TEXTS, code)) return `it was closed${suffix(":")}`;
  return `it was closed with code ${code}${suffix(",")}`;
}

/** The codes of ordinary ends, and what they mean if no reason was given. */
const CLOSE_TEXTS: Readonly<Record<number, string>> = {
  [CLOSE_CODE.normal]: "",
  [CLOSE_CODE.goingAway]: "the server, or a proxy, is going away",
  [CLOSE_CODE.noCode]: "",
  [CLOSE_CODE.serviceRestart]: "the server is restarting",
};

/** Closes a WebSocket; one of the caller's own `dial` may throw even then. */
export function closeQuietly(socket: Socket, code?: number): void {
  try {
    socket.close(code);
  } catch {
    // There is nothing left to do.
  }
}
