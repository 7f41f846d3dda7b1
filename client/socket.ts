/**
 * What a connection needs of a WebSocket.
 *
 * @module
 */

/**
 * The part of a `WebSocket` that a connection uses, so that other implementations, such as that of `npm:ws`, fit too.
 * The handlers are written as methods for that: their events may have more fields than the ones here.
 */
export interface Socket {
  /** Sends a text frame. */
  send(data: string): void;
  /** Closes it. */
  close(code?: number): void;
  /** Called when it is open. */
  onopen: { handle(event: object): void }["handle"] | null;
  /** Called with each message. */
  onmessage: { handle(event: { readonly data: unknown }): void }["handle"] | null;
  /** Called when it is closed, with a code of RFC 6455. */
  onclose:
    | {
      handle(
        event: { readonly code: number; readonly reason: string; readonly wasClean?: boolean },
      ): void;
    }["handle"]
    | null;
  /** Called before `onclose` if it failed; the `error` or the `message` of the event may say why. */
  onerror: { handle(event: object): void }["handle"] | null;
  /**
   * How many bytes have arrived, incomplete messages included, if the socket knows. Then even a slow message shows that the
   * connection is alive.
   */
  readonly bytesReceived?: number;
  /** How many bytes wait to be sent, if the socket knows. */
  readonly bufferedAmount?: number;
  /**
   * The largest message to accept, in bytes, for a socket that checks it before the whole message has arrived. A larger one
   * violates the protocol in any case.
   */
  maxMessageBytes?: number;
}

/** Opens a socket. */
export type Dial = (url: string, protocols: string[]) => Socket;
