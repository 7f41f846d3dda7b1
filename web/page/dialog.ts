/**
 * A dialog: the rest of the page waits until it is closed.
 *
 * @module
 */

import { useEffect, useRef } from "preact/hooks";
import { html, type View } from "./html.ts";

/** A dialog that is open as long as it is drawn. */
export function Dialog({ title, onClose, children }: {
  readonly title: View;
  readonly onClose: () => void;
  readonly children?: View;
}): View {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return html`
    <dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClose}>
      <div class="dialog-head">
        <h2 id="dialog-title">${title}</h2>
        <button class="quiet" onClick=${() => dialog.current?.close()}>Close</button>
      </div>
      ${children}
    </dialog>
  `;
}
