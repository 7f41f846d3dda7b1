/**
 * The log of an open database: when and how it is brought into that, and what the database then says of it.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import { UnusableFileError } from "./file_faults.ts";
import type { FileOnDisk } from "./file_on_disk.ts";
import {
  countWalFrames,
  FRAME_HEADER_BYTES,
  inUseVersion,
  markedVersion,
  readWalHeader,
  WAL_HEADER_BYTES,
  type WalHeader,
} from "./wal_mark.ts";

/** So many pages may be in the log before they are brought into the database: all others wait until they are there. */
const CHECKPOINT_PAGES = 1000;

/** What a transaction writes beside the messages themselves, in pages. */
const OVERHEAD_PAGES = 4;

/** What is in the log cannot be brought into the database, for another program reads what was there before. */
export class WalInUseError extends Error {}

/** What is done with the log; see `log_mark.ts`. */
export class DatabaseWal {
  readonly #db: Database;
  readonly #disk: FileOnDisk;
  /** That of the log when it was looked at last; as long as it has this one, it only grows. */
  #lastSalt: number | undefined;
  /** No more than about so many pages are in the log; `Infinity`: they are to be brought into the database in any case. */
  #walPages = Infinity;

  /**
   * Takes the log of a database.
   *
   * @param db the open database
   * @param disk where it is
   */
  constructor(db: Database, disk: FileOnDisk) {
    this.#db = db;
    this.#disk = disk;
  }

  /** There is a log from now on. */
  begin(): void {
    this.#disk.opened(() => this.#minBytes(), () => Number(this.#pragma("schema_version")));
    this.#lastSalt = this.#header?.salt;
  }

  /**
   * Brings all that is in the log into the database itself, and both to the disk. The database then says that a log goes
   * with it.
   *
   * @param mode whether to wait for other programs that read or write
   * @throws {Error} if that cannot be done; what is in the log may not be on the disk then
   */
  checkpoint(mode: "FULL" | "PASSIVE" = "FULL"): void {
    this.#walPages = 0;
    this.#disk.duringCheckpoint(() => {
      try {
        this.#setMark();
        this.checkpointUnmarked(mode);
      } finally {
        this.#setInUse();
      }
    });
    this.#lastSalt = this.#header?.salt;
  }

  /** As {@linkcode DatabaseWal.checkpoint}, but the database does not say then that a log goes with it. */
  checkpointUnmarked(mode: "FULL" | "PASSIVE" = "FULL"): void {
    // Not TRUNCATE: a log without anything in it is one that was lost.
    const statement = this.#db.prepare(`PRAGMA wal_checkpoint(${mode})`);
    let row: { busy: number; log: number; checkpointed: number } | undefined;
    try {
      [row] = statement.all() as [typeof row];
    } finally {
      this.#disk.checkpointed();
    }
    if (row?.busy !== 0 || row.checkpointed !== row.log) {
      throw new WalInUseError(
        "its log cannot be written to the database: another program reads there",
      );
    }
  }

  /** Another program has brought the log into the database: that is to say again that a log goes with it. */
  checkpointedElsewhere(): void {
    this.#walPages = Infinity;
  }

  /**
   * Something was committed: brings it into the database itself if it is time for that. If that fails, it stays in the
   * log, where it is as safe.
   *
   * @param bytes how much of the database was changed, at most
   */
  committed(bytes: number): void {
    this.#walPages += OVERHEAD_PAGES + bytes / 4096;
    if (this.#walPages < CHECKPOINT_PAGES) return;
    try {
      // Changes that share pages take less than was counted.
      if (this.#walPages < Infinity) this.#walPages = countWalFrames(`${this.#disk.realPath}-wal`);
      if (this.#walPages < CHECKPOINT_PAGES) return;
      this.checkpoint("PASSIVE");
    } catch {
      this.#walPages = CHECKPOINT_PAGES / 2;
    }
  }

  /** The last in the log is the mark now. */
  #setMark(): void {
    const schemaCookie = Number(this.#pragma("schema_version"));
    for (let salt = this.#salt(), before; salt !== before;) {
      this.#setPragma(`user_version = ${markedVersion(salt, schemaCookie)}`);
      before = salt;
      // By that the log may have begun anew: all that was in it was in the database.
      salt = this.#salt();
    }
  }

  /** How large the log has to be at least, in bytes, after what can be is brought into the database; 0 if that was all. */
  #minBytes(): number {
    const salt = this.#header?.salt;
    if (salt !== undefined && salt === this.#lastSalt) return Infinity;
    try {
      const [row] = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").all() as [{ log: number }];
      return row.log === 0
        ? 0
        : WAL_HEADER_BYTES + row.log * (FRAME_HEADER_BYTES + Number(this.#pragma("page_size")));
    } catch {
      // What should be in it is not.
      return Infinity;
    } finally {
      this.#disk.checkpointed();
      this.checkpointedElsewhere();
    }
  }

  /** That of the log, which has one once anything is in it. */
  #salt(): number {
    if (!this.#header) this.#setInUse();
    const salt = this.#header?.salt;
    if (salt === undefined) {
      throw new UnusableFileError(`its log, ${this.#disk.realPath}-wal, cannot be read`);
    }
    return salt;
  }

  get #header(): WalHeader | undefined {
    return readWalHeader(`${this.#disk.realPath}-wal`);
  }

  #setInUse(): void {
    this.#setPragma(`user_version = ${inUseVersion(this.#disk.use)}`);
  }

  /** Prepared: the errors of these carry SQLite's code, those of `exec` none. */
  #setPragma(pragma: string): void {
    this.#db.prepare(`PRAGMA ${pragma}`).run();
  }

  #pragma(pragma: string): unknown {
    const [row] = this.#db.prepare(`PRAGMA ${pragma}`).all();
    return Object.values(Object(row))[0];
  }
}
