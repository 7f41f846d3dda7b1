/**
 * A tail of the page without any waiting, and what a test asks of it.
 *
 * @module
 */

import { TopicTail } from "../../web/page/tail.ts";
import type { TailState } from "../../web/page/tail_state.ts";
import type { PageServer } from "./page_server.ts";

/** The numbers from one to another. */
export function upTo(last: number, from = 1): number[] {
  return Array.from({ length: last - from + 1 }, (_, i) => from + i);
}

/** The numbers of the messages that are shown. */
export function seqsOf({ rows }: Pick<TailState, "rows">): number[] {
  return rows.flatMap((row) => row.kind === "message" ? [row.message.seq] : []);
}

/** What is said between them. */
export function notesOf({ rows }: Pick<TailState, "rows">): string[] {
  return rows.flatMap((row) => row.kind === "note" ? [row.text] : []);
}

/** Resolves when nothing moves any more: whatever is not waited for by a clock has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/**
 * A tail of a server, and what waits until it is in some state.
 *
 * @param server what it reads from
 * @param isStill time passes only where the test calls `pass`. Default: each wait is over at once
 */
export function openTail(server: PageServer, { isStill = false } = {}) {
  let time = 0;
  const waits = new Set<() => void>();
  const clock = {
    now: () => time,
    pause(milliseconds: number, signal: AbortSignal) {
      // What is drawn takes no time; between two samples it passes.
      if (milliseconds >= 500) time += milliseconds;
      if (!isStill || signal.aborted) return Promise.resolve();
      return new Promise<void>((resolve) => {
        waits.add(resolve);
        signal.addEventListener("abort", () => resolve());
      });
    },
    seen: () => Promise.resolve(),
  };
  /** Ends all waits of now. */
  const pass = async () => {
    await settled();
    for (const end of waits) end();
    waits.clear();
    await settled();
  };
  const tail = new TopicTail({ ...server.source, clock });
  const until = (isThere: (state: TailState) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (!isThere(tail.state.value)) return;
        end();
        resolve();
      };
      const end = tail.state.follow(look);
      look();
    });
  const has = (...seqs: number[]) => until((state) => `${seqsOf(state)}` === `${seqs}`);
  return { tail, until, has, pass, [Symbol.dispose]: () => tail.stop() };
}
