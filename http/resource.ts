/**
 * What there is at a path of plain HTTP.
 *
 * @module
 */

import type { HttpCall } from "./http_call.ts";

/** Answers a request, or throws an `HttpProblem`. */
export type RouteHandler = (call: HttpCall) => Promise<Response> | Response;

/** The handlers of a path, by method; that of GET answers HEAD, too. */
export type Handlers = Readonly<Record<string, RouteHandler>>;

/** What there is at a path, or at all that begin with it. */
export interface Resource {
  readonly handlers: Handlers;
  /** The methods, as in the header `Allow`. */
  readonly allow: string;
}

/** Makes a resource of its handlers. */
export function resource(handlers: Handlers): Resource {
  const methods = Object.keys(handlers).flatMap((name) => name === "GET" ? [name, "HEAD"] : [name]);
  return { handlers, allow: [...methods, "OPTIONS"].join(", ") };
}
