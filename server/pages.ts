/**
 * The pages of a server over plain HTTP, for browsers and for monitoring.
 *
 * @module
 */

import { MAX_HOST_LENGTH, MAX_URL_LENGTH } from "../protocol/websocket.ts";

/** What the pages tell. */
export interface ServerInfo {
  /** What this is, in one line. */
  readonly banner: string;
  /** The path below which the pages are: empty, or such as `/mq`. */
  readonly path: string;
  readonly isStopping: boolean;
  /** Whether messages can be stored, as far as that is known without storing one. */
  canStore(): boolean;
}

/** The methods of a page. */
const ALLOW = { allow: "GET, HEAD, OPTIONS" };

/**
 * Whether a request is for what everybody may know, as load balancers ask it: some send no `Host`, and a web page cannot
 * leave it out.
 *
 * @param request any request
 * @param path the path below which the pages are
 * @returns true for `/health`, and for `OPTIONS`, without a `Host`
 */
export function isHealthCheck({ method, url, headers }: Request, path: string): boolean {
  if (headers.get("host")) return false;
  if (method === "OPTIONS") return true;
  return url.length <= MAX_URL_LENGTH && URL.parse(url)?.pathname === `${path}/health`;
}

/**
 * Answers a request: `/` says what this is, `/health` whether it serves.
 *
 * @param request the request
 * @param about what to tell
 * @returns the page
 */
export function httpPage(
  { method, url }: Request,
  { banner, path, isStopping, canStore }: ServerInfo,
): Response {
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: ALLOW });
  if (url.length > MAX_URL_LENGTH + MAX_HOST_LENGTH) {
    return textResponse(414, "The address is too long");
  }
  if (method !== "GET" && method !== "HEAD") return textResponse(405, "Method not allowed", ALLOW);
  // The Host may make it an invalid URL.
  const pathname = URL.parse(url)?.pathname;
  if (pathname === undefined) return textResponse(400, "Bad request");
  if (pathname === `${path}/` || pathname === (path || "/")) return textResponse(200, banner);
  if (pathname === `${path}/health`) {
    if (isStopping) return textResponse(503, "stopping");
    // Not which file: everybody may ask.
    return canStore()
      ? textResponse(200, "ok")
      : textResponse(503, "nothing can be stored: the file was removed or changed");
  }
  return textResponse(404, "Not found");
}

/**
 * A response of one line.
 *
 * @param status the HTTP status
 * @param text the line, without its end
 * @param headers more headers
 * @returns the response
 */
export function textResponse(status: number, text: string, headers: HeadersInit = {}): Response {
  return new Response(`${text}\n`, { status, headers });
}
