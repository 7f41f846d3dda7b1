/**
 * The routes of plain HTTP: which handler answers which method of which path.
 *
 * @module
 */

import { getMessages, READ_PARAMETERS } from "./get_messages.ts";
import { getMetrics } from "./get_metrics.ts";
import { getStatus } from "./get_status.ts";
import { findGroupPath, GROUP_RESOURCES, GROUPS } from "./group_routes.ts";
import { getTopics } from "./list_topics.ts";
import { putMessages } from "./put_messages.ts";
import { parseQuery } from "./query.ts";
import { type Handlers, type Resource, resource, type RouteHandler } from "./resource.ts";
import { prefixOf, topicOf } from "./topic_of.ts";

/** What there is at a path. */
export interface Route extends Resource {
  /** What it is called, whatever the topic and the group. */
  readonly pattern: string;
  /** The topic in the path, percent-encoded, or empty. */
  readonly rest: string;
  /** The group in the path, percent-encoded, or empty. */
  readonly group: string;
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
  "/groups": GROUPS,
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

/** Whether a request tells how a server does, and neither reads nor writes messages. */
export function isForOperators(handler: RouteHandler): boolean {
  return handler === getMetrics || handler === getStatus;
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
  if (Object.hasOwn(EXACT_ROUTES, path)) {
    return { ...EXACT_ROUTES[path]!, pattern: path, rest: "", group: "" };
  }
  if (path.startsWith(TOPIC_PATH)) {
    const rest = path.slice(TOPIC_PATH.length);
    const found = findGroupPath(rest);
    if (!found) return { ...TOPIC_RESOURCE, pattern: `${TOPIC_PATH}{topic}`, rest, group: "" };
    const { before, group, verb } = found;
    const pattern = `${TOPIC_PATH}{topic}/groups/{group}${verb}`;
    return { ...GROUP_RESOURCES[verb]!, pattern, rest: before, group };
  }
  const found = findGroupPath(path.slice(1));
  if (found?.before !== "") return undefined;
  const { group, verb } = found;
  return { ...GROUP_RESOURCES[verb]!, pattern: `/groups/{group}${verb}`, rest: "", group };
}
