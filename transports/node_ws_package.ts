/**
 * The package `npm:ws`: loaded only when a hardened port is opened.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import deno from "../deno.json" with { type: "json" };
import { DsmqError } from "../protocol/errors.ts";
import { SUBPROTOCOL } from "../protocol/websocket.ts";
import type { WsSocket } from "./node_peer.ts";
import type { PeerLimits } from "./transport.ts";

/** How long a peer has to answer the close frame, in milliseconds. */
const CLOSE_TIMEOUT = 5000;

/** In how many fragments a message may come, and each of these in how many packets: an honest client sends fewer. */
const MAX_FRAGMENTS = 1024;
const MAX_CHUNKS = 16_384;

/** How long `npm:ws` may take to load, in milliseconds. */
const LOAD_TIMEOUT = 10_000;

/** The variables that `npm:ws` reads, which may need a permission. */
const WS_VARIABLES = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];

/** The part of its server that is used. */
export interface Upgrader {
  handleUpgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Uint8Array,
    upgraded: (socket: WsSocket) => void,
  ): void;
}

/** Loads `npm:ws`, if it may read its variables. Neither asks the user for a permission, nor fails inside the package. */
export async function loadUpgrader({ frameBytes, stop }: PeerLimits): Promise<Upgrader> {
  const states = await Promise.all(
    WS_VARIABLES.map((variable) => Deno.permissions.query({ name: "env", variable })),
  );
  if (states.some(({ state }) => state !== "granted")) {
    throw new DsmqError(
      "permission_denied",
      `Cannot use the hardened transport: it needs --allow-env=${WS_VARIABLES}, because npm:ws reads these variables`,
    );
  }
  const { WebSocketServer } = await loadPackage(stop);
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: frameBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    closeTimeout: CLOSE_TIMEOUT,
    handleProtocols: (offered: Set<string>) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  });
}

async function loadPackage(stop?: AbortSignal) {
  const timeout = Promise.withResolvers<never>();
  const timeoutReason = `nothing came within ${LOAD_TIMEOUT / 1000} s`;
  const timer = setTimeout(() => timeout.reject(new Error(timeoutReason)), LOAD_TIMEOUT);
  const onStop = () => timeout.reject(stop?.reason);
  stop?.addEventListener("abort", onStop);
  // It may have aborted before: then there is no event.
  if (stop?.aborted) onStop();
  try {
    // Under a name that tools cannot read: otherwise programs that do not need it would wait for its registry, too.
    return await Promise.race([import(deno.scopes["./"].ws), timeout.promise]);
  } catch (cause) {
    // The first of several lines, or the innermost cause if they are numbered.
    const lines = (cause as Error).message.trim().split("\n");
    const causes = lines.filter((line) => /^\s*\d+: /.test(line));
    const reason = (causes.at(-1) ?? lines[0])!.replace(/^\s*\d+: /, "");
    throw new DsmqError(
      "module_unavailable",
      `Cannot use the hardened transport: npm:ws does not load: ${reason}`,
      { cause },
    );
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", onStop);
  }
}
