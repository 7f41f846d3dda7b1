/**
 * One message in full.
 *
 * @module
 */

import { useMemo, useState } from "preact/hooks";
import { Dialog } from "./dialog.ts";
import { formatBytes, formatDate } from "./format.ts";
import { html, type View } from "./html.ts";
import { prettyJson } from "./pretty_json.ts";
import type { PageMessage } from "./server_api.ts";

/** A longer text is shown in part at first: to draw it takes long. In characters. */
const AT_ONCE = 32 * 1024;

/** The message, its attributes, and where it is in the topic. */
export function MessageDialog({ message, onClose }: {
  readonly message: PageMessage;
  readonly onClose: () => void;
}): View {
  const { seq, time, position, body, messageId, key, headers = {} } = message;
  const [isWhole, setWhole] = useState(false);
  const [isRaw, setRaw] = useState(false);
  const [copied, setCopied] = useState("");
  const pretty = useMemo(() => prettyJson(body), [body]);
  const text = isRaw ? body : pretty ?? body;
  const bytes = useMemo(() => new TextEncoder().encode(body).length, [body]);
  const copy = () =>
    navigator.clipboard.writeText(body).then(
      () => setCopied("Copied"),
      () => setCopied("The browser does not let this page copy"),
    );
  return html`
    <${Dialog} title=${`Message ${seq}`} onClose=${onClose}>
      <dl class="attributes">
        <${Entry} name="Stored" value=${formatDate(time)} />
        <${Entry} name="Position" value=${position} />
        <${Entry} name="Size" value=${`${formatBytes(bytes)}${
          pretty === undefined ? "" : ", JSON"
        }`} />
        ${messageId !== undefined && html`<${Entry} name="Message ID" value=${messageId} />`}
        ${key !== undefined && html`<${Entry} name="Key" value=${key} />`}
        ${Object.entries(headers).map(([name, value]) =>
          html`<${Entry} name=${name} value=${value} />`
        )}
      </dl>
      ${body === "" ? html`<p class="empty">The message is empty.</p>` : html`
        <pre class="body" role="region" tabindex="0" dir="auto"
          aria-label="Text of the message">${isWhole ? text : text.slice(0, AT_ONCE)}</pre>
      `}
      <div class="buttons">
        ${text.length > AT_ONCE && !isWhole && html`
          <button onClick=${() => setWhole(true)}>Show all ${formatBytes(bytes)}</button>
        `}
        ${pretty !== undefined && html`
          <button aria-pressed=${isRaw} onClick=${() => setRaw(!isRaw)}>As it was put</button>
        `}
        <button onClick=${copy}>Copy</button>
        <span role="status">${copied}</span>
      </div>
    <//>
  `;
}

function Entry({ name, value }: { readonly name: string; readonly value: string }): View {
  return html`
    <div>
      <dt><bdi>${name}</bdi></dt>
      <dd><bdi>${value}</bdi></dd>
    </div>
  `;
}
