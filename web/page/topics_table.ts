/**
 * The table of topics. It draws only the rows that are on the screen.
 *
 * @module
 */

import { useMemo, useState } from "preact/hooks";
import type { TopicInfo } from "../../client.ts";
import { formatAge, formatBytes, formatCount, formatRate } from "./format.ts";
import { html, type View } from "./html.ts";
import { topicHref } from "./router.ts";
import { useVisibleRows } from "./visible_rows.ts";

/** A topic, and how many messages are put into it a second. */
export interface TopicRow extends TopicInfo {
  readonly rate: number | undefined;
}

interface Column {
  readonly name: string;
  readonly title: string;
  /** What it is sorted by, the largest first; names the smallest first. */
  readonly key: (row: TopicRow) => number | string;
}

const COLUMNS: readonly Column[] = [
  { name: "topic", title: "Topic", key: ({ topic }) => topic },
  { name: "rate", title: "Puts/s", key: ({ rate = 0 }) => rate },
  { name: "count", title: "Messages", key: ({ messages }) => messages },
  { name: "bytes", title: "Size", key: ({ bytes = 0 }) => bytes },
  { name: "readers", title: "Readers", key: ({ readers = 0 }) => readers },
  { name: "age", title: "Newest", key: ({ time }) => time },
];

/** The table. `now` is the time of the server. */
export function TopicsTable({ topics, now }: {
  readonly topics: readonly TopicRow[];
  readonly now: number;
}): View {
  const [column, setColumn] = useState(COLUMNS[0]!);
  const sorted = useMemo(() => sortBy(topics, column), [topics, column]);
  const { list, rowHeight, rows: [from, to] } = useVisibleRows(sorted.length);
  return html`
    <div class="table topics-table" role="table" aria-label="Topics" aria-rowcount=${sorted.length +
      1}>
      <div role="rowgroup">
        <div class="row head" role="row" aria-rowindex="1">
          ${COLUMNS.map((one) =>
            html`
              <div class=${`cell ${one.name}`} role="columnheader"
                aria-sort=${one === column
                  ? (one === COLUMNS[0] ? "ascending" : "descending")
                  : undefined}>
                <button onClick=${() => setColumn(one)}>${one.title}</button>
              </div>
            `
          )}
        </div>
      </div>
      <div class="rows" role="rowgroup" ref=${list} style=${{
        height: `${sorted.length * rowHeight}px`,
      }}>
        ${sorted.slice(from, to).map((row, i) =>
          html`
            <${Row} key=${row.topic} row=${row} now=${now} index=${from + i}
              rowHeight=${rowHeight} />
          `
        )}
      </div>
    </div>
  `;
}

function Row({ row, now, index, rowHeight }: {
  readonly row: TopicRow;
  readonly now: number;
  readonly index: number;
  readonly rowHeight: number;
}): View {
  const { topic, rate, messages, bytes, readers, time } = row;
  return html`
    <div class="row" role="row" aria-rowindex=${index + 2} style=${{
      transform: `translateY(${index * rowHeight}px)`,
    }}>
      <div class="cell topic"
        role="cell"><a href=${topicHref(topic)} title=${topic}><bdi>${topic}</bdi></a></div>
      <div class="cell rate" role="cell">${formatRate(
        rate,
      )}<span class="unit">${" "}puts/s</span></div>
      <div class="cell count" role="cell">${formatCount(
        messages,
      )}<${Unit} of=${messages} noun="message" /></div>
      <div class="cell bytes" role="cell">${formatBytes(bytes)}</div>
      <div class="cell readers"
        role="cell">${formatCount(readers)}<${Unit} of=${readers} noun="reader" /></div>
      <div class="cell age" role="cell">${formatAge(now - time)}</div>
    </div>
  `;
}

/** The noun of a count, where no column names it: on a small screen. */
function Unit({ of, noun }: { readonly of: number | undefined; readonly noun: string }): View {
  return html`<span class="unit">${` ${noun}${of === 1 ? "" : "s"}`}</span>`;
}

function sortBy(topics: readonly TopicRow[], { key }: Column): readonly TopicRow[] {
  // They come in the order of their names.
  if (topics[0] === undefined || typeof key(topics[0]) === "string") return topics;
  return [...topics].sort((one, other) => (key(other) as number) - (key(one) as number));
}
