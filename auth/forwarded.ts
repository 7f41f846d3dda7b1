/**
 * Signs that a request was made on another machine, and was passed on by a proxy.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { isLoopbackAuthority } from "./allowed_hosts.ts";

/** Proxies add these. Some add none. */
const PROXY_HEADERS = ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"] as const;

/**
 * Looks for a sign that a request came through a proxy, for a server that only its own machine can reach.
 *
 * @param request the request
 * @returns the sign, in words; `undefined` if there is none, which proves nothing
 */
export function forwardingSign({ headers }: Pick<Request, "headers">): string | undefined {
  const name = PROXY_HEADERS.find((name) => headers.has(name));
  if (name !== undefined) return `it has the header ${name}`;
  const host = headers.get("host");
  return host === null || isLoopbackAuthority(host) ? undefined : `its Host is ${quoted(host)}`;
}
