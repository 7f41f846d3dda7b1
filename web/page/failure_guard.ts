/**
 * Keeps a failure of one view from taking the whole page with it.
 *
 * @module
 */

import { Component } from "preact";
import { html, type View } from "./html.ts";

/** Draws what it is given, or, if that fails, says so. */
export class FailureGuard extends Component<{ readonly children?: View }, { error?: Error }> {
  override state: { error?: Error } = {};

  /** What was drawn has thrown. */
  static override getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  /** What is drawn. */
  override render(): View {
    const { error } = this.state;
    if (!error) return this.props.children;
    return html`
      <section class="panel" role="alert">
        <h1>The page failed</h1>
        <p>${error.message}</p>
        <button onClick=${() => location.reload()}>Load it again</button>
      </section>
    `;
  }
}
