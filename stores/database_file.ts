/**
 * A database in a file: how it is opened, whose it is, and where its messages begin and end.
 *
 * @module
 */

import type { FileDurability } from "../protocol/encode_replies.ts";
import type { Database, Engine, Statement } from "./engine.ts";
import { DatabaseWal } from "./database_wal.ts";
import { EpochTable } from "./epoch_table.ts";
import { UnusableFileError } from "./file_faults.ts";
import type { FileOnDisk } from "./file_on_disk.ts";
import { WAL_SIZE_LIMIT } from "./wal_file.ts";
import { STATE_TABLE, upgradeFrom1, upgradeFrom2 } from "./file_upgrade.ts";
import type { DroppedRange } from "./gone_index.ts";
import {
  APPLICATION_ID,
  FIRST_SCHEMA_VERSION,
  inUseVersion,
  SCHEMA_VERSION,
  schemaVersionOf,
} from "./wal_mark.ts";
import type { SeqRangeState } from "./seq_range.ts";

/** How a file is opened. */
export interface FileLocation {
  /** The path as it was given, for messages. */
  readonly path: string;
  readonly disk: FileOnDisk;
  readonly engine: Engine;
  readonly durability: FileDurability;
}

/** The state of a file's history. */
export interface FileState extends SeqRangeState {
  /** The store's time. */
  readonly clock: number;
  /** How long messages are kept, in milliseconds. */
  readonly retention: number;
  /** What was evicted before it expired. */
  readonly dropped: DroppedRange;
  /** See {@linkcode DedupIndex.evictedTo}. */
  readonly evictedTo: number;
}

interface Row {
  readonly store: string;
  readonly floor: number;
  readonly last: number;
  readonly time: number;
  readonly clock: number;
  readonly retention: number;
  readonly drop_up_to: number;
  readonly drop_at: number;
  readonly drop_retention: number;
  readonly lost: number;
}

/** How long a commit waits for another program that is writing, in milliseconds; the process is blocked meanwhile. */
const BUSY_TIMEOUT = 200;

/**
 * An open file. Other programs may read it meanwhile, and copy it by SQLite's own means.
 *
 * Nothing is changed in a file before it is known to be new or one of dsmq.
 */
export class DatabaseFile {
  readonly db: Database;
  readonly epochs: EpochTable;
  readonly wal: DatabaseWal;
  readonly disk: FileOnDisk;
  readonly #sql: Record<
    "read" | "save" | "begin" | "commit" | "rollback" | "changes",
    Statement
  >;
  /** SQLite changes this when another program has committed something. */
  #dataVersion: unknown;
  /**
   * Opens a file, or makes a new one, in a transaction that stays open for what else is to be stored.
   *
   * @param place which file, and how
   * @param check whether to read all of it, and to refuse it if it is damaged, unless it was closed properly
   * @param now the time
   * @throws {Error} if it cannot be used; the message says why
   */
  constructor({ disk, engine, durability }: FileLocation, check: boolean, now: number) {
    disk.requireSameFile();
    this.disk = disk;
    this.db = engine.open(disk.realPath);
    try {
      this.#pragma(`busy_timeout = ${BUSY_TIMEOUT}`);
      // Only by `checkpoint`, so that the file itself always has its mark.
      this.#pragma("wal_autocheckpoint = 0");
      const schemaVersion = this.#schemaVersion();
      if (check && schemaVersion !== undefined) this.#checkUnlessClean();
      const mode = this.#pragma("journal_mode = WAL");
      if (mode !== "wal") {
        throw new UnusableFileError(`its journal mode is ${mode} and cannot be changed`);
      }
      this.#pragma(`synchronous = ${durability === "disk" ? "full" : "normal"}`);
      // macOS flushes a disk's own cache only if it is asked to. Elsewhere this means nothing.
      this.#pragma(`fullfsync = ${durability === "disk" ? 1 : 0}`);
      this.#pragma(`checkpoint_fullfsync = ${durability === "disk" ? 1 : 0}`);
      this.#pragma(`journal_size_limit = ${WAL_SIZE_LIMIT}`);
      // What is deleted is overwritten, but for whole pages that become free; see `page_gaps.ts` for these.
      this.#pragma("secure_delete = FAST");
      this.db.prepare("BEGIN IMMEDIATE").run();
      if (schemaVersion === undefined) this.#create(now);
      else if (schemaVersion < SCHEMA_VERSION) this.#upgrade(schemaVersion, now);
      // Files of the first drafts have it, perhaps with what a killed process has left there.
      this.db.prepare("DROP TABLE IF EXISTS filler").run();
      this.epochs = new EpochTable(this.db);
      this.wal = new DatabaseWal(this.db, disk);
      this.#sql = {
        read: this.db.prepare("SELECT * FROM state"),
        save: this.db.prepare(
          "UPDATE state SET floor = ?, last = ?, time = ?, clock = ?, retention = ?, " +
            "drop_up_to = ?, drop_at = ?, drop_retention = ?, lost = ?",
        ),
        begin: this.db.prepare("BEGIN"),
        commit: this.db.prepare("COMMIT"),
        rollback: this.db.prepare("ROLLBACK"),
        changes: this.db.prepare("PRAGMA data_version"),
      };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Commits the transaction in which it was opened. With `write`, a file that cannot be written is found out now. */
  finishOpening(write: boolean): void {
    if (write) {
      this.db.exec("UPDATE state SET clean = 0");
      this.#setPragma(`user_version = ${inUseVersion(this.disk.mark.use)}`);
    }
    this.#sql.commit.run();
    this.wal.begin();
    this.wasChanged();
  }

  /** It is about to be closed properly. */
  markClean(): void {
    this.#sql.begin.run();
    this.db.exec("UPDATE state SET clean = 1");
    this.#setPragma(`user_version = ${SCHEMA_VERSION}`);
    this.#sql.commit.run();
  }

  /** Reads the state. */
  read(): FileState {
    const { floor, last, time, clock, retention, lost: evictedTo, ...row } = this.#row();
    const dropped = { upTo: row.drop_up_to, at: row.drop_at, retention: row.drop_retention };
    return { floor, last, lastTime: time, clock, retention, dropped, evictedTo };
  }

  /** Writes the state. */
  save({ floor, last, lastTime, clock, retention, dropped, evictedTo }: FileState): void {
    const { upTo, at } = dropped;
    this.#sql.save.run(
      ...[floor, last, lastTime, clock, retention, upTo, at, dropped.retention, evictedTo],
    );
  }

