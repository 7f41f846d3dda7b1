/**
 * Which part of the page is shown: it stands in the fragment of the address, so that links, the history and reloads work.
 *
 * @module
 */

import { GROUP_ADDRESS, type GroupRef, parseGroupHref } from "./group_name.ts";
import { Observable } from "./observable.ts";

/** What is shown. */
export type Route =
  | { readonly view: "topics" | "groups" | "connections" | "server" }
  | { readonly view: "topic"; readonly topic: string }
  | { readonly view: "group"; readonly name: GroupRef };

const TOPIC = "#/topics/";

/** The address of a topic. (Addresses carry no half of a surrogate pair, and no topic has one in its name.) */
export function topicHref(topic: string): string {
  return `${TOPIC}${encodeURIComponent(topic.toWellFormed())}`;
}

/** What a fragment stands for; the topics, if it stands for nothing. */
export function parseRoute(hash: string): Route {
  if (hash === "#/connections") return { view: "connections" };
  if (hash === "#/server") return { view: "server" };
  if (hash === "#/groups") return { view: "groups" };
  if (hash.startsWith(GROUP_ADDRESS)) {
    const name = parseGroupHref(hash);
    return name ? { view: "group", name } : { view: "groups" };
  }
  if (!hash.startsWith(TOPIC)) return { view: "topics" };
  try {
    const topic = decodeURIComponent(hash.slice(TOPIC.length));
    return topic === "" ? { view: "topics" } : { view: "topic", topic };
  } catch {
    return { view: "topics" };
  }
}

/** What is shown now. */
export function currentRoute(): Observable<Route> {
  const route = new Observable(parseRoute(location.hash));
  addEventListener("hashchange", () => route.value = parseRoute(location.hash));
  return route;
}
