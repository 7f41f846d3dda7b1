/**
 * The frame of the page: its head, what is shown below it, and what stands in its place while there is no server to show.
 *
 * @module
 */

import { useEffect, useMemo, useRef } from "preact/hooks";
import type { ServerStatus } from "../../http/server_status.ts";
import { ConnectionsView } from "./connections_view.ts";
import { PageContextProvider } from "./context.ts";
import { FailureGuard } from "./failure_guard.ts";
import { html, type View } from "./html.ts";
import type { Observable } from "./observable.ts";
import { useObservable } from "./use_observable.ts";
import type { Route } from "./router.ts";
import { ServerView } from "./server_view.ts";
import { isAllowedEverywhere } from "./permissions.ts";
import type { Session, SessionState } from "./session.ts";
import { TokenForm } from "./token_form.ts";
import { TopicListState } from "./topic_list_state.ts";
import { TopicView } from "./topic_view.ts";
import { TopicsView } from "./topics_view.ts";
import { History } from "./traffic.ts";

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
  const history = useHistory(status);
  const topicList = useMemo(() => new TopicListState(), []);
  useEffect(() => {
    document.title = titleOf(shown, state);
  }, [shown, state]);
  const isOpen = state.kind === "open" && status !== undefined;
  return html`
    <a class="skip" href="#content" onClick=${skipToContent}>Skip to content</a>
    <${Head} state=${state} status=${status} route=${shown} session=${session} />
    ${notice !== undefined && html`
      <div class="notice" role="status">
        <p>${notice}</p>
        <button onClick=${() => session.notice.value = undefined}>Close</button>
      </div>
    `}
    <main id="content" tabindex="-1">
      ${isOpen
        ? html`
          <${PageContextProvider.Provider} value=${{
            api: session.api,
            mq: state.mq,
            status,
            history,
            topicList,
            isBroken: state.broken !== undefined,
          }}>
            <${FailureGuard} key=${location.hash}>
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

/** What is shown of the server. */
function Shown({ route }: { readonly route: Route }): View {
  switch (route.view) {
    case "topics":
      return html`<${TopicsView} />`;
    case "topic":
      return html`<${TopicView} key=${route.topic} topic=${route.topic} />`;
    case "connections":
      return html`<${ConnectionsView} />`;
    case "server":
      return html`<${ServerView} />`;
    default:
      return route satisfies never;
  }
}

function NotOpen({ state, session }: {
  readonly state: SessionState;
  readonly session: Session;
}): View {
  switch (state.kind) {
    case "needs_token":
      return html`<${TokenForm} reason=${state.reason} onToken=${(token: string) =>
        session.enterToken(token)} />`;
    case "refused":
      return html`
        <section class="panel">
          <h1>The server refuses this page</h1>
          <p>${state.reason}</p>
        </section>
      `;
    case "unreachable":
      return html`
        <section class="panel" role="status">
          <h1>No connection to the server</h1>
          <p>${state.reason}</p>
          <p>The page tries again by itself.</p>
        </section>
      `;
    default:
      return html`
        <section class="panel">
          <p>Connecting…</p>
        </section>
      `;
  }
}

const VIEWS = [
  ["topics", "#/", "Topics"],
  ["connections", "#/connections", "Connections"],
  ["server", "#/server", "Server"],
] as const;

function Head({ state, status, route, session }: {
  readonly state: SessionState;
  readonly status: ServerStatus | undefined;
  readonly route: Route;
  readonly session: Session;
}): View {
  const isAdministrator = status !== undefined && isAllowedEverywhere(status, "admin");
  const views = VIEWS.filter(([view]) => view !== "connections" || isAdministrator);
  const isShown = (view: string) =>
    route.view === view || (view === "topics" && route.view === "topic");
  return html`
    <header>
      <a class="brand" href="#/">dsmq</a>
      ${state.kind === "open" && html`
        <nav aria-label="Views">
          ${views.map(([view, href, name]) =>
            html`
              <a href=${href} aria-current=${isShown(view) ? "page" : undefined}>${name}</a>
            `
          )}
        </nav>
      `}
      <p class="state">
        ${session.api.token !== undefined && html`
          <button class="quiet" onClick=${() => session.forgetToken()}>Forget token</button>
        `}
        <span class=${`pill ${pillOf(state)}`} role="status">${stateText(state)}</span>
      </p>
    </header>
  `;
}

function pillOf(state: SessionState): string {
  return state.kind === "open" && state.broken === undefined ? "good" : "waiting";
}

function stateText(state: SessionState): string {
  switch (state.kind) {
    case "open":
      return state.broken === undefined ? "Connected" : "Reconnecting…";
    case "needs_token":
      return "Needs a token";
    case "refused":
      return "Refused";
    case "unreachable":
      return "No connection";
    default:
      return "Connecting…";
  }
}

function titleOf(route: Route, state: SessionState): string {
  const name = route.view === "topic"
    ? route.topic
    : VIEWS.find(([view]) => view === route.view)![2];
  return state.kind === "open" ? `${name} · dsmq` : "dsmq";
}

/** Grows with each status that the server tells. */
function useHistory(status: ServerStatus | undefined): History {
  const history = useRef<History>();
  const last = useRef<ServerStatus>();
  history.current ??= new History();
  if (status && status !== last.current) {
    last.current = status;
    const { operation, time } = status;
    if (operation) history.current.add(time, operation.counts.stored, operation.counts.delivered);
  }
  return history.current;
}
