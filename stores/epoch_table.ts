/**
 * The table of epochs, and the last number of each.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { Database } from "./engine.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS epochs (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, last INTEGER)
`;

/**
 * The epochs of a file. The row of the present one has no last number: it is written when the next epoch begins, from
 * what is in the file then. So a number that a client was sent but that is not in the file is found to lie beyond the end of its
 * epoch.
 */
export class EpochTable {
  readonly #db: Database;

  /**
   * Makes the table.
   *
   * @param db an open database
   */
  constructor(db: Database) {
    this.#db = db;
    db.exec(SCHEMA);
  }

  /** The present epoch. */
  get current(): string | undefined {
    const [row] = this.#db.prepare("SELECT epoch FROM epochs WHERE last IS NULL").all() as [
      { epoch: string }?,
    ];
    return row?.epoch;
  }

  /** Writes something that changes nothing: it fails where nothing can be written. */
  touch(): void {
    this.#db.prepare("UPDATE epochs SET epoch = epoch WHERE last IS NULL").run();
  }

  /** The last numbers of the epochs before the present one. */
  get ends(): NameMap<number> {
    const rows = this.#db.prepare("SELECT epoch, last FROM epochs WHERE last IS NOT NULL").all();
    const ends = new NameMap<number>();
    for (const { epoch, last } of rows as { epoch: string; last: number }[]) ends.set(epoch, last);
    return ends;
  }

  /** Makes the epochs of another store its own; the present one of that store ends when the next one begins. */
  restore(
    ended: readonly { readonly epoch: string; readonly last: number }[],
    present: string,
  ): void {
    const insert = this.#db.prepare("INSERT INTO epochs (epoch, last) VALUES (?, ?)");
    for (const { epoch, last } of ended) insert.run(epoch, last);
    insert.run(present, null);
  }

  /**
   * Begins an epoch, and ends the one before.
   *
   * @param epoch its name
   * @param last the last number in the file
   * @param max how many epochs are known
   */
  begin(epoch: string, last: number, max: number): void {
    this.#db.prepare("UPDATE epochs SET last = ? WHERE last IS NULL").run(last);
    this.#db.prepare("INSERT INTO epochs (epoch) VALUES (?)").run(epoch);
    this.#db.prepare(
      "DELETE FROM epochs WHERE id <= (SELECT id FROM epochs ORDER BY id DESC LIMIT 1 OFFSET ?)",
    ).run(max);
  }
}
