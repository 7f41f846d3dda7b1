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
  const isRestoring = useRef(false);
  useEffect(() => {
    const onScroll = () => {
      // Until then it is only as far as the list is there.
      if (!isRestoring.current) positions.current.set(entry.current, scrollY);
    };
    addEventListener("scroll", onScroll, { passive: true });
    return () => removeEventListener("scroll", onScroll);
  }, []);
  useLayoutEffect(() => {
    entry.current = nameOfEntry();
    if (shown.current === route) return undefined;
    shown.current = route;
    // The browser knows it, too, but scrolls while the former view is still there, which may be too short.
    const position = positions.current.get(entry.current) ?? 0;
    isRestoring.current = true;
    const stop = scrollOnceHighEnough(position, () => isRestoring.current = false);
    const heading = document.querySelector<HTMLElement>("main h1") ??
      document.querySelector("main")!;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    return stop;
  }, [route]);
}

/** How long a view may take to be as high as it was, in milliseconds. */
const MAX_GROWTH_TIME = 10_000;

/** What a person does to scroll. */
const INPUTS = ["wheel", "touchstart", "pointerdown", "keydown"] as const;

/**
 * Scrolls the page, once it is high enough: a long list may have to be loaded first, and knows how high its rows are only once
 * they are drawn.
 *
 * @param position in pixels
 * @param onEnd is called when it has scrolled, or was given up
 * @returns gives it up, as does a person who scrolls
 */
function scrollOnceHighEnough(position: number, onEnd: () => void): () => void {
  scrollTo(0, position);
  if (Math.ceil(scrollY) >= position) {
    onEnd();
    return () => {};
  }
  const observer = new ResizeObserver(() => {
    scrollTo(0, position);
    if (Math.ceil(scrollY) >= position) stop();
  });
  const timer = setTimeout(() => stop(), MAX_GROWTH_TIME);
  const stop = () => {
    clearTimeout(timer);
    observer.disconnect();
    for (const input of INPUTS) removeEventListener(input, stop);
    onEnd();
  };
  observer.observe(document.body);
  for (const input of INPUTS) addEventListener(input, stop, { passive: true });
  return stop;
}

/** The name of the present entry of the history, which gets one if it has none. */
function nameOfEntry(): string {
  const state = history.state as EntryState | null;
  if (state) return state.name;
  const name = `${performance.timeOrigin + performance.now()}`;
  history.replaceState({ name } satisfies EntryState, "");
  return name;
}
