/**
 * The table of topics. It draws only the rows that are on the screen.
 *
 * @module
 */

import { useMemo, useState } from "preact/hooks";
import type { TopicInfo } from "../../client.ts";
import { usePage } from "./context.ts";
import { formatAge, formatBytes, formatCount, formatRate } from "./format.ts";
import { html, type View } from "./html.ts";
import { topicHref } from "./router.ts";
import { sortTopics, TOPIC_COLUMNS, type TopicColumn } from "./topic_columns.ts";
import { topicName } from "./topic_name.ts";
import { useVisibleRows } from "./visible_rows.ts";

/** The table. `now` is the time of the server. */
export function TopicsTable({ topics, now }: {
  readonly topics: readonly TopicInfo[];
  readonly now: number;
}): View {
  const { topicList } = usePage();
  const [column, setColumn] = useState(topicList.column);
  const sorted = useMemo(() => sortTopics(topics, column, topicList.rates), [topics, column]);
  const sortBy = (chosen: TopicColumn) => setColumn(topicList.column = chosen);
  const { list, rowHeight, rows: [from, to] } = useVisibleRows(sorted.length);
  return html`
    <div class="table topics-table" role="table" aria-label="Topics" aria-rowcount=${sorted.length +
      1}>
      <div class="headings" role="rowgroup">
        <div class="row head" role="row" aria-rowindex="1">
          ${TOPIC_COLUMNS.map((one) =>
            html`
              <div class=${`cell ${one.name}`} role="columnheader"
                aria-sort=${one === column
                  ? (one === TOPIC_COLUMNS[0] ? "ascending" : "descending")
                  : undefined}>
                <button onClick=${() => sortBy(one)}>${one.title}</button>
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
  readonly row: TopicInfo;
  readonly now: number;
  readonly index: number;
  readonly rowHeight: number;
}): View {
  const { topicList: { rates } } = usePage();
  const { topic, messages, bytes, readers, time } = row;
  return html`
    <div class="row" role="row" aria-rowindex=${index + 2} style=${{
      transform: `translateY(${index * rowHeight}px)`,
    }}>
      <div class="cell topic"
        role="cell"><a href=${topicHref(topic)} title=${topic}><bdi>${topicName(
          topic,
        )}</bdi></a></div>
      <div class="cell rate" role="cell">${formatRate(
        rates.of(topic),
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
