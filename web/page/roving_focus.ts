/**
 * A list that is one stop for the Tab key; other keys go from row to row in it (a "roving tabindex").
 *
 * @module
 */

import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { rowOfKey } from "./list_keys.ts";
import type { TailRow } from "./tail_rows.ts";

/** A list of rows, and where the keyboard is in it. */
export interface RovingFocus {
  /** The index of the row that the Tab key goes to. It has to be drawn, wherever the list is scrolled to; -1: there are no rows. */
  readonly stop: number;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  /** A row has the focus, or is chosen. */
  visit(row: TailRow): void;
  /** Brings the focus back, if its row is gone meanwhile. */
  restore(): void;
}

/**
 * Goes from row to row.
 *
 * @param list the element of the list; the row of the stop has `tabindex="0"`
 * @param rows all of them, also those that are not drawn, in the order of their keys
 * @param entry where the Tab key enters a list in which nobody was
 * @param page how many rows are seen at once
 * @param onMove called when a key goes to a row
 * @param run what changes when the rows are others
 */
export function useRovingFocus(
  { list, rows, entry, page, run, onMove }: {
    readonly list: RefObject<HTMLElement>;
    readonly rows: readonly TailRow[];
    readonly entry: number;
    readonly page: number;
    readonly run: number;
    readonly onMove: (index: number) => void;
  },
): RovingFocus {
  const [visited, setVisited] = useState({ run, key: -1 });
  const isMoving = useRef(false);
  // A row may go while its message is read, or another filter is typed: then the next one takes its place.
  const found = rows.findIndex(({ key }) => key >= visited.key);
  const isKnown = visited.run === run && visited.key >= 0;
  const stop = isKnown && found >= 0
    ? found
    : Math.min(rows.length - 1, isKnown ? Infinity : entry);
  const focus = () => {
    const row = list.current?.querySelector<HTMLElement>('[tabindex="0"]');
    row?.focus({ preventScroll: true });
    return row;
  };
  const hadFocus = list.current?.contains(document.activeElement) === true;
  useLayoutEffect(() => {
    // To draw the rows anew may have moved the one with the focus, or dropped it.
    if (hadFocus && !list.current!.contains(document.activeElement)) focus();
    if (!isMoving.current) return;
    isMoving.current = false;
    focus()?.scrollIntoView({ block: "nearest" });
  });
  const visit = ({ key }: TailRow) => setVisited({ run, key });
  return {
    stop,
    visit,
    restore: () => void (document.activeElement === document.body && focus()),
    onKeyDown(event) {
      const { key, ctrlKey, altKey, metaKey, shiftKey } = event;
      if (ctrlKey || altKey || metaKey || shiftKey) return;
      const index = rowOfKey(key, stop, page, rows.length);
      if (index === undefined) return;
      event.preventDefault();
      isMoving.current = true;
      visit(rows[index]!);
      onMove(index);
    },
  };
}
