/**
 * Checks whether a request is one for a WebSocket, by RFC 6455.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";

/** The key of a client: 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** The only version. */
const WEBSOCKET_VERSION = "13";

/** How many subprotocols may be offered: our clients offer two, and searching thousands takes long. */
const MAX_PROTOCOLS = 32;

/** Whether a request is for a WebSocket, valid or not. */
export function isUpgradeRequest({ headers }: Pick<Request, "headers">): boolean {
  return hasWord(headers.get("upgrade"), "websocket");
}

/**
 * Why a request for a WebSocket is invalid.
 *
 * @param request a request for a WebSocket
 * @returns an HTTP status and a sentence; `undefined` if it is valid
 */
export function upgradeFault(
  { method, headers }: Pick<Request, "method" | "headers">,
):
  | { readonly status: 400 | 426; readonly reason: string; readonly headers?: HeadersInit }
  | undefined {
  const bad = (reason: string) => ({
    status: 400 as const,
    reason: `Cannot open a WebSocket: ${reason}`,
  });
  if (method !== "GET") return bad(`the method must be GET, got ${method}`);
  if (!hasWord(headers.get("connection"), "upgrade")) {
    return bad("the header Connection: Upgrade is missing");
  }
  const version = headers.get("sec-websocket-version");
  if (version !== WEBSOCKET_VERSION) {
    const { status, reason } = version === null
      ? bad("the header Sec-WebSocket-Version is missing")
      : {
        ...bad(`Sec-WebSocket-Version must be ${WEBSOCKET_VERSION}, got ${quoted(version)}`),
        status: 426 as const,
      };
    return {
      status,
      reason,
      headers: { upgrade: "websocket", "sec-websocket-version": WEBSOCKET_VERSION },
    };
  }
  if (!KEY.test(headers.get("sec-websocket-key") ?? "")) {
    return bad("Sec-WebSocket-Key must be 16 bytes in base64");
  }
  const offered = headers.get("sec-websocket-protocol")?.split(",", MAX_PROTOCOLS + 1) ?? [];
  if (offered.length > MAX_PROTOCOLS) {
    return bad(`Sec-WebSocket-Protocol may offer at most ${MAX_PROTOCOLS} subprotocols`);
  }
  return undefined;
}

/** Whether a header has this word, in any case. */
function hasWord(header: string | null, word: string): boolean {
  return header?.split(",").some((one) => one.trim().toLowerCase() === word) ?? false;
}
