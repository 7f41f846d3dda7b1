/**
 * The rows of a tail: a bounded number of messages, and of large ones only the beginning.
 *
 * @module
 */

import type { PageMessage } from "./server_api.ts";

/** What is kept of a message. */
export interface KeptMessage extends PageMessage {
  /** Something is missing: the rest of the text, or the attributes. */
  readonly isCut: boolean;
}

/** A row: a message, or what is to be said between two of them. */
export type TailRow =
  | { readonly kind: "message"; readonly key: number; readonly message: KeptMessage }
  | { readonly kind: "note"; readonly key: number; readonly text: string };

/** How much is kept of the text of a message, and of its attributes, in characters. */
const KEPT = { body: 4096, attributes: 4096 } as const;

/** Which rows are shown: those that have a text in them, in any case. */
export class RowFilter {
  readonly #text: string;
  /** The whole message is looked at once, when it comes. */
  readonly #known = new WeakMap<TailRow, boolean>();

  /** Shows rows with this text; all of them, if it is empty. */
  constructor(text: string) {
    this.#text = text.toLowerCase();
  }

  /** Whether nothing is left out. */
  get isEmpty(): boolean {
    return this.#text === "";
  }

  /** Whether a row is shown. `whole` is its message, if it is known. */
  shows(row: TailRow, whole?: PageMessage): boolean {
    if (this.isEmpty || row.kind === "note") return true;
    let isShown = this.#known.get(row);
    if (isShown === undefined) {
      isShown = this.#isIn(whole ?? row.message);
      this.#known.set(row, isShown);
    }
    return isShown;
  }

  #isIn({ body, key, messageId, headers }: PageMessage): boolean {
    const texts = [body, key, messageId, ...Object.entries(headers ?? {}).flat()];
    return texts.some((text) => text?.toLowerCase().includes(this.#text));
  }
}

/** The newest rows. */
export class TailRows {
  filter = new RowFilter("");
  readonly #max: number;
  #rows: readonly TailRow[] = [];
  #lastKey = 0;

  /** Keeps at most so many. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Those that the filter shows. */
  get shown(): readonly TailRow[] {
    return this.filter.isEmpty ? this.#rows : this.#rows.filter((row) => this.filter.shows(row));
  }

  /** Adds messages, and notes between them. If there are too many rows, those that the filter does not show are dropped first. */
  add(added: readonly (PageMessage | string)[]): void {
    const rows = added.map((one): TailRow => {
      const key = ++this.#lastKey;
      if (typeof one === "string") return { kind: "note", key, text: one };
      const row: TailRow = { kind: "message", key, message: cut(one) };
      this.filter.shows(row, one);
      return row;
    });
    this.#rows = this.#bounded([...this.#rows, ...rows]);
  }

  /** Forgets all of them. */
  clear(): void {
    this.#rows = [];
  }

  #bounded(rows: readonly TailRow[]): readonly TailRow[] {
    let excess = rows.length - this.#max;
    if (excess <= 0) return rows;
    if (this.filter.isEmpty) return rows.slice(excess);
    const found = rows.filter((row) => this.filter.shows(row) || excess-- <= 0);
    return found.slice(Math.max(0, found.length - this.#max));
  }
}

/** The beginning of a message. */
function cut({ seq, time, position, body, ...attributes }: PageMessage): KeptMessage {
  const message = { seq, time, position };
  const isLong = body.length > KEPT.body;
  // A copy: a part of a string keeps all of it.
  const text = isLong ? body.slice(0, KEPT.body).split("").join("") : body;
  const isLarge = JSON.stringify(attributes).length > KEPT.attributes;
  return { ...message, body: text, ...(!isLarge && attributes), isCut: isLong || isLarge };
}
