/**
 * What a change of the view does, as between pages of a site: a new one begins at its top, one that is returned to is where it
 * was left, and who has the page read aloud hears its heading.
 *
 * @module
 */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Route } from "./router.ts";

/** What is kept with an entry of the history. */
interface EntryState {
  /** Its name, among those since the page was loaded. */
  readonly name: string;
}

/** Scrolls, and moves the focus, when another route is shown than before. */
export function useViewChange(route: Route): void {
  const shown = useRef(route);
  /** How far the page is scrolled in each entry of the history, in pixels. */
  const positions = useRef(new Map<string, number>());
  const entry = useRef("");
  useEffect(() => {
    const onScroll = () => void positions.current.set(entry.current, scrollY);
    addEventListener("scroll", onScroll, { passive: true });
    return () => removeEventListener("scroll", onScroll);
  }, []);
  useLayoutEffect(() => {
    entry.current = nameOfEntry();
    if (shown.current === route) return;
    shown.current = route;
    // The browser knows it, too, but scrolls while the former view is still there, which may be too short.
    const position = positions.current.get(entry.current) ?? 0;
    scrollTo(0, position);
    // A long list knows how high its rows are only once they are drawn.
    if (scrollY < position) requestAnimationFrame(() => scrollTo(0, position));
    const heading = document.querySelector<HTMLElement>("main h1") ??
      document.querySelector("main")!;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }, [route]);
}

/** The name of the present entry of the history, which gets one if it has none. */
function nameOfEntry(): string {
  const state = history.state as EntryState | null;
  if (state) return state.name;
  const name = `${performance.timeOrigin + performance.now()}`;
  history.replaceState({ name } satisfies EntryState, "");
  return name;
}
