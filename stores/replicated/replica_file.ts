/**
 * The file of a replica: a SQLite database that always has the state at one position of the log.
 *
 * @module
 */

import { type Database, type Engine, isFaultOfPlace, type Statement } from "../engine.ts";
import { UnusableFileError } from "../file_faults.ts";
import { FileLock } from "../file_lock.ts";
import { type ChainLink, type DigestChain, RECENT } from "./digest_chain.ts";

/** The database is one of a replica. */
const REPLICA_APPLICATION_ID = 0x6473_7251;

/** The version of its tables. A file of another version is made anew. */
const REPLICA_FORMAT = 1;

/**
 * What is not in the tables of messages. A part has its rows as JSON lines, in pieces; the piece of a part with a single value has number
 * 0.
 */
const SCHEMA = `
  CREATE TABLE replica_parts (
    part TEXT NOT NULL,
    piece INTEGER NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (part, piece)
  ) WITHOUT ROWID;
  CREATE TABLE chain (
    position INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    time INTEGER NOT NULL,
    last INTEGER NOT NULL,
    record TEXT NOT NULL
  );
`;

/** About how many characters of lines a piece has. */
const PIECE_LENGTH = 64 * 1024;

/** Where a replica is. */
export interface ReplicaPlace {
  readonly engine: Engine;
  /** Its path. */
  readonly path: string;
  /** Nobody opens it after this process has ended. Default: `false` */
  readonly isTemporary?: boolean;
}

/**
 * Holds an open database in a transaction. All that happens between two commits is there or not, and nothing of it is needed: the log has
 * it. So commits need no sync, and a file that is damaged is made anew.
 */
export class ReplicaFile implements Disposable {
  readonly db: Database;
  readonly #lock: FileLock;
  readonly #sql: Record<
    "begin" | "commit" | "clear" | "add" | "part" | "links" | "addLinks" | "removeLinks",
    Statement
  >;
  /** The chain is saved up to this position. */
  #savedTo = 0;
  #closed = false;

