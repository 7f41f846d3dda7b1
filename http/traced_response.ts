/**
 * A response in a span.
 *
 * @module
 */

import type { Tracing } from "../queue/tracing.ts";
import { findPage } from "./pages.ts";
import { codeOfResponse } from "./problem.ts";
import { findRoute } from "./routes.ts";

/**
 * Answers a request in a span, which ends with the response, before its body is sent: that of a stream may go on for days, and
 * nobody would see the span before.
 *
 * @param tracing records it
 * @param request the request
 * @param base the path below which the routes are: empty, or such as `/mq`
 * @param respond answers the request, and does not throw
 */
export async function tracedResponse(
  tracing: Tracing,
  request: Request,
  base: string,
  respond: () => Response | Promise<Response>,
): Promise<Response> {
  const end = tracing.beginRequest(request);
  const response = await respond();
  end({
    route: routeOf(request, base),
    status: response.status,
    code: codeOfResponse(response),
  });
  return response;
}

/** What it is called, whatever the topic; `undefined` where there is nothing. */
function routeOf({ url }: Request, base: string): string | undefined {
  const { pathname = "" } = URL.parse(url) ?? {};
  if (!pathname.startsWith(base)) return undefined;
  const path = pathname.slice(base.length) || "/";
  const pattern = findRoute(path)?.pattern ?? (findPage(path) && path);
  return pattern && base + pattern;
}
