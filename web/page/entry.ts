/**
 * A line of a list of names and values.
 *
 * @module
 */

import { html, type View } from "./html.ts";

/** A name and its value, whichever direction their texts have. */
export function Entry({ name, value }: { readonly name: string; readonly value: string }): View {
  return html`
    <div>
      <dt><bdi>${name}</bdi></dt>
      <dd><bdi>${value}</bdi></dd>
    </div>
  `;
}
