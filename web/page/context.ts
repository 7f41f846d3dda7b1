/**
 * What all parts of the page need: its session, and the connection of now.
 *
 * @module
 */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Connection } from "../../client.ts";
import type { ServerStatus } from "../../http/server_status.ts";
import type { History } from "./traffic.ts";
import type { TopicListState } from "./topic_list_state.ts";
import type { ServerApi } from "./server_api.ts";

/** The server as it is now, and how to ask it. */
export interface PageContext {
  readonly api: ServerApi;
  readonly mq: Connection;
  readonly status: ServerStatus;
  readonly history: History;
  /** The list of topics as it was left. */
  readonly topicList: TopicListState;
  /** There is no connection now: it comes back by itself. */
  readonly isBroken: boolean;
}

/** Passes it down. */
export const PageContextProvider = createContext<PageContext | undefined>(undefined);

/** The server of the page. */
export function usePage(): PageContext {
  return useContext(PageContextProvider)!;
}
