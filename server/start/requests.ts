/**
 * Requests that a program hands on: whether they are what `Deno.serve` gave it.
 *
 * @module
 */

import { formatValue } from "../../protocol/text.ts";
import type { RequestInfo } from "../api.ts";
import { isUpgradeRequest } from "../upgrade.ts";

/** Where a client is. */
export interface ClientAddress {
  /** Its address; clients without one, such as those of a Unix socket, have the name of their transport. */
  readonly from: string;
  readonly hasAddress: boolean;
}

/**
 * Checks the first argument of `fetch`.
 *
 * Deno can upgrade only the object that `Deno.serve` made. With a copy it does not fail: it sends the response twice, and the
 * client sees a broken WebSocket.
 *
 * @param request what was given
 * @throws {TypeError} if it is no request, a copy of one for a WebSocket, or one that was upgraded or answered
 */
export function requireRequest(request: unknown): asserts request is Request {
  if (!(request instanceof Request)) {
    throw new TypeError(
      `Cannot handle a request: it must be the Request that Deno.serve gave, got ${
        formatValue(request)
      }`,
    );
  }
  let isUpgrade: boolean;
  try {
    isUpgrade = isUpgradeRequest(request);
  } catch (cause) {
    throw new TypeError(
      "Cannot handle a request: it must be one without an answer, got one that was upgraded or answered before",
      { cause },
    );
  }
  if (isUpgrade && isCopy(request)) {
    throw new TypeError(
      "Cannot handle a request: it must be the very Request that Deno.serve gave, got a copy, which cannot become a WebSocket (in Hono: app.all(), not app.mount(), and c.req.raw)",
    );
  }
}

/** Requests of `Deno.serve` have an inside of another kind than those that a program makes. Not documented: if in doubt, it is none. */
function isCopy(request: Request): boolean {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) =>
    description === "request"
  );
  const inside = symbol && (request as unknown as { readonly [symbol: symbol]: unknown })[symbol];
  return typeof inside === "object" && inside !== null &&
    Object.getPrototypeOf(inside) === Object.prototype;
}

/**
 * Checks the second argument of `fetch`.
 *
 * @param info what was given
 * @returns where the client is
 * @throws {TypeError} if it does not tell: limits count clients by their address
 */
export function clientAddress(info: unknown): ClientAddress {
  const { remoteAddr } = Object(info) as Partial<RequestInfo>;
  const { hostname, transport } = Object(remoteAddr) as Partial<RequestInfo["remoteAddr"]>;
  if (typeof hostname === "string") return { from: hostname, hasAddress: true };
  if (typeof transport === "string") return { from: transport, hasAddress: false };
  throw new TypeError(
    `Cannot handle a request: info must be what Deno.serve gave beside it, with remoteAddr (in Hono: c.env), got ${
      formatValue(info)
    }`,
  );
}
