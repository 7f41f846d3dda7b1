/**
 * The head of the page: its views, how it is connected, and its token.
 *
 * @module
 */

import type { ServerStatus } from "../../http/server_status.ts";
import { html, type View } from "./html.ts";
import { targetName } from "./group_name.ts";
import { isAllowedEverywhere, isAllowedSomewhere } from "./permissions.ts";
import type { Route } from "./router.ts";
import type { Session } from "./session.ts";
import type { SessionState } from "./session_state.ts";

const VIEWS = [
  ["topics", "#/", "Topics"],
  ["groups", "#/groups", "Groups"],
  ["connections", "#/connections", "Connections"],
  ["server", "#/server", "Server"],
] as const;

/** The head. */
export function Head({ state, status, route, session }: {
  readonly state: SessionState;
  readonly status: ServerStatus | undefined;
  readonly route: Route;
  readonly session: Session;
}): View {
  const isAdministrator = status !== undefined && isAllowedEverywhere(status, "admin");
  const mayList = status !== undefined &&
    (["work", "admin"] as const).some((what) => isAllowedSomewhere(status, what));
  const views = VIEWS.filter(([view]) =>
    (view !== "connections" || isAdministrator) && (view !== "groups" || mayList)
  );
  const isShown = (view: string) => route.view === view || `${route.view}s` === view;
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
        <${TokenButton} state=${state} status=${status} session=${session} />
        <span class=${`pill ${pillOf(state)}`} role="status">${stateText(state)}</span>
      </p>
    </header>
  `;
}

function TokenButton({ state, status, session }: {
  readonly state: SessionState;
  readonly status: ServerStatus | undefined;
  readonly session: Session;
}): View {
  if (session.api.token !== undefined) {
    return html`<button class="quiet" onClick=${() => session.forgetToken()}>Forget token</button>`;
  }
  if (state.kind !== "open" || status?.tokens === false) return null;
  const isEverything = status !== undefined &&
    (["read", "write", "work", "admin"] as const).every((what) =>
      isAllowedEverywhere(status, what)
    );
  if (isEverything) return null;
  return html`<button class="quiet" onClick=${() => session.askForToken()}>Enter a token</button>`;
}

function pillOf(state: SessionState): string {
  return state.kind === "open" && state.isConnected && state.trouble === undefined
    ? "good"
    : "waiting";
}

function stateText(state: SessionState): string {
  switch (state.kind) {
    case "open":
      if (!state.isConnected) return "Reconnecting…";
      return state.trouble === undefined ? "Connected" : "Out of date";
    case "needs_token":
      return state.isOptional ? "No token" : "Needs a token";
    case "refused":
      return "Refused";
    case "unreachable":
      return "No connection";
    default:
      return "Connecting…";
  }
}

/** The title of the page. */
export function titleOf(route: Route, state: SessionState): string {
  const name = route.view === "topic"
    ? route.topic
    : route.view === "group"
    ? `${route.name.group} of ${targetName(route.name)}`
    : VIEWS.find(([view]) => view === route.view)![2];
  return state.kind === "open" ? `${name} · dsmq` : "dsmq";
}
