/**
 * What stands in the place of a view while there is no server to show.
 *
 * @module
 */

import { html, type View } from "./html.ts";
import type { Session } from "./session.ts";
import type { SessionState } from "./session_state.ts";
import { TokenForm } from "./token_form.ts";

/** Says why, or asks for a token. */
export function NotOpen({ state, session }: {
  readonly state: SessionState;
  readonly session: Session;
}): View {
  switch (state.kind) {
    case "needs_token":
      return html`
        <${TokenForm} reason=${state.reason} isOptional=${state.isOptional}
          onToken=${(token: string | undefined) => session.enterToken(token)} />
      `;
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
          <p>${state.trouble}</p>
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
