/**
 * The frame of the page: its head, what is shown below it, and what stands in its place while there is no server to show.
 *
 * @module
 */

import { useEffect, useMemo } from "preact/hooks";
import type { ServerStatus } from "../../http/server_status.ts";
import { ConnectionsView } from "./connections_view.ts";
import { PageContextProvider } from "./context.ts";
import { FailureGuard } from "./failure_guard.ts";
import { groupKey } from "./group_name.ts";
import { GroupView } from "./group_view.ts";
import { GroupsView } from "./groups_view.ts";
import { Head, titleOf } from "./head.ts";
import { html, type View } from "./html.ts";
import { NotOpen } from "./not_open.ts";
import type { Observable } from "./observable.ts";
import { useObservable } from "./use_observable.ts";
import type { Route } from "./router.ts";
import { ServerView } from "./server_view.ts";
import type { Session } from "./session.ts";
import { TopicListState } from "./topic_list_state.ts";
import { TopicView } from "./topic_view.ts";
import { TopicsView } from "./topics_view.ts";
import { History } from "./traffic.ts";
import { useViewChange } from "./view_change.ts";

/** What the page is made of. */
export interface AppProps {
  readonly session: Session;
  readonly route: Observable<Route>;
}

/** All of the page. */
export function App({ session, route }: AppProps): View {
  const state = useObservable(session.state);
  const status = useObservable(session.status);
  const notice = useObservable(session.notice);
  const shown = useObservable(route);
  const isOpen = state.kind === "open" && status !== undefined;
  // What one token permits to see is not for who enters another.
  const { token } = session.api;
  const seen = useMemo(() => ({ history: new History(), topicList: new TopicListState() }), [
    token,
  ]);
  if (isOpen) addToHistory(seen.history, status);
  useEffect(() => {
    document.title = titleOf(shown, state);
  }, [shown, state]);
  useViewChange(shown);
  return html`
    <a class="skip" href="#content" onClick=${skipToContent}>Skip to content</a>
    <${Head} state=${state} status=${status} route=${shown} session=${session} />
    ${notice !== undefined && html`
      <div class="notice" role="status">
        <p>${notice}</p>
        <button onClick=${() => session.notice.value = undefined}>Close</button>
      </div>
    `}
    ${state.kind === "open" && state.trouble !== undefined && html`
      <div class="notice" role="status">
        <p>${state.trouble}</p>
      </div>
    `}
    <main id="content" tabindex="-1">
      ${isOpen
        ? html`
          <${PageContextProvider.Provider} value=${{
            api: session.api,
            mq: state.mq,
            status,
            ...seen,
            isBroken: !state.isConnected,
          }}>
            <${FailureGuard} key=${keyOf(shown)}>
              <${Shown} route=${shown} />
              <//>
              <//>
        `
        : html`<${NotOpen} state=${state} session=${session} />`}
    </main>
  `;
}

function skipToContent(event: Event): void {
  // The fragment of the address is that of the view.
  event.preventDefault();
  document.getElementById("content")?.focus();
}

/** A text for each route: what is shown at another one begins anew. */
function keyOf(route: Route): string {
  if (route.view === "topic") return `topic ${route.topic}`;
  return route.view === "group" ? `group ${groupKey(route.name)}` : route.view;
}

/** What is shown of the server. */
function Shown({ route }: { readonly route: Route }): View {
  switch (route.view) {
    case "topics":
      return html`<${TopicsView} />`;
    case "topic":
      return html`<${TopicView} key=${route.topic} topic=${route.topic} />`;
    case "groups":
      return html`<${GroupsView} />`;
    case "group":
      return html`<${GroupView} key=${groupKey(route.name)} name=${route.name} />`;
    case "connections":
      return html`<${ConnectionsView} />`;
    case "server":
      return html`<${ServerView} />`;
    default:
      return route satisfies never;
  }
}

/** Adds what the server says of itself. A status that is drawn again adds nothing. */
function addToHistory(history: History, { operation, time }: ServerStatus): void {
  if (operation) history.add(time, operation.counts.stored, operation.counts.delivered);
}
