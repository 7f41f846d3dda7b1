/**
 * Figures side by side, each with its name.
 *
 * @module
 */

import { html, type View } from "./html.ts";

/** A name and a value. */
export type Figure = readonly [name: string, value: View];

/** Figures in a row, or in as many as they need. */
export function Figures({ figures }: { readonly figures: readonly Figure[] }): View {
  return html`
    <dl class="figures">
      ${figures.map(([name, value]) =>
        html`
          <div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>
        `
      )}
    </dl>
  `;
}
