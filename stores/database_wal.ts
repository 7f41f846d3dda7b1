/**
 * The log (WAL) of an open database: when and how it is checkpointed, and what the database then says about it.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import { SQLITE_ERRORS, sqliteErrorCode } from "./engine.ts";
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

/** This many pages may be in the log before a checkpoint, for which all others wait. */
const CHECKPOINT_PAGES = 1000;

/** How many pages a transaction writes besides the messages. */
const OVERHEAD_PAGES = 4;

/** So often what was to be done at once is done again because another program wrote in between. */
const MAX_TRIES = 4;

/** The log cannot be checkpointed, because another program reads an earlier state. */
export class WalInUseError extends Error {}

/** Another program has removed the log, or empties it all the time. */
export class WalLostError extends UnusableFileError {}

type CheckpointHook = () => void;

/** Checkpoints the log; see `wal_mark.ts`. */
export class DatabaseWal {
  readonly #db: Database;
  readonly #disk: FileOnDisk;
  /** The log's salt when it was looked at last; while it stays the same, the log only grows. */
  #lastSalt: number | undefined;
  /** `data_version` and `schema_version` when another program had written last. */
  #dataVersion: number | undefined;
  #schemaCookie = 0;
  /** What is called before each checkpoint, and after those of others. */
  readonly beforeCheckpoint: Set<CheckpointHook> = new Set<CheckpointHook>();
  /** At most about this many pages are in the log; `Infinity`: they must be checkpointed in any case. */
  #walPages = Infinity;

  /**
   * Takes the log of a database.
   *
   * @param db the open database
   * @param disk its file
   */
  constructor(db: Database, disk: FileOnDisk) {
    this.#db = db;
    this.#disk = disk;
  }

  /** There is a log from now on. */
  begin(): void {
    this.#dataVersion = undefined;
    this.#currentSchemaCookie();
    this.#disk.opened(() => this.#minBytes(), () => this.#currentSchemaCookie());
    this.#lastSalt = this.#header?.salt;
  }

