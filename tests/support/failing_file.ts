/**
 * A store in a file whose engine fails where a test tells it to, with the errors of the real engines.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { StoreLimits } from "../../stores/store_limits.ts";
import type { Database, Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { FileNotice } from "../../stores/file_guard.ts";
import { FileStore } from "../../stores/file_store.ts";
import { RETENTION } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** What fails: a statement before it is executed or after, or the opening of the file. */
export type Step = (sql: string) => boolean;

/** How a disk fails, in SQLite's words, with its codes and extended codes. */
export type Failure = "disk I/O error" | "database or disk is full";
const CODES: Readonly<Record<Failure, number>> = {
  "disk I/O error": 10 | 4 << 8,
  "database or disk is full": 13,
};

/** A file whose engine fails where a test tells it to. */
export class FailingFile implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly executed: string[] = [];
  before: Step = () => false;
  after: Step = () => false;
  /** Called when SQLite has closed the file, and nobody knows it yet. */
  onClosed: () => void = () => {};
  /** The error that is thrown. */
  failure: Failure = "disk I/O error";
  /** What the operator was told. */
  readonly notices: FileNotice[] = [];
  store: FileStore;
  db!: Database;
  readonly #folder = Deno.makeTempDirSync();
  readonly path = `${this.#folder}/queue.db`;
  readonly #engine: Engine;
  readonly #prepared = new Set<string>();
  readonly #limits: Partial<StoreLimits>;
  readonly #durability: "disk" | "process";

  constructor(
    engine: Engine = nodeSqlite,
    { limits = {}, durability = "disk" }: {
      limits?: Partial<StoreLimits>;
      durability?: "disk" | "process";
    } = {},
  ) {
    this.#engine = engine;
    this.#limits = limits;
    this.#durability = durability;
    this.store = this.#open();
  }

  /** Nothing fails any more. */
  repair(): void {
    this.before = this.after = () => false;
  }

  /** Closes the store, and opens it again from the file; from then on the given failures happen. */
  async restart(before: Step = () => false, after: Step = () => false): Promise<void> {
    this.repair();
    await this.store[Symbol.asyncDispose]();
    this.before = before;
    this.after = after;
    this.store = this.#open();
  }

  /** Opens the file next to the store, which must have closed it, and whose lock was deleted. */
  another(): FileStore {
    Deno.removeSync(`${this.path}-lock`);
    return this.#open();
  }

  /** Changes the contents of the file, which the store must have closed. */
  edit(sql: string): void {
    const db = new DatabaseSync(this.path);
    db.exec(sql);
    db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.repair();
    await this.store[Symbol.asyncDispose]();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  #open(): FileStore {
    const { clock } = this;
    const engine: Engine = { name: this.#engine.name, open: (path) => this.#openWatched(path) };
    const path = this.path;
    const [limits, durability] = [this.#limits, this.#durability];
    const notify = (notice: FileNotice) => void this.notices.push(notice);
    const options = { path, engine, clock, limits, durability, notify };
    return new FileStore({ ...options, retention: RETENTION });
  }

  #openWatched(path: string): Database {
    this.#step("open", () => {});
    const db = this.db = this.#engine.open(path);
    return {
      exec: (sql) => this.#step(sql, () => db.exec(sql)),
      prepare: (sql) => {
        const statement = db.prepare(sql);
        this.#prepared.add(sql);
        return {
          run: (...values) => this.#step(sql, () => statement.run(...values)),
          all: (...values) => this.#step(sql, () => statement.all(...values)),
        };
      },
      close: () => {
        db.close();
        this.onClosed();
      },
    };
  }

  #step<T>(sql: string, work: () => T): T {
    this.executed.push(sql);
    if (this.before(sql)) throw this.#error(sql);
    const result = work();
    if (this.after(sql)) throw this.#error(sql);
    return result;
  }

  /** As the engines throw them; see `codeOf`. */
  #error(sql: string): Error {
    const error = new Error(this.failure);
    if (this.#engine.name === "@db/sqlite") return error;
    const code = this.#prepared.has(sql) ? { errcode: CODES[this.failure] } : {};
    return Object.assign(error, { code: "ERR_SQLITE_ERROR", ...code });
  }
}