  /** The id of the file; a copy has the same. */
  get storeId(): string {
    return this.#row().store;
  }

  /** Whether another program has committed something since the last call, or since the file was opened. */
  wasChanged(): boolean {
    const [row] = this.#sql.changes.all();
    const changes = Object.values(Object(row))[0];
    const before = this.#dataVersion;
    this.#dataVersion = changes;
    return changes !== before;
  }

  /** Throws if a transaction was left open, or none can be begun. */
  requireIdle(): void {
    this.#sql.begin.run();
    this.#sql.rollback.run();
  }

  /** Closes it. What was committed is then in the file itself, unless another program reads there or the file was moved. */
  close(): void {
    this.disk.close(() => this.db.close());
  }

  #row(): Row {
    const [row] = this.#sql.read.all() as [Row?];
    if (!row) throw new UnusableFileError("it is damaged: it has no state");
    return row;
  }

  /** The version of the tables; `undefined` if it is a new file. */
  #schemaVersion(): number | undefined {
    const application = this.#pragma("application_id");
    const schemaVersion = schemaVersionOf(Number(this.#pragma("user_version")));
    if (application === APPLICATION_ID) {
      if (schemaVersion >= FIRST_SCHEMA_VERSION && schemaVersion <= SCHEMA_VERSION) {
        return schemaVersion;
      }
      throw new UnusableFileError(
        `it is of another version of dsmq: its schema version must be from ${FIRST_SCHEMA_VERSION} to ${SCHEMA_VERSION}, got ${schemaVersion}`,
      );
    }
    const [{ tables }] = this.db.prepare("SELECT count(*) AS tables FROM sqlite_schema").all() as [
      { tables: number },
    ];
    if (application === 0 && schemaVersion === 0 && tables === 0) {
      if (this.disk.isNew) return undefined;
      throw new UnusableFileError(
        "there is nothing in it, not even tables: a copy without its log?",
      );
    }
    throw new UnusableFileError("it is the database of another program");
  }

  #create(now: number): void {
    this.db.exec(STATE_TABLE);
    this.db.prepare("INSERT INTO state VALUES (?, 0, 0, 0, ?, 0, 0, 0, 0, 0, 0)")
      .run(crypto.randomUUID(), now);
    this.#pragma(`application_id = ${APPLICATION_ID}`);
    this.#pragma(`user_version = ${SCHEMA_VERSION}`);
  }

  #upgrade(schemaVersion: number, now: number): void {
    if (schemaVersion === 1) upgradeFrom1(this.db, now);
    if (schemaVersion <= 2) upgradeFrom2(this.db);
    // Version 4 has groups. Their tables are made when they are opened; a program that does not know them would delete what they need.
    this.#pragma(`user_version = ${SCHEMA_VERSION}`);
  }

  /** This takes long if a slow disk holds a large file, so it is done only after something went wrong. */
  #checkUnlessClean(): void {
    const [state] = this.db.prepare("SELECT clean FROM state").all() as [{ clean: number }?];
    if (state?.clean === 1) return;
    const found = this.#pragma("quick_check(1)");
    if (found !== "ok") throw new UnusableFileError(`it is damaged: ${found}`);
  }

  /** Prepared: the errors of prepared statements carry SQLite's code, those of `exec` do not. */
  #setPragma(pragma: string): void {
    this.db.prepare(`PRAGMA ${pragma}`).run();
  }

  #pragma(pragma: string): unknown {
    const [row] = this.db.prepare(`PRAGMA ${pragma}`).all();
    return Object.values(Object(row))[0];
  }
}
