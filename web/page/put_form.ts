/**
 * Puts a message.
 *
 * @module
 */

import { useEffect, useState } from "preact/hooks";
import { usePage } from "./context.ts";
import { html, type View } from "./html.ts";
import { attributesOf } from "./message_attributes.ts";
import { keep, readKept } from "./tab_storage.ts";

/** The form, with what is typed kept over a reload of the page. */
export function PutForm({ topic }: { readonly topic: string }): View {
  const { mq, isBroken } = usePage();
  const draftKey = `dsmq-draft:${topic}`;
  const [body, setBody] = useState(() => readKept(draftKey) ?? "");
  const [result, setResult] = useState<{ readonly text: string; readonly isProblem: boolean }>();
  const [isSending, setSending] = useState(false);
  useEffect(() => {
    keep(draftKey, body === "" || body.length > 100_000 ? undefined : body);
  }, [body]);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isSending) return;
    const form = (event.target as HTMLElement).closest("form")!;
    setSending(true);
    try {
      const seq = await mq.put(topic, body, attributesOf(new FormData(form)));
      setResult({ text: `Stored as message ${seq}`, isProblem: false });
      // Above all its ID: a repeated one stores nothing.
      form.reset();
      // What was typed meanwhile stays.
      setBody((now) => now === body ? "" : now);
    } catch (error) {
      setResult({ text: (error as Error).message, isProblem: true });
    } finally {
      setSending(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit(event);
  };
  const hint = isSending && isBroken
    ? "Waits for the connection…"
    : result?.text ?? "Ctrl + Enter puts, too";
  return html`
    <form class="put" onSubmit=${submit} onKeyDown=${onKeyDown}>
      <label for="put-body">Put a message</label>
      <textarea id="put-body" rows="2" dir="auto" spellcheck=${false} value=${body}
        onInput=${(event: InputEvent) =>
          setBody((event.target as HTMLTextAreaElement).value)}></textarea>
      <details>
        <summary>Attributes</summary>
        <div class="fields">
          <label>Message ID <input name="messageId" autocomplete="off" /></label>
          <label>Key <input name="key" autocomplete="off" /></label>
          <label>Headers, one <code>name: value</code> a line
            <textarea name="headers" rows="2" spellcheck=${false}></textarea></label>
        </div>
      </details>
      <div class="buttons">
        <button class="main" disabled=${isSending}>Put</button>
        <span class=${result?.isProblem ? "problem" : "help"} role="status">${hint}</span>
      </div>
    </form>
  `;
}
