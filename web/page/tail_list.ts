/**
 * The rows of a tail, the newest at the end. Whoever looks at the end stays there.
 *
 * @module
 */

import { useLayoutEffect, useRef } from "preact/hooks";
import { useFollowEnd } from "./follow_end.ts";
import { formatTime } from "./format.ts";
import { html, type View } from "./html.ts";
import { useRovingFocus } from "./roving_focus.ts";
import { MARGIN, withRow } from "./row_range.ts";
import type { KeptMessage } from "./tail_rows.ts";
import type { TailState } from "./tail_state.ts";
import { emptyText } from "./tail_text.ts";
import { useVisibleRows } from "./visible_rows.ts";

/** How much of a message stands in its row, in characters: the rest is beyond the edge. */
const LINE = 300;

/** The rows. */
export function TailList({ state, filter, isOpened, onMore, onOpen }: {
  readonly state: TailState;
  readonly filter: string;
  /** A message is shown in full, in a dialog. */
  readonly isOpened: boolean;
  readonly onMore: () => void;
  readonly onOpen: (message: KeptMessage) => void;
}): View {
  const box = useRef<HTMLDivElement>(null);
  const { rows, run, hasMore } = state;
  const { list, rowHeight, rows: range } = useVisibleRows(rows.length);
  const end = useFollowEnd(box, state, rowHeight, onMore);
  const isLast = (index: number) => index === rows.length - 1;
  const focus = useRovingFocus({
    ...{ list, rows, run },
    entry: end.isAtEnd ? Infinity : range[0] && range[0] + MARGIN,
    page: Math.floor((box.current?.clientHeight ?? 0) / rowHeight),
    onMove: (index) => end.hold(!isLast(index)),
  });
  const onFocusIn = ({ target, relatedTarget }: FocusEvent) => {
    const index = Number((target as HTMLElement).dataset["index"]);
    const row = rows[index];
    if (row) focus.visit(row);
    const isByKeyboard = (target as Element).matches(":focus-visible") &&
      !isInDialog(relatedTarget);
    if (isByKeyboard) end.hold(!isLast(index));
  };
  const onFocusOut = ({ relatedTarget }: FocusEvent) => {
    const isInList = relatedTarget instanceof Node && list.current!.contains(relatedTarget);
    if (!isInList && !isInDialog(relatedTarget)) end.hold(false);
  };
  const onClick = (index: number, isByKeyboard: boolean) => {
    const row = rows[index];
    if (row?.kind !== "message") return;
    focus.visit(row);
    // Who reads it finds the list where it was.
    if (isByKeyboard) end.hold(true);
    onOpen(row.message);
  };
  const wasOpened = useRef(false);
  useLayoutEffect(() => {
    if (wasOpened.current && !isOpened) focus.restore();
    wasOpened.current = isOpened;
  }, [isOpened]);
  const letGo = () => end.hold(false);
  return html`
    <div class="tail" ref=${box} onScroll=${end.onScroll} onWheel=${letGo}
      onPointerDown=${letGo}>
      ${rows.length === 0 && html`<p class="empty">${emptyText(state, filter)}</p>`}
      <ol class="rows" ref=${list} style=${{ height: `${rows.length * rowHeight}px` }}
        role=${rows.length > 0 ? "listbox" : undefined}
        aria-label=${rows.length > 0 ? "Messages, the newest last. Enter opens one." : undefined}
        onKeyDown=${focus.onKeyDown} onFocusIn=${onFocusIn} onFocusOut=${onFocusOut}>
        ${withRow(range, focus.stop, rows.length).map((index) => {
          const row = rows[index]!;
          const place = {
            role: "option",
            tabIndex: index === focus.stop ? 0 : -1,
            "aria-posinset": index + 1,
            "aria-setsize": hasMore ? -1 : rows.length,
            "data-index": index,
          };
          return html`
            <li key=${row.key} class=${`row ${row.kind}`} role="presentation"
              style=${{ transform: `translateY(${index * rowHeight}px)` }}>
              ${row.kind === "note"
                ? html`<span ...${place} aria-disabled="true">${row.text}</span>`
                : html`
                  <button ...${place} onClick=${({ detail }: MouseEvent) =>
                    onClick(index, detail === 0)}><${Message} message=${row.message} /></button>
                `}
            </li>
          `;
        })}
      </ol>
    </div>
  `;
}

function Message({ message }: { readonly message: KeptMessage }): View {
  const { time, seq, body, key } = message;
  return html`
    <span class="time">${formatTime(time)}</span>
    <span class="seq">${seq}</span>
    ${key !== undefined && html`<bdi class="key">${key.slice(0, LINE)}</bdi>`}
    ${body.trim() === ""
      ? html`<span class="none">${body === "" ? "empty" : "blank"}</span>`
      : html`<bdi class="text">${body.slice(0, LINE)}</bdi>`}
  `;
}

function isInDialog(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("dialog") !== null;
}
