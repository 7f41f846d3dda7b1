/**
 * A database in a file: how it is opened, whose it is, and where its messages begin and end.
 *
 * @module
 */

import { codeOf, type Database, type Engine, SQLITE, type Statement } from "./engine.ts";
import { EpochTable } from "./epoch_table.ts";
import { STATE_TABLE, upgradeFrom1 } from "./file_upgrade.ts";
import type { Drop } from "./gone_times.ts";
import type { Extent } from "./span.ts";

/** What an acknowledged message survives: a loss of power, or the end of the process. */
export type Durability = "full" | "normal";

/** How a file is opened. */
export interface FilePlace {
  readonly path: string;
  readonly engine: Engine;
  readonly durability: Durability;
}

/** Where the history of a file stands. */
export interface State extends Extent {
  /** The store's time. */
  readonly clock: number;
  /** For how many milliseconds messages are kept. */
  readonly retention: number;
  /** What was given up before it expired, or as it did. */
  readonly drop: Drop;
  /** As {@linkcode PutOnce.lost}. */
  readonly lost: number;
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

/** Why a file is not opened, in words that are for a person. */
class Unusable extends Error {}

/** By this a file is known as one of dsmq: the letters of the name. */
const APPLICATION = 0x64736d71;

/** The form of the tables, and that of files that are taken over. */
const FORM = 2;
const FORM_BEFORE = 1;

/** The log is cut back to this size once it was written to the database, in bytes. */
const LOG_BYTES = 64 * 1024 * 1024;

/**
 * An open file. This process alone has it: a second one is refused as long as it is open.
 *
 * Nothing is changed in a file before it is known as one of dsmq, or as new.
 */
export class DatabaseFile {
  readonly db: Database;
  readonly epochs: EpochTable;
  readonly #sql: Record<"read" | "save" | "begin" | "commit" | "rollback", Statement>;

  /**
   * Opens a file, or makes a new one, in a transaction that stays open: for what else it is to hold.
   *
   * @param place which file, and how
   * @param check whether to read all of it and refuse it if it is damaged, where it was not closed as it should be
   * @param now the time
   * @throws {Error} if it cannot be used; the reason is in words
   */
  constructor({ path, engine, durability }: FilePlace, check: boolean, now: number) {
    requireLeave(path);
    // Under a name that SQLite takes for nothing else than a file: not for memory, nor for an address.
    this.db = engine.open(/^([/\\]|[A-Za-z]:)/.test(path) ? path : `./${path}`);
    try {
      this.#pragma("locking_mode = EXCLUSIVE");
      const form = this.#form();
      if (check && form !== undefined) this.#checkUnlessClean();
      const mode = this.#pragma("journal_mode = WAL");
      if (mode !== "wal") throw new Unusable(`its journal mode is ${mode} and cannot be changed`);
      this.#pragma(`synchronous = ${durability}`);
      // On macOS a disk is told to write what it has only if it is asked for that: this is how. Elsewhere it means nothing.
      this.#pragma(`fullfsync = ${durability === "full" ? 1 : 0}`);
      this.#pragma(`checkpoint_fullfsync = ${durability === "full" ? 1 : 0}`);
      this.#pragma(`journal_size_limit = ${LOG_BYTES}`);
      this.db.prepare("BEGIN IMMEDIATE").run();
      if (form === undefined) this.#make(now);
      else if (form === FORM_BEFORE) this.#upgrade(now);
      this.epochs = new EpochTable(this.db);
      this.#sql = {
        read: this.db.prepare("SELECT * FROM state"),
        save: this.db.prepare(
          "UPDATE state SET floor = ?, last = ?, time = ?, clock = ?, retention = ?, " +
            "drop_up_to = ?, drop_at = ?, drop_retention = ?, lost = ?",
        ),
        begin: this.db.prepare("BEGIN"),
        commit: this.db.prepare("COMMIT"),
        rollback: this.db.prepare("ROLLBACK"),
      };
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /** Ends the transaction in which it was opened. If it is to `write`, a file that takes nothing is found out now. */
  opened(write: boolean): void {
    if (write) this.db.exec("UPDATE state SET clean = 0");
    this.#sql.commit.run();
  }

  /** It is about to be closed as it should be. */
  markClean(): void {
    this.db.exec("UPDATE state SET clean = 1");
  }

  /** Reads where the history stands. */
  read(): State {
    const { floor, last, time, clock, retention, lost, ...row } = this.#row();
    const drop = { upTo: row.drop_up_to, at: row.drop_at, retention: row.drop_retention };
    return { floor, last, lastTime: time, clock, retention, drop, lost };
  }

  /** Writes where the history stands. */
  save({ floor, last, lastTime, clock, retention, drop, lost }: State): void {
    const { upTo, at } = drop;
    this.#sql.save.run(
      ...[floor, last, lastTime, clock, retention, upTo, at, drop.retention, lost],
    );
  }

