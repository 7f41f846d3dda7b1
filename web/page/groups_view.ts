/**
 * The groups of workers: what each has to do, and how it does.
 *
 * @module
 */

import { useState } from "preact/hooks";
import { type GroupInfo, isDsmqError } from "../../client.ts";
import { usePage } from "./context.ts";
import { counted, formatAge, formatCount, UNKNOWN } from "./format.ts";
import { groupHref, groupKey, groupRefOf, targetName } from "./group_name.ts";
import { html, type View } from "./html.ts";
import { listInterval, MIN_LIST_INTERVAL } from "./list_interval.ts";
import { NewGroupDialog } from "./new_group_dialog.ts";
import { isAllowedSomewhere } from "./permissions.ts";
import { usePolling } from "./polling.ts";
import { useVisibleRows } from "./visible_rows.ts";

/** The groups. */
export function GroupsView(): View {
  const { mq, isBroken, status } = usePage();
  const mayWork = isAllowedSomewhere(status, "work");
  const mayList = mayWork || isAllowedSomewhere(status, "admin");
  const [groups, setGroups] = useState<readonly GroupInfo[]>();
  const [problem, setProblem] = useState<string>();
  const [filter, setFilter] = useState("");
  const [isMaking, setMaking] = useState(false);
  usePolling(async () => {
    if (isBroken || !mayList) return MIN_LIST_INTERVAL;
    try {
      const list = await mq.groups();
      setGroups(list);
      setProblem(undefined);
      return listInterval(list.length);
    } catch (error) {
      if (!isDsmqError(error)) throw error;
      setProblem(error.message);
      return 5 * MIN_LIST_INTERVAL;
    }
  }, [mq, isBroken, mayList]);
  const shown = groups?.filter((info) => {
    const ref = groupRefOf(info);
    return [targetName(ref), ref.group].some((text) =>
      text.toLowerCase().includes(filter.toLowerCase())
    );
  });
  if (!mayList) {
    return html`
      <h1 class="hidden">Groups</h1>
      <p class="empty">Groups are for those who may work on topics, and for administrators.</p>
    `;
  }
  return html`
    <h1 class="hidden">Groups</h1>
    <section class="groups" aria-label="List of groups">
      <div class="bar">
        <input type="search" aria-label="Find a group" placeholder="Topic or group" value=${filter}
          onInput=${(event: InputEvent) => setFilter((event.target as HTMLInputElement).value)} />
        ${mayWork && html`<button onClick=${() => setMaking(true)}>New group…</button>`}
        <p class="help">${groups && counted(groups.length, "group")}</p>
      </div>
      ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
      ${groups === undefined
        ? problem === undefined && html`<p class="empty">Loading…</p>`
        : groups.length === 0
        ? html`
          <p
            class="empty">There are no groups. The first worker of a topic makes one: <code>dsmq work mails -- COMMAND</code></p>
        `
        : shown!.length === 0
        ? html`<p class="empty">No group has this in its topic or its name.</p>`
        : html`<${Table} groups=${shown!} />`}
      ${isMaking && html`<${NewGroupDialog} onClose=${() => setMaking(false)} />`}
    </section>
  `;
}

const COLUMNS = [
  ["works-on", "Works on"],
  ["name", "Group"],
  ["depth", "Waiting"],
  ["oldest", "Oldest"],
  ["held", "Held"],
  ["dead", "Dead"],
  ["given-up", "Given up"],
  ["workers", "Workers"],
] as const;

function Table({ groups }: { readonly groups: readonly GroupInfo[] }): View {
  const { list, rowHeight, rows: [from, to] } = useVisibleRows(groups.length);
  return html`
    <div class="table groups-table" role="table" aria-label="Groups" aria-rowcount=${groups.length +
      1}>
      <div class="headings" role="rowgroup">
        <div class="row head" role="row" aria-rowindex="1">
          ${COLUMNS.map(([name, title]) =>
            html`<div class=${`cell ${name}`} role="columnheader">${title}</div>`
          )}
        </div>
      </div>
      <div class="rows" role="rowgroup" ref=${list} style=${{
        height: `${groups.length * rowHeight}px`,
      }}>
        ${groups.slice(from, to).map((info, i) =>
          html`
            <${Row} key=${groupKey(groupRefOf(info))} info=${info} index=${from +
              i} rowHeight=${rowHeight} />
          `
        )}
      </div>
    </div>
  `;
}

function Row({ info, index, rowHeight }: {
  readonly info: GroupInfo;
  readonly index: number;
  readonly rowHeight: number;
}): View {
  const { status } = usePage();
  const ref = groupRefOf(info);
  const { depth, held, dead, oldest, stalled, givenUp, workers } = info;
  const number = (name: string, count: number, unit: string) =>
    html`
      <div class=${`cell ${name}`} role="cell">${formatCount(
        count,
      )}<span class="unit">${` ${unit}`}</span></div>
    `;
  return html`
    <div class="row" role="row" aria-rowindex=${index + 2} style=${{
      transform: `translateY(${index * rowHeight}px)`,
    }}>
      <div class="cell works-on" role="cell"><a href=${groupHref(ref)} title=${targetName(
        ref,
      )}><bdi>${targetName(ref)}</bdi></a></div>
      <div class="cell name" role="cell"><bdi>${ref.group}</bdi>${stalled &&
        html`<strong class="problem">${" "}stalled</strong>`}</div>
      ${number("depth", depth, "waiting")}
      <div class="cell oldest" role="cell">${oldest === undefined
        ? UNKNOWN
        : formatAge(status.time - oldest)}</div>
      ${number("held", held, "held")}
      ${number("dead", dead, "dead")}
      ${number("given-up", givenUp, "given up")}
      ${number("workers", workers, workers === 1 ? "worker" : "workers")}
    </div>
  `;
}
