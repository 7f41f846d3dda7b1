/**
 * The rows of a tail, the newest at the end. Whoever looks at the end stays there.
 *
 * @module
 */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { formatTime } from "./format.ts";
import { html, type View } from "./html.ts";
import type { TailState } from "./tail_state.ts";
import type { KeptMessage, TailRow } from "./tail_rows.ts";
import { useVisibleRows } from "./visible_rows.ts";

/** How much of a message stands in its row, in characters: the rest is beyond the edge. */
const LINE = 300;

/** How near to the end one is there, in pixels. */
const AT_END = 60;

/** The rows. */
export function TailList({ state, filter, onMore, onOpen }: {
  readonly state: TailState;
  readonly filter: string;
  readonly onMore: () => void;
  readonly onOpen: (message: KeptMessage) => void;
}): View {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const { rows } = state;
  const { list, rowHeight, rows: [from, to] } = useVisibleRows(rows.length);
  const dropped = useDropped(rows);
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < AT_END;
    if (isAtEnd.current && state.hasMore) onMore();
  };
  // Who has gone to a message with the keyboard is not taken away from it.
  const onFocusIn = ({ target }: FocusEvent) => {
    if (target !== box.current && (target as Element).matches(":focus-visible")) {
      isAtEnd.current = false;
    }
  };
  useEffect(() => {
    // The box is lower when something beside it opens.
    const observer = new ResizeObserver(() => {
      if (isAtEnd.current) box.current!.scrollTop = box.current!.scrollHeight;
    });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    // What is looked at stays where it is when older rows go.
    if (!isAtEnd.current || state.hasMore) box.current!.scrollTop -= dropped * rowHeight;
  }, [rows]);
  useLayoutEffect(() => {
    const { scrollHeight, clientHeight } = box.current!;
    // A replay is read from its beginning; what follows it, and what is live, from its end.
    if (isAtEnd.current && !state.hasMore) box.current!.scrollTop = scrollHeight;
    else if (state.hasMore && !state.isLoading && scrollHeight <= clientHeight) onMore();
  }, [rows, rowHeight, state.hasMore, state.isLoading]);
  useLayoutEffect(() => {
    isAtEnd.current = state.mode === "live";
    if (state.mode === "replay") box.current!.scrollTop = 0;
  }, [state.mode]);
  return html`
    <div class="tail" ref=${box} onScroll=${onScroll} onFocusIn=${onFocusIn} tabindex="0"
      role="region"
      aria-label="Messages, the newest last">
      ${rows.length === 0 && html`<p class="empty">${emptyText(state, filter)}</p>`}
      <ol class="rows" ref=${list} style=${{ height: `${rows.length * rowHeight}px` }}>
        ${rows.slice(from, to).map((row, i) =>
          html`
            <li key=${row.key} class=${`row ${row.kind}`} aria-posinset=${from + i +
              1} aria-setsize=${rows.length}
              style=${{ transform: `translateY(${(from + i) * rowHeight}px)` }}>
              ${row.kind === "note"
                ? row.text
                : html`<${MessageRow} message=${row.message} onOpen=${onOpen} />`}
            </li>
          `
        )}
      </ol>
    </div>
  `;
}

function MessageRow({ message, onOpen }: {
  readonly message: KeptMessage;
  readonly onOpen: (message: KeptMessage) => void;
}): View {
  const { time, seq, body, key } = message;
  return html`
    <button onClick=${() => onOpen(message)}>
      <span class="time">${formatTime(time)}</span>
      <span class="seq">${seq}</span>
      ${key !== undefined && html`<bdi class="key">${key.slice(0, LINE)}</bdi>`}
      ${body.trim() === ""
        ? html`<span class="none">${body === "" ? "empty" : "blank"}</span>`
        : html`<bdi class="text">${body.slice(0, LINE)}</bdi>`}
    </button>
  `;
}

function emptyText({ isLoading, isPaused, hasMore, error }: TailState, filter: string): string {
  if (error !== undefined) return "";
  if (filter !== "") return "No message has this in it.";
  if (isLoading || hasMore) return "Loading…";
  return isPaused ? "Paused." : "Waiting for messages.";
}

/** How many of the rows that were drawn before are gone from the beginning. */
function useDropped(rows: readonly TailRow[]): number {
  const before = useRef(rows);
  const first = rows[0]?.key ?? Infinity;
  const dropped = before.current === rows ? 0 : before.current.findIndex(({ key }) => key >= first);
  useLayoutEffect(() => void (before.current = rows), [rows]);
  return Math.max(0, dropped);
}