  /** Names the file; a copy of it has the same name. */
  get store(): string {
    return this.#row().store;
  }

  /**
   * Brings all that is in the log into the database itself, and both to the disk.
   *
   * @throws {Error} if that cannot be done; what is in the log may not be on the disk then
   */
  checkpoint(): void {
    const [row] = this.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").all() as [{ busy: number }?];
    if (row?.busy !== 0) throw new Error("its log cannot be written to the database");
  }

  /** Throws if a transaction was left open, or none can be begun. */
  requireRest(): void {
    this.#sql.begin.run();
    this.#sql.rollback.run();
  }

  /** Closes it. What was committed is then in the file itself, and another process may open it. */
  close(): void {
    this.db.close();
  }

  #row(): Row {
    const [row] = this.#sql.read.all() as [Row?];
    if (!row) throw new Unusable("it is damaged: it has no state");
    return row;
  }

  /** The form of the tables; `undefined` if it is a new file. */
  #form(): number | undefined {
    const application = this.#pragma("application_id");
    const form = this.#pragma("user_version");
    if (application === APPLICATION) {
      if (form === FORM || form === FORM_BEFORE) return form;
      throw new Unusable(
        `it is of another version of dsmq: its form is ${form}, known are ${FORM_BEFORE} and ${FORM}`,
      );
    }
    const [{ tables }] = this.db.prepare("SELECT count(*) AS tables FROM sqlite_schema").all() as [
      { tables: number },
    ];
    if (application === 0 && form === 0 && tables === 0) return undefined;
    throw new Unusable("it is the database of another program");
  }

  #make(now: number): void {
    this.db.exec(STATE_TABLE);
    this.db.prepare("INSERT INTO state VALUES (?, 0, 0, 0, ?, 0, 0, 0, 0, 0, 0)")
      .run(crypto.randomUUID(), now);
    this.#pragma(`application_id = ${APPLICATION}`);
    this.#pragma(`user_version = ${FORM}`);
  }

  #upgrade(now: number): void {
    upgradeFrom1(this.db, now);
    this.#pragma(`user_version = ${FORM}`);
  }

  /** It takes long where a disk has to bring a large file, and so is done where something has happened. */
  #checkUnlessClean(): void {
    const [state] = this.db.prepare("SELECT clean FROM state").all() as [{ clean: number }?];
    if (state?.clean === 1) return;
    const found = this.#pragma("quick_check(1)");
    if (found !== "ok") throw new Unusable(`it is damaged: ${found}`);
  }

  #pragma(pragma: string): unknown {
    const [row] = this.db.prepare(`PRAGMA ${pragma}`).all();
    return Object.values(Object(row))[0];
  }
}

/**
 * Words why a file cannot be opened.
 *
 * @param path the file
 * @param error what was thrown
 * @returns the error for a person
 */
export function cannotOpen(path: string, error: unknown): Error {
  return new Error(`Cannot open sqlite:${path}: ${reason(path, error)}`, { cause: error });
}

function reason(path: string, error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  if (error instanceof Unusable) return words;
  switch (codeOf(error)) {
    case SQLITE.busy:
      return "another process uses it";
    case SQLITE.readonly:
      return "it is read-only, or its folder is";
    case SQLITE.io:
      // A file that is read-only cannot be locked, and that is what SQLite says of it.
      return `it is read-only, or the disk fails (${words})`;
    case SQLITE.full:
      return "the disk is full";
    case SQLITE.corrupt:
      return `it is damaged: ${words}`;
    case SQLITE.notADb:
      return "it is not a database";
  }
  return fault(path) ?? words;
}

/** What is wrong with a path, as far as that can be seen. */
function fault(path: string): string | undefined {
  try {
    return Deno.statSync(path).isDirectory ? "it is a folder" : undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) return undefined;
  }
  try {
    const folder = path.replace(/[^/\\]*$/, "") || ".";
    return Deno.statSync(folder).isDirectory ? "its folder cannot be written to" : undefined;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "its folder is not there" : undefined;
  }
}

/** Leave is looked up, never asked for. */
function requireLeave(path: string): void {
  for (const name of ["read", "write"] as const) {
    if (Deno.permissions.querySync({ name, path }).state === "granted") continue;
    throw new Unusable(`there is no leave to ${name} it (--allow-${name}=${path})`);
  }
}
