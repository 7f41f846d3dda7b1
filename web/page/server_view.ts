/**
 * What the server is, and how near its limits are.
 *
 * @module
 */

import { usePage } from "./context.ts";
import { Entry } from "./entry.ts";
import { Figures } from "./figures.ts";
import { counted, formatBytes, formatCount, formatDate, formatDuration } from "./format.ts";
import { html, type View } from "./html.ts";
import type { LimitUse, ServerOperation, ServerStatus } from "../../http/server_status.ts";

/** From this part of a limit on it is marked. */
const NEAR = 0.8;

/** What a stored message survives, by the durability of the server. */
const DURABILITY: Readonly<Record<string, string>> = {
  memory: "memory: lost with the process",
  process: "process: survives the process, not a power failure",
  disk: "disk: survives a power failure",
  quorum: "quorum: held by several servers",
};

/** Names that read better than those of the interface. */
const LIMIT_NAMES: Readonly<Record<string, string>> = {
  connections: "Connections",
  pendingConnections: "Connections not admitted yet",
  storedBytes: "Stored messages",
  topics: "Topics",
  groups: "Groups",
  totalSubscriptions: "Streams",
  totalWaits: "Waits",
  totalCursors: "Cursors",
  totalInFlightBytes: "Requests in flight",
  totalPartialBytes: "Incomplete requests",
  totalUnreadBytes: "Not read by clients",
};

/** The server. */
export function ServerView(): View {
  const { status } = usePage();
  const { operation } = status;
  return html`
    <h1 class="hidden">Server</h1>
    <section aria-label="Server">
      <${Figures} figures=${[
        ["Version", status.server.replace(/^dsmq\//, "")],
        ["Up for", operation && formatDuration(operation.uptime)],
        ["Durability", status.durability],
        ["Retention", formatDuration(status.retention)],
      ].filter(([, value]) => value !== undefined)} />
      ${operation?.fault && html`<p class="problem" role="alert">${operation.fault}</p>`}
    </section>
    ${operation
      ? html`<${Details} status=${status} operation=${operation} />`
      : html`<p class="empty">More is for administrators of all topics.</p>`}
  `;
}

function Details({ status, operation }: {
  readonly status: ServerStatus;
  readonly operation: ServerOperation;
}): View {
  const { counts, memory, limits } = operation;
  return html`
    <section class="columns">
      <div>
        <h2>Limits</h2>
        <ul class="limits">${limits.map((limit) =>
          html`<${Limit} key=${limit.name} limit=${limit} />`
        )}</ul>
      </div>
      <div>
        <h2>Since the start</h2>
        <dl class="list">
          <${Entry} name="Stored" value=${`${counted(counts.stored, "message")} (${
            formatBytes(counts.storedBytes)
          })`} />
          <${Entry} name="Delivered" value=${`${counted(counts.delivered, "message")} (${
            formatBytes(counts.deliveredBytes)
          })`} />
          <${Entry} name="Duplicates" value=${formatCount(counts.duplicates)} />
          <${Entry} name="Refused requests" value=${formatCount(counts.refused)} />
          <${Entry} name="Dropped connections" value=${formatCount(counts.dropped)} />
          <${Entry} name="of these, slow readers" value=${formatCount(counts.slowReaders)} />
        </dl>
        <h2>Process</h2>
        <dl class="list">
          <${Entry} name="Started" value=${formatDate(operation.startedAt)} />
          <${Entry} name="Memory" value=${`${formatBytes(memory.rss)} (objects: ${
            formatBytes(memory.heapUsed)
          })`} />
          <${Entry} name="Store" value=${operation.store} />
          <${Entry} name="Durability" value=${DURABILITY[status.durability] ?? status.durability} />
          <${Entry} name="SQLite engine" value=${operation.engine} />
          <${Entry} name="Transport" value=${operation.transport} />
          <${Entry} name="Epoch" value=${status.epoch} />
        </dl>
      </div>
    </section>
  `;
}

function Limit({ limit: { name, used, limit, unit } }: { readonly limit: LimitUse }): View {
  const share = limit > 0 ? (used ?? 0) / limit : 0;
  const format = unit === "bytes" ? formatBytes : formatCount;
  const title = LIMIT_NAMES[name] ?? name;
  return html`
    <li class=${share >= NEAR ? "near" : ""}>
      <span>${title}</span>
      <span class="used">${format(used ?? undefined)} of ${format(limit)}${share >= NEAR &&
        html`<strong>${` ${Math.floor(share * 100)} %`}</strong>`}</span>
      <progress value=${Math.min(1, share)} max="1" aria-label=${`${title}: ${
        format(used ?? undefined)
      } of ${format(limit)}`}></progress>
    </li>
  `;
}
