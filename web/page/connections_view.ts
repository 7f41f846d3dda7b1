/**
 * Who is connected, and what each connection holds.
 *
 * @module
 */

import { useState } from "preact/hooks";
import type { ConnectionInfo } from "../../client.ts";
import { usePage } from "./context.ts";
import { counted, formatAge, formatBytes } from "./format.ts";
import { html, type View } from "./html.ts";
import { listInterval, MIN_LIST_INTERVAL } from "./list_interval.ts";
import { isAllowedEverywhere } from "./permissions.ts";
import { usePolling } from "./polling.ts";
import { useVisibleRows } from "./visible_rows.ts";

/** The connections. */
export function ConnectionsView(): View {
  const { mq, isBroken, status } = usePage();
  const isAdministrator = isAllowedEverywhere(status, "admin");
  const [connections, setConnections] = useState<readonly ConnectionInfo[]>();
  const [problem, setProblem] = useState<string>();
  const [endProblem, setEndProblem] = useState<string>();
  const [filter, setFilter] = useState("");
  usePolling(async () => {
    if (isBroken || !isAdministrator) return MIN_LIST_INTERVAL;
    try {
      const list = await mq.connections();
      setConnections(list);
      setProblem(undefined);
      return listInterval(list.length);
    } catch (error) {
      setProblem((error as Error).message);
      return 5 * MIN_LIST_INTERVAL;
    }
  }, [mq, isBroken, isAdministrator]);
  const shown = connections?.filter(({ id, address, identity }) =>
    [id, address, identity].some((text) => text.toLowerCase().includes(filter.toLowerCase()))
  );
  if (!isAdministrator) {
    return html`
      <h1 class="hidden">Connections</h1>
      <p class="empty">Connections are for administrators of all topics.</p>
    `;
  }
  return html`
    <h1 class="hidden">Connections</h1>
    <section class="connections" aria-label="List of connections">
      <div class="bar">
        <input type="search" aria-label="Find a connection" placeholder="Address, identity or ID" value=${filter}
          onInput=${(event: InputEvent) => setFilter((event.target as HTMLInputElement).value)} />
        <p class="help">${connections && counted(connections.length, "connection")}</p>
      </div>
      ${[problem, endProblem].map((text) =>
        text !== undefined && html`<p class="problem" role="alert">${text}</p>`
      )}
      ${connections === undefined
        ? problem === undefined && html`<p class="empty">Loading…</p>`
        : shown!.length === 0
        ? html`<p class="empty">No connection has this in its address, identity or ID.</p>`
        : html`<${Table} connections=${shown!} onProblem=${setEndProblem} />`}
    </section>
  `;
}

const COLUMNS = [
  ["address", "Address"],
  ["identity", "Identity"],
  ["permissions", "Permissions"],
  ["since", "Connected"],
  ["holds", "Holds"],
  ["unread", "Unread"],
] as const;

function Table({ connections, onProblem }: {
  readonly connections: readonly ConnectionInfo[];
  readonly onProblem: (problem: string | undefined) => void;
}): View {
  const { list, rowHeight, rows: [from, to] } = useVisibleRows(connections.length);
  return html`
    <div class="table connections-table" role="table" aria-label="Connections"
      aria-rowcount=${connections.length + 1}>
      <div class="headings" role="rowgroup">
        <div class="row head" role="row" aria-rowindex="1">
          ${COLUMNS.map(([name, title]) =>
            html`<div class=${`cell ${name}`} role="columnheader">${title}</div>`
          )}
          <div class="cell" role="columnheader"><span class="hidden">Action</span></div>
        </div>
      </div>
      <div class="rows" role="rowgroup" ref=${list} style=${{
        height: `${connections.length * rowHeight}px`,
      }}>
        ${connections.slice(from, to).map((connection, i) =>
          html`
            <${Row} key=${connection.id} connection=${connection} index=${from +
              i} rowHeight=${rowHeight}
              onProblem=${onProblem} />
          `
        )}
      </div>
    </div>
  `;
}

function Row({ connection, index, rowHeight, onProblem }: {
  readonly connection: ConnectionInfo;
  readonly index: number;
  readonly rowHeight: number;
  readonly onProblem: (problem: string | undefined) => void;
}): View {
  const { mq, status } = usePage();
  const { id, address, identity, permissions, connectedAt, unreadBytes, own } = connection;
  const [isEnding, setEnding] = useState(false);
  const end = async () => {
    setEnding(true);
    onProblem(undefined);
    try {
      await mq.disconnect(id);
    } catch (error) {
      setEnding(false);
      onProblem((error as Error).message);
    }
  };
  return html`
    <div class="row" role="row" aria-rowindex=${index + 2} style=${{
      transform: `translateY(${index * rowHeight}px)`,
    }}>
      <div class="cell address" role="cell" title=${id}><bdi>${address}</bdi>${own &&
        " (this page)"}</div>
      <div class="cell identity" role="cell"><bdi>${identity || "no token"}</bdi></div>
      <div class="cell permissions" role="cell">${permissions.join(", ") || "nothing"}</div>
      <div class="cell since" role="cell">${formatAge(status.time - connectedAt)}</div>
      <div class="cell holds"
        role="cell"><span class="short"><bdi>${identity ||
          "no token"}</bdi>, holds${" "}</span>${holdings(connection)}</div>
      <div class="cell unread" role="cell">${formatBytes(unreadBytes)}</div>
      <div class="cell action" role="cell">
        <button disabled=${isEnding} aria-label=${`Disconnect ${address} ${id}`} onClick=${end}>Disconnect</button>
      </div>
    </div>
  `;
}

/** What a connection is, and what it holds, in words. */
function holdings(
  { kind, subscriptions, workers = 0, waits = 0, cursors = 0 }: ConnectionInfo,
): string {
  if (kind === "http_stream") return "HTTP stream";
  if (kind === "http_wait") return "HTTP wait";
  const parts = [
    subscriptions > workers && counted(subscriptions - workers, "stream"),
    workers > 0 && counted(workers, "worker"),
    waits > 0 && counted(waits, "wait"),
    cursors > 0 && counted(cursors, "cursor"),
  ].filter((part) => part !== false);
  return parts.join(", ") || "nothing";
}
