/**
 * The routes of plain HTTP: which handler answers which method of which path.
 *
 * @module
 */

import { getMessages, READ_PARAMETERS } from "./get_messages.ts";
import { getMetrics } from "./get_metrics.ts";
import { getStatus } from "./get_status.ts";
import type { HttpCall } from "./http_call.ts";
import { getTopics } from "./list_topics.ts";
import { putMessages } from "./put_messages.ts";
import { parseQuery } from "./query.ts";
import { prefixOf, topicOf } from "./topic_of.ts";

/** Answers a request, or throws an `HttpProblem`. */
export type RouteHandler = (call: HttpCall) => Promise<Response> | Response;

/** The handlers of a path, by method; that of GET answers HEAD, too. */
type Handlers = Readonly<Record<string, RouteHandler>>;

/** What there is at a path, or at all that begin with it. */
interface Resource {
  readonly handlers: Handlers;
  /** The methods, as in the header `Allow`. */
  readonly allow: string;
}

/** What there is at a path. */
export interface Route extends Resource {
  /** What follows in the path, percent-encoded. */
  readonly rest: string;
}

function resource(handlers: Handlers): Resource {
  const methods = Object.keys(handlers).flatMap((name) => name === "GET" ? [name, "HEAD"] : [name]);
  return { handlers, allow: [...methods, "OPTIONS"].join(", ") };
}

/** `/topics/{topic}`, or `/topics?topic=` for those that paths cannot carry. */
const TOPIC: Handlers = {
  GET: (call) => {
    const query = parseQuery(call.search, ["topic", ...READ_PARAMETERS]);
    return getMessages(call, { topic: topicOf(call, query.topic) }, query);
  },
  POST: putMessages,
};

/** `/topics` */
const TOPICS: Handlers = {
  GET: (call) => {
    // With a topic it reads; the parameters of a list are others.
    if (/[?&]topic=/.test(call.search)) return TOPIC.GET!(call);
    return getTopics(call, parseQuery(call.search, ["prefix", "after", "count"]));
  },
  POST: putMessages,
};

/** `/messages` */
const MESSAGES: Handlers = {
  GET: (call) => {
    const query = parseQuery(call.search, ["prefix", ...READ_PARAMETERS]);
    return getMessages(call, prefixOf(call, query.prefix), query);
  },
};

/** Paths that have nothing behind them. */
export const EXACT_ROUTES: Readonly<Record<string, Resource>> = {
  "/topics": resource(TOPICS),
  "/topics/": resource(TOPICS),
  "/messages": resource(MESSAGES),
  "/metrics": resource({ GET: getMetrics }),
  "/status": resource({ GET: getStatus }),
};

/** What is at the path of each topic. */
const TOPIC_RESOURCE = resource(TOPIC);

/**
 * Whether a request takes a slot among the connections. Those of administrators who watch the server do not: they see it also
 * while all slots are taken, then most of all.
 *
 * @param handler what answers it
 * @param isAdministrator whether the client may administer all topics
 */
export function needsSlot(handler: RouteHandler, isAdministrator: () => boolean): boolean {
  // Others get nothing there.
  if (handler === getMetrics) return false;
  return handler !== getStatus || !isAdministrator();
}

/** What the path of a topic begins with. */
const TOPIC_PATH = "/topics/";

/**
 * Finds the route of a path.
 *
 * @param path the path, without that of the server
 * @returns the route; `undefined` if there is none
 */
export function findRoute(path: string): Route | undefined {
  if (Object.hasOwn(EXACT_ROUTES, path)) return { ...EXACT_ROUTES[path]!, rest: "" };
  if (path.startsWith(TOPIC_PATH)) {
    return { ...TOPIC_RESOURCE, rest: path.slice(TOPIC_PATH.length) };
  }
  return undefined;
}
