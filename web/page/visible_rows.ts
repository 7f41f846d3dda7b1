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
    // A custom property is read as it is written: in rem.
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const height = parseFloat(getComputedStyle(list.current).getPropertyValue("--row")) * rem;
    const { top } = list.current.getBoundingClientRect();
    // Of a list that scrolls by itself only what its box shows.
    const box = list.current.closest(".tail")?.getBoundingClientRect();
    const upper = Math.max(0, box?.top ?? 0);
    const lower = Math.min(innerHeight, box?.bottom ?? innerHeight);
    const [from, to] = rowsOnScreen(top - upper, lower - upper, height, count);
    setRowHeight(height);
    setRows((before) => before[0] === from && before[1] === to ? before : [from, to]);
  };
  useLayoutEffect(() => {
    look();
    // What scrolls may be the page, or a part of it.
    addEventListener("scroll", look, { capture: true, passive: true });
    addEventListener("resize", look);
    // Its box grows when something beside it closes; without one, the list moves when something above it does.
    const observer = new ResizeObserver(look);
    observer.observe(list.current!.closest(".tail") ?? document.body);
    return () => {
      observer.disconnect();
      removeEventListener("scroll", look, { capture: true });
      removeEventListener("resize", look);
    };
  }, [count]);
  return { list, rowHeight, rows };
}
