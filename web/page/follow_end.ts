/**
 * Keeps the end of a growing list in view for who looks at it, and everything else where it is.
 *
 * @module
 */

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { TailRow } from "./tail_rows.ts";
import type { TailState } from "./tail_state.ts";

/** How near to the end one is there, in pixels. */
const AT_END = 60;

/** What the list says, and asks. */
export interface EndFollower {
  /** The end is in view, and stays there. */
  readonly isAtEnd: boolean;
  /** Whoever is at a row with the keyboard is not taken away from it; `false`: nobody is any more. */
  hold(isHeld: boolean): void;
  readonly onScroll: () => void;
}

/**
 * Follows the end of a tail.
 *
 * @param box what scrolls
 * @param state what it shows
 * @param rowHeight in pixels
 * @param onMore called where a replay should go on
 */
export function useFollowEnd(
  box: RefObject<HTMLElement>,
  state: TailState,
  rowHeight: number,
  onMore: () => void,
): EndFollower {
  const isAtEnd = useRef(true);
  const isHeld = useRef(false);
  const { rows, run, mode, hasMore, isLoading } = state;
  const dropped = useDropped(rows);
  const look = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    const isNear = scrollHeight - scrollTop - clientHeight < AT_END;
    isAtEnd.current = isNear && !isHeld.current;
    return isNear;
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
    if (!isAtEnd.current || hasMore) box.current!.scrollTop -= dropped * rowHeight;
  }, [rows]);
  useLayoutEffect(() => {
    const { scrollHeight, clientHeight } = box.current!;
    // A replay is read from its beginning; what follows it, and what is live, from its end.
    if (isAtEnd.current && !hasMore) box.current!.scrollTop = scrollHeight;
    else if (hasMore && !isLoading && scrollHeight <= clientHeight) onMore();
  }, [rows, rowHeight, hasMore, isLoading]);
  useLayoutEffect(() => {
    isAtEnd.current = mode === "live";
    isHeld.current = false;
    if (mode === "replay") box.current!.scrollTop = 0;
  }, [run]);
  return {
    get isAtEnd() {
      return isAtEnd.current;
    },
    hold(held) {
      isHeld.current = held;
      look();
    },
    onScroll() {
      // An empty list scrolls by itself, when its rows go.
      if (rows.length > 0 && look() && hasMore) onMore();
    },
  };
}

/** How many of the rows that were drawn before are gone from the beginning. */
function useDropped(rows: readonly TailRow[]): number {
  const before = useRef(rows);
  const first = rows[0]?.key ?? Infinity;
  const dropped = before.current === rows ? 0 : before.current.findIndex(({ key }) => key >= first);
  useLayoutEffect(() => void (before.current = rows), [rows]);
  return Math.max(0, dropped);
}
