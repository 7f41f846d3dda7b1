/**
 * Rows that come one by one, and are drawn some at a time.
 *
 * @module
 */

import type { PageMessage } from "./server_api.ts";
import { type RowFilter, type TailRow, TailRows } from "./tail_rows.ts";
import type { TailClock } from "./tail_source.ts";

/** How often rows are drawn, in milliseconds. */
const INTERVAL = 100;

/** How rows are drawn. */
export interface RowDrawingOptions {
  /** How many rows are kept. */
  readonly max: number;
  readonly filter: RowFilter;
  readonly clock: Pick<TailClock, "pause">;
  /** Ends it: after that nothing is drawn by itself. */
  readonly signal: AbortSignal;
  /** Draws the rows that the filter shows. */
  readonly draw: (rows: readonly TailRow[]) => void;
}

/** The rows of a tail. */
export class RowDrawing {
  readonly #options: RowDrawingOptions;
  readonly #rows: TailRows;
  /** What has come and is not drawn yet. */
  #undrawn: (PageMessage | string)[] = [];

  /** Begins without rows. */
  constructor(options: RowDrawingOptions) {
    this.#options = options;
    this.#rows = new TailRows(options.max);
    this.#rows.filter = options.filter;
  }

  /** Adds messages, and notes between them. */
  add(...added: (PageMessage | string)[]): void {
    const isDue = this.#undrawn.length === 0 && added.length > 0;
    this.#undrawn.push(...added);
    if (!isDue) return;
    const { clock, signal } = this.#options;
    void clock.pause(INTERVAL, signal).then(() => {
      if (!signal.aborted) this.draw();
    });
  }

  /** Draws now. */
  draw(): void {
    this.#rows.add(this.#undrawn);
    this.#undrawn = [];
    this.#options.draw(this.#rows.shown);
  }

  /** Shows other rows of those that are there. */
  filter(filter: RowFilter): void {
    this.#rows.filter = filter;
    this.draw();
  }

  /** Forgets all rows, drawn or not. */
  clear(): void {
    this.#undrawn = [];
    this.#rows.clear();
    this.draw();
  }
}
