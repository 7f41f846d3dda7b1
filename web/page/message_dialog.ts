/**
 * One message in full.
 *
 * @module
 */

import { useEffect, useMemo, useState } from "preact/hooks";
import { usePage } from "./context.ts";
import { Dialog } from "./dialog.ts";
import { Entry } from "./entry.ts";
import { formatBytes, formatDate } from "./format.ts";
import { html, type View } from "./html.ts";
import { prettyJson } from "./pretty_json.ts";
import type { PageMessage } from "./server_api.ts";
import { tailFailure } from "./tail_failure.ts";
import type { KeptMessage } from "./tail_rows.ts";

/** How much of a text is shown at first, and how much more at a time: to draw it takes long. In characters. */
const [FIRST, MORE] = [32 * 1024, 128 * 1024];

/** The message, its attributes, and where it is in the topic. What is not kept of it is asked for. */
export function MessageDialog({ topic, kept, onClose }: {
  readonly topic: string;
  readonly kept: KeptMessage;
  readonly onClose: () => void;
}): View {
  const { api } = usePage();
  const [whole, setWhole] = useState<PageMessage | undefined>(kept.isCut ? undefined : kept);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    if (!kept.isCut) return;
    const ending = new AbortController();
    api.message(topic, kept, ending.signal).then((found) => {
      if (found) setWhole(found);
      else setProblem("The message is gone by now: this is its beginning.");
    }).catch((error) => {
      if (!ending.signal.aborted) setProblem(`This is its beginning: ${tailFailure(error).text}`);
    });
    return () => ending.abort();
  }, [kept]);
  const { seq, time, position, body, messageId, key, headers = {} } = whole ?? kept;
  const [shown, setShown] = useState(FIRST);
  const [isRaw, setRaw] = useState(false);
  const [copied, setCopied] = useState("");
  const pretty = useMemo(() => whole && prettyJson(whole.body), [whole]);
  const text = isRaw ? body : pretty ?? body;
  const bytes = useMemo(() => new TextEncoder().encode(body).length, [body]);
  const copy = async () => setCopied(await copyText(body));
  return html`
    <${Dialog} title=${`Message ${seq}`} onClose=${onClose}>
      <dl class="attributes">
        <${Entry} name="Stored" value=${formatDate(time)} />
        <${Entry} name="Position" value=${position} />
        <${Entry} name="Size" value=${whole
          ? `${formatBytes(bytes)}${pretty === undefined ? "" : ", JSON"}`
          : "…"} />
        ${messageId !== undefined && html`<${Entry} name="Message ID" value=${messageId} />`}
        ${key !== undefined && html`<${Entry} name="Key" value=${key} />`}
        ${Object.entries(headers).map(([name, value]) =>
          html`<${Entry} name=${name} value=${value} />`
        )}
      </dl>
      ${body === "" ? html`<p class="empty">The message is empty.</p>` : html`
        <pre class="body" role="region" tabindex="0" dir="auto"
          aria-label="Text of the message">${text.slice(0, shown)}</pre>
      `}
      ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
      <div class="buttons">
        ${text.length > shown && html`
          <button onClick=${() => setShown(shown + MORE)}>Show more</button>
        `}
        ${pretty !== undefined && html`
          <button aria-pressed=${isRaw} onClick=${() => setRaw(!isRaw)}>As it was put</button>
        `}
        <button onClick=${copy} disabled=${!whole}>Copy</button>
        <span role="status">${copied}</span>
      </div>
    <//>
  `;
}

/** Copies a text; returns what is to be said of it. */
async function copyText(text: string): Promise<string> {
  // Over plain HTTP, but for this machine, a page has none.
  const { clipboard } = navigator as Partial<Pick<Navigator, "clipboard">>;
  if (!clipboard) return "The browser lets a page copy only over HTTPS";
  return await clipboard.writeText(text).then(
    () => "Copied",
    () => "The browser does not let this page copy",
  );
}
