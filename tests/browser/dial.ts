/**
 * Sockets that the option `dial` accepts: type-checked, and never run.
 *
 * @module
 */

import { connect } from "../../client.ts";

/** As `@types/ws` declares it, as far as it differs from that of browsers. */
declare class WsWebSocket {
  constructor(url: string, protocols?: string | string[]);
  onopen: ((event: { type: string; target: WsWebSocket }) => void) | null;
  onerror:
    | ((event: { error: unknown; message: string; type: string; target: WsWebSocket }) => void)
    | null;
  onclose:
    | ((
      event: {
        wasClean: boolean;
        code: number;
        reason: string;
        type: string;
        target: WsWebSocket;
      },
    ) => void)
    | null;
  onmessage:
    | ((
      event: { data: string | Uint8Array | Uint8Array[]; type: string; target: WsWebSocket },
    ) => void)
    | null;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array | number, cb?: (error?: Error) => void): void;
  send(data: string | Uint8Array, options: { binary?: boolean }, cb?: () => void): void;
  close(code?: number, data?: string | Uint8Array): void;
}

/** Each is accepted. */
export async function dials(): Promise<void> {
  await connect(undefined, { dial: (url, protocols) => new WsWebSocket(url, protocols) });
  await connect(undefined, { dial: (url, protocols) => new WebSocket(url, protocols) });
  const promised = (url: string) => Promise.resolve(new WebSocket(url));
  // @ts-expect-error: it is not a socket.
  await connect(undefined, { dial: promised });
  // @ts-expect-error: and neither is this.
  await connect(undefined, { dial: (url) => new URL(url) });
}
