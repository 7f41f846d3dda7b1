/**
 * Puts a message.
 *
 * @module
 */

import { useMemo } from "preact/hooks";
import { usePage } from "./context.ts";
import { type DraftFields, draftOf } from "./draft.ts";
import { html, type View } from "./html.ts";
import { useObservable } from "./use_observable.ts";

/** The form. What is typed is kept while other views are shown, and over a reload of the page. */
export function PutForm({ topic }: { readonly topic: string }): View {
  const { mq, isBroken } = usePage();
  const draft = useMemo(() => draftOf(topic), [topic]);
  const { fields, isSending, result } = useObservable(draft.state);
  const submit = (event: Event) => {
    event.preventDefault();
    void draft.put(mq);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  const field = (name: keyof DraftFields) => ({
    name,
    value: fields[name],
    onInput: ({ target }: InputEvent) =>
      draft.edit({ [name]: (target as HTMLInputElement | HTMLTextAreaElement).value }),
  });
  const hint = isSending && isBroken
    ? "Waits for the connection…"
    : result?.text ?? "Ctrl + Enter puts, too";
  return html`
    <form class="put" onSubmit=${submit} onKeyDown=${onKeyDown}>
      <label for="put-body">Put a message</label>
      <textarea id="put-body" rows="2" dir="auto" spellcheck=${false}
        ...${field("body")}></textarea>
      <details>
        <summary>Attributes</summary>
        <div class="fields">
          <label>Message ID <input autocomplete="off" ...${field("messageId")} /></label>
          <label>Key <input autocomplete="off" ...${field("key")} /></label>
          <label>Delay for groups, in seconds <input autocomplete="off" inputmode="decimal"
            ...${field("delay")} /></label>
          <label>Headers, one <code>name: value</code> a line
            <textarea rows="2" spellcheck=${false} ...${field("headers")}></textarea></label>
        </div>
      </details>
      <div class="buttons">
        <button class="main" disabled=${isSending}>Put</button>
        <span class=${result?.isProblem ? "problem" : "help"} role="status">${hint}</span>
      </div>
    </form>
  `;
}
