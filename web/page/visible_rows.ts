/**
 * Draws of a long list only what is on the screen.
 *
 * @module
 */

import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type RowRange, rowsOnScreen } from "./row_range.ts";

/**
 * Which rows of a list are drawn, also while something is scrolled.
 *
 * @param count how many rows there are
 * @returns for the element that is as high as all rows; the height of a row, which its style says as `--row`; the rows
 */
export function useVisibleRows(
  count: number,
): { readonly list: RefObject<HTMLElement>; readonly rowHeight: number; readonly rows: RowRange } {
  const list = useRef<HTMLElement>(null);
  const [rowHeight, setRowHeight] = useState(40);
  const [rows, setRows] = useState<RowRange>([0, 0]);
  const look = () => {
    if (!list.current) return;
    const height = parseFloat(getComputedStyle(list.current).getPropertyValue("--row")) || 40;
    const { top } = list.current.getBoundingClientRect();
    const [from, to] = rowsOnScreen(top, innerHeight, height, count);
    setRowHeight(height);
    setRows((before) => before[0] === from && before[1] === to ? before : [from, to]);
  };
  useLayoutEffect(() => {
    look();
    // What scrolls may be the page, or a part of it.
    addEventListener("scroll", look, { capture: true, passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look, { capture: true });
      removeEventListener("resize", look);
    };
  }, [count]);
  return { list, rowHeight, rows };
}
