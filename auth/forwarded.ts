/**
 * Signs that a request was made on another machine, and was passed on by a proxy or a page.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { isLoopbackAuthority } from "./allowed_hosts.ts";

/** Proxies add these. Some add none. */
const PROXY_HEADERS = [
  "Forwarded",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Real-IP",
  "Via",
] as const;

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

/**
 * Whether somebody elsewhere may be behind a request: it shows a proxy, or was made by a page of another machine. Such a page may
 * be open in a browser of this machine, but its user has not written it.
 *
 * @param request the request
 * @returns `false` proves nothing
 */
export function isFromElsewhere(request: Pick<Request, "headers">): boolean {
  if (forwardingSign(request) !== undefined) return true;
  const origin = request.headers.get("origin");
  return origin !== null && !isLoopbackAuthority(URL.parse(origin)?.host ?? "");
}
