/**
 * Tasks that keep a page from answering: those of 50 ms and more, as browsers define them.
 *
 * @module
 */

import type { Page } from "playwright-core";

/** A long task of a page. */
export interface LongTask {
  /** When it began, in milliseconds after the page did. */
  readonly start: number;
  /** How long it took, in milliseconds. */
  readonly duration: number;
  /** What scripts had a part of 5 ms and more in it. The rest is the browser's own work, such as layout. */
  readonly scripts: readonly LongScript[];
}

/** A script in a long task. */
export interface LongScript {
  /** The address of its file; `""` for one that a tool injects. */
  readonly url: string;
  /** What called it, such as `WebSocket.onmessage`. */
  readonly invoker: string;
  /** In milliseconds. */
  readonly duration: number;
}

/** A page has it; Deno's types have not. */
declare function requestAnimationFrame(callback: () => void): number;

/** Runs in the page, before its scripts. */
function observe() {
  /** A `long-animation-frame`, which TypeScript does not know. */
  interface Frame extends PerformanceEntry {
    readonly scripts: readonly (PerformanceEntry & { sourceURL: string; invoker: string })[];
  }
  const tasks: PerformanceEntry[] = [];
  const frames: Frame[] = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
  observer.observe({ type: "longtask" });
  const framing = new PerformanceObserver((list) => frames.push(...list.getEntries() as Frame[]));
  framing.observe({ type: "long-animation-frame" });

  async function longTasks(): Promise<LongTask[]> {
    const nextFrame = async () => {
      await new Promise<void>((resolve) => requestAnimationFrame(() => resolve()));
      await new Promise((resolve) => setTimeout(resolve));
      tasks.push(...observer.takeRecords());
      frames.push(...framing.takeRecords() as Frame[]);
    };
    const isTold = ({ startTime }: PerformanceEntry) =>
      frames.some((frame) =>
        frame.startTime <= startTime && startTime <= frame.startTime + frame.duration
      );
    // A frame is told once the one after it has begun: on a busy machine that takes longer. A task may be in none.
    await nextFrame();
    for (let i = 0; i === 0 || i < 20 && !tasks.every(isTold); i++) await nextFrame();
    const scripts = frames.flatMap((frame) => frame.scripts);
    return tasks.map(({ startTime: start, duration }) => ({
      start,
      duration,
      scripts: scripts
        .filter(({ startTime }) => startTime >= start && startTime < start + duration)
        .map(({ sourceURL: url, invoker, duration }) => ({ url, invoker, duration })),
    }));
  }
  Object.assign(globalThis, { longTasks });
}

/**
 * Records the long tasks of a page.
 *
 * @param page before it goes to its address
 * @returns all of its present document, when called
 */
export async function recordLongTasks(page: Page): Promise<() => Promise<LongTask[]>> {
  await page.addInitScript(observe);
  return () => page.evaluate<LongTask[]>("longTasks()");
}
