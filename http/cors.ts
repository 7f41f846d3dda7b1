/**
 * Requests that pages of other sites make: refused before anything is done, or, for allowed origins, answered with the headers
 * that let the page read the response (CORS, of the Fetch standard).
 *
 * A page can send a POST of plain text, or load an address as an image, without asking anybody. Its browser tells where it is
 * from: with `Origin`, or at least with `Sec-Fetch-Site`.
 *
 * @module
 */

import type { AccessControl } from "../auth/access_control.ts";
import { HttpProblem } from "./problem.ts";

/** The headers of responses that a page may read. */
const EXPOSED = [
  "Allow",
  "Dsmq-Attempt",
  "Dsmq-Claim",
  "Dsmq-Delay",
  "Dsmq-Key",
  "Dsmq-Message-Id",
  "Dsmq-Position",
  "Dsmq-Seq",
  "Dsmq-Time",
  "Dsmq-Topic",
  "Retry-After",
  "WWW-Authenticate",
];

/** The headers that a page may send; besides, those of messages. */
const ALLOWED =
  /^(accept|authorization|content-type|idempotency-key|last-event-id|traceparent|tracestate|dsmq-header-[^\s,]+)$/i;

/** How long a browser may keep the answer to a preflight, in seconds. */
const MAX_AGE = "600";

/**
 * Checks where a request comes from.
 *
 * @param access knows the origins that are allowed
 * @param request the request
 * @throws {HttpProblem} 403, if it is from a page of another site
 */
export function requireOwnOrigin(access: AccessControl, request: Request): void {
  const reason = access.checkOrigin(request);
  if (reason === undefined) return;
  throw new HttpProblem({ code: "permission_denied", message: `Cannot connect: ${reason}` });
}

/**
 * Lets the page that made a request read its response.
 *
 * @param response to a request that {@linkcode requireOwnOrigin} has let pass
 * @param origin of the page
 */
export function exposeTo(response: Response, origin: string): Response {
  const { headers } = response;
  headers.set("access-control-allow-origin", origin);
  // A file that caches keep says so to whoever gets it.
  if (!headers.get("vary")?.includes("Origin")) headers.append("vary", "Origin");
  const exposed = [...EXPOSED];
  // An iterator of 64 takes fifty times as long.
  headers.forEach((_value, name) => {
    if (name.startsWith("dsmq-header-")) exposed.push(name);
  });
  headers.set("access-control-expose-headers", exposed.join(", "));
  return response;
}

/**
 * Says which methods there are, and nothing to pages of other sites.
 *
 * @param allow the methods of the address
 */
export function allowResponse(allow: string): Response {
  return new Response(null, { status: 204, headers: { allow } });
}

/**
 * Answers the question whether a page may make a request (a preflight), or which methods there are.
 *
 * @param request of the method OPTIONS, which {@linkcode requireOwnOrigin} has let pass
 * @param allow the methods of the address
 */
export function optionsResponse({ headers }: Request, allow: string): Response {
  const response = allowResponse(allow);
  const origin = headers.get("origin");
  if (origin === null) return response;
  exposeTo(response, origin);
  if (headers.get("access-control-request-method") === null) return response;
  const wanted = headers.get("access-control-request-headers")?.split(",") ?? [];
  const allowed = wanted.map((name) => name.trim()).filter((name) => ALLOWED.test(name));
  response.headers.set("access-control-allow-methods", allow);
  if (allowed.length > 0) response.headers.set("access-control-allow-headers", allowed.join(", "));
  response.headers.set("access-control-max-age", MAX_AGE);
  response.headers.append("vary", "Access-Control-Request-Headers");
  // A page of the internet that calls a server of a private network.
  if (headers.get("access-control-request-private-network") === "true") {
    response.headers.set("access-control-allow-private-network", "true");
  }
  return response;
}