  private constructor({ engine, path, isTemporary }: ReplicaPlace, lock: FileLock) {
    this.#lock = lock;
    this.db = engine.open(path);
    try {
      prepare(this.db, isTemporary);
      this.#sql = {
        begin: this.db.prepare("BEGIN IMMEDIATE"),
        commit: this.db.prepare("COMMIT"),
        clear: this.db.prepare("DELETE FROM replica_parts WHERE part = ?"),
        add: this.db.prepare("INSERT INTO replica_parts VALUES (?, ?, ?)"),
        part: this.db.prepare("SELECT lines FROM replica_parts WHERE part = ? ORDER BY piece"),
        links: this.db.prepare("SELECT * FROM chain ORDER BY position"),
        addLinks: this.db.prepare(
          "INSERT INTO chain SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)",
        ),
        removeLinks: this.db.prepare("DELETE FROM chain WHERE position <= ?"),
      };
      this.#sql.begin.run();
      this.#savedTo = this.links.at(-1)?.position ?? 0;
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /**
   * Opens the file of a replica, or makes a new one. One that is damaged, or of another version, is made anew.
   *
   * @param place where it is
   * @param fresh make it anew in any case
   * @throws {UnusableFileError} if it is the file of another program, or in use
   * @throws {Error} if the disk or the engine fails: the file stays as it is
   */
  static open(place: ReplicaPlace, fresh = false): ReplicaFile {
    const lock = FileLock.acquire(`${place.path}.lock`);
    try {
      if (!isUsable(place) || fresh) removeDatabase(place.path);
      return new ReplicaFile(place, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The lines of a part, as they were saved. */
  *lines(part: string): Generator<unknown> {
    for (const { lines } of this.#sql.part.all(part) as { lines: string }[]) {
      for (const line of lines.split("\n")) yield JSON.parse(line);
    }
  }

  /** Replaces the lines of a part, with the next commit. */
  save(part: string, rows: Iterable<unknown>): void {
    this.#sql.clear.run(part);
    let [lines, length, piece] = [[] as string[], 0, 0];
    const add = () => {
      if (lines.length > 0) this.#sql.add.run(part, piece++, lines.join("\n"));
      [lines, length] = [[], 0];
    };
    for (const row of rows) {
      const line = JSON.stringify(row);
      lines.push(line);
      length += line.length;
      if (length >= PIECE_LENGTH) add();
    }
    add();
  }

  /** The links of the chain, the oldest first. */
  get links(): readonly ChainLink[] {
    return this.#sql.links.all() as ChainLink[];
  }

  /** Adds the links of a chain that are not in the file yet, and removes those that are not recent any more. */
  saveLinks(chain: DigestChain): void {
    const rows: unknown[] = [];
    for (const { position, digest, time, last, record } of chain.after(this.#savedTo)) {
      rows.push([position, digest, time, last, record]);
    }
    this.#sql.addLinks.run(JSON.stringify(rows));
    this.#savedTo = chain.last.position;
    this.#sql.removeLinks.run(this.#savedTo - RECENT.records);
  }

  /** What has happened is in the file from now on. */
  commit(): void {
    this.#sql.commit.run();
    this.#sql.begin.run();
  }

  /** Closes it, as of the last commit; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.db.close();
    this.#lock.release();
  }
}

/** Sets up a database, and makes its tables if it is new. */
function prepare(db: Database, isTemporary = false): void {
  // A commit survives the end of the process, and a power cut leaves the file as it was at an earlier commit. After either nobody wants
  // a temporary file, and to wait for the disk at each checkpoint would hold up the whole server.
  const synchronous = isTemporary ? "OFF" : "NORMAL";
  const pragmas = ["journal_mode = WAL", `synchronous = ${synchronous}`, "temp_store = MEMORY"];
  for (const pragma of pragmas) db.prepare(`PRAGMA ${pragma}`).all();
  const [{ tables }] = db.prepare("SELECT count(*) AS tables FROM sqlite_schema").all() as [
    { tables: number },
  ];
  if (tables > 0) return;
  db.exec("BEGIN");
  db.exec(SCHEMA);
  db.exec(`PRAGMA application_id = ${REPLICA_APPLICATION_ID}`);
  db.exec(`PRAGMA user_version = ${REPLICA_FORMAT}`);
  db.exec("COMMIT");
}

/**
 * Whether a database can be used as it is.
 *
 * @throws {UnusableFileError} if it is of another program
 */
function isUsable({ engine, path }: ReplicaPlace): boolean {
  const info = statOrUndefined(path);
  if (!info || info.size === 0) return true;
  const refuse = (reason: string) => new UnusableFileError(`${path}: ${reason}`);
  if (!info.isFile) throw refuse("it is not a plain file");
  let db: Database | undefined;
  try {
    db = engine.open(path);
    const value = (pragma: string) => {
      const [row] = db!.prepare(`PRAGMA ${pragma}`).all();
      return Object.values(Object(row))[0];
    };
    if (value("application_id") !== REPLICA_APPLICATION_ID) {
      throw refuse("it is there, and is not the replica of a dsmq server; name another file");
    }
    return value("user_version") === REPLICA_FORMAT;
  } catch (error) {
    if (error instanceof UnusableFileError || isFaultOfPlace(error)) throw error;
    // A file that begins like SQLite's may be a damaged replica; anything else is somebody's own.
    if (beginsLikeSqlite(path)) return false;
    throw refuse("it is there, and is not the replica of a dsmq server; name another file");
  } finally {
    db?.close();
  }
}

function beginsLikeSqlite(path: string): boolean {
  using file = Deno.openSync(path);
  const head = new Uint8Array(72);
  const read = file.readSync(head) ?? 0;
  if (read < head.length) return false;
  const id = new DataView(head.buffer).getUint32(68);
  return new TextDecoder().decode(head.subarray(0, 15)) === "SQLite format 3" &&
    id === REPLICA_APPLICATION_ID;
}

function removeDatabase(path: string): void {
  for (const end of ["", "-wal", "-shm"]) {
    if (statOrUndefined(path + end)) Deno.removeSync(path + end);
  }
}

function statOrUndefined(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