  /**
   * Writes everything in the log into the database, and both to the disk. The database then says that a log belongs
   * to it, unless another program writes all the time: then the next transaction tries it again.
   *
   * @param mode whether to wait for other programs that read or write
   * @throws {Error} if that cannot be done; then the disk may not have what is in the log
   */
  checkpoint(mode: "FULL" | "PASSIVE" = "FULL"): void {
    // Until it is done: or a file whose first one fails would have no mark for long.
    this.#walPages = Infinity;
    // What others write before the mark is removed may make it that of an earlier log, or of other tables.
    for (let tries = 0; tries < MAX_TRIES && this.#walPages > 0; tries++) {
      this.#disk.duringCheckpoint(() => {
        this.#setMark();
        this.#writeWal(mode);
      }, () => this.#setInUse());
      if (this.#disk.mark.isSet) this.#walPages = 0;
    }
    // Rather none than one that is not for this log: the next start would refuse it.
    if (this.#walPages > 0) this.#writeWal(mode);
    this.#lastSalt = this.#header?.salt;
  }

  /** Like {@linkcode DatabaseWal.checkpoint}, but then the database does not say that a log belongs to it. */
  checkpointUnmarked(): void {
    this.beforeCommit();
    this.#disk.mark.committed();
    this.#writeWal("FULL");
  }

  /**
   * Like {@linkcode DatabaseWal.checkpoint}, and nothing of what was in the log is left in its file.
   *
   * @param meanwhile called while the log is empty
   * @throws {Error} if that cannot be done
   */
  empty(meanwhile?: () => void): void {
    this.beforeCommit();
    this.#disk.mark.committed();
    // The database has everything and no mark, so for now it needs no log.
    this.#setInUse();
    this.#writeWal("TRUNCATE");
    meanwhile?.();
    this.checkpoint();
  }

  #writeWal(mode: "FULL" | "PASSIVE" | "TRUNCATE"): void {
    // Mostly not TRUNCATE: an empty log is one that was lost.
    const statement = this.#db.prepare(`PRAGMA wal_checkpoint(${mode})`);
    for (const call of this.beforeCheckpoint) call();
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

  /** Another program has checkpointed the log: the database must say again that a log belongs to it. */
  checkpointedElsewhere(): void {
    this.#walPages = Infinity;
    // What is in it is still there, until the next transaction begins it again.
    for (const call of this.beforeCheckpoint) call();
  }

  /** The end of each transaction: it removes the mark if that failed after a checkpoint. */
  beforeCommit(): void {
    if (!this.#disk.mark.isLeft) return;
    this.#disk.mark.beforeCommit();
    this.#setInUse();
  }

  /**
   * Something was committed: checkpoints if it is time for that. If it fails, the data stays in the log, where it is
   * as safe.
   *
   * @param bytes how much of the database was changed, at most
   */
  committed(bytes: number): void {
    this.#disk.mark.committed();
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

  /** Makes the mark the last thing in the log. */
  #setMark(): void {
    // With that the log starts again, if everything in it is in the database: so the mark is known before it is written.
    this.#setInUse();
    const salt = this.#salt();
    const mark = markedVersion(salt, Number(this.#pragma("schema_version")));
    this.#disk.mark.setting(mark);
    this.#setPragma(`user_version = ${mark}`);
  }

  /**
   * SQLite's `schema_version`. It is asked again only if another program has written: what SQLite has dropped from its
   * cache it reads from the file, where a copy may be by now.
   */
  #currentSchemaCookie(): number {
    const dataVersion = Number(this.#pragma("data_version"));
    if (dataVersion !== this.#dataVersion) {
      this.#schemaCookie = Number(this.#pragma("schema_version"));
      this.#dataVersion = dataVersion;
    }
    return this.#schemaCookie;
  }

  /** The least size of the log in bytes, after everything possible is in the database; 0 if that was all. */
  #minBytes(): number {
    const salt = this.#header?.salt;
    if (salt !== undefined && salt === this.#lastSalt) return Infinity;
    try {
      const [row] = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").all() as [{ log: number }];
      return row.log === 0
        ? 0
        : WAL_HEADER_BYTES + row.log * (FRAME_HEADER_BYTES + Number(this.#pragma("page_size")));
    } catch {
      // What should be in the log is not there.
      return Infinity;
    } finally {
      this.#disk.checkpointed();
      this.checkpointedElsewhere();
    }
  }

  /** The salt of the log, which has something in it unless another program has just emptied it. */
  #salt(): number {
    const path = `${this.#disk.realPath}-wal`;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.#disk.requireWalNotReplaced();
      const header = this.#header;
      if (header) {
        if (header.salt !== undefined) return header.salt;
        throw new UnusableFileError(`its log, ${path}, cannot be read`);
      }
      this.#setInUse();
    }
    // Not that it is in use: nobody knows whether the disk has what was in it.
    throw new WalLostError(`its log, ${path}, was removed or emptied by another program`);
  }

  get #header(): WalHeader | undefined {
    return readWalHeader(`${this.#disk.realPath}-wal`);
  }

  #setInUse(): void {
    this.#disk.mark.removing();
    this.#setPragma(`user_version = ${inUseVersion(this.#disk.mark.use)}`);
  }

  /** Prepared: the errors of prepared statements carry SQLite's code, those of `exec` do not. */
  #setPragma(pragma: string): void {
    this.#db.prepare(`PRAGMA ${pragma}`).run();
  }

  #pragma(pragma: string): unknown {
    const [row] = this.#db.prepare(`PRAGMA ${pragma}`).all();
    return Object.values(Object(row))[0];
  }
}

const IN_USE =
  "another program reads the file, or writes to it: end it, or stop what copies the file " +
  "all the time (such as Litestream), and purge again";

/** The error of a purge that another program is in the way of says what to do; any other is returned as it is. */
export function explainInUse(error: unknown): unknown {
  const isInUse = error instanceof WalInUseError || error instanceof WalLostError ||
    sqliteErrorCode(error) === SQLITE_ERRORS.busy;
  return isInUse ? new Error(IN_USE, { cause: error }) : error;
}
