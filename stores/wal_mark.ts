/**
 * How a database file says that a log goes with it, and how it is found out that this is not beside it.
 *
 * While a file is in use, what was committed last is in its log alone. So the file carries a mark, in its header, where
 * SQLite keeps `user_version`. The first transaction of each log takes it off again, so that only who has the file
 * without its log sees it: a plain copy, not one that SQLite has made (`.backup`, `VACUUM INTO`), which reads through the
 * log.
 *
 * `user_version` is, from its lowest bits: 8 of the form of the tables; 1 that is set in the mark; 6 of SQLite's
 * `schema_version`, which is another one in copies that SQLite makes; and 16 that are, in the mark, of the salt of the log,
 * else a number of this use of the file. Of a file that was closed it is the form alone.
 *
 * @module
 */

import { UnusableFileError } from "./file_faults.ts";

/** The application id of a file of dsmq: the letters of the name. */
export const APPLICATION_ID = 0x64736d71;

/** The version of the tables, and the first one from which files are upgraded. */
export const SCHEMA_VERSION = 4;
/** See {@linkcode SCHEMA_VERSION}. */
export const FIRST_SCHEMA_VERSION = 1;

/** The first version whose files have marks. */
const MARKED_SINCE = 2;

/** The bit that distinguishes the mark from a number of a use. */
const MARK_BIT = 0x100;

/** Passed in place of the number of a use: the mark then matches whatever its number. */
export const ANY_USE = 0x10000;

/**
 * How often the log may have started again since the mark was made. Once: as soon as the whole log, and so the mark,
 * is in the file. Before the second time, what removed the mark is in the file too, because it comes first in the new
 * log. Where others have begun it again before that, the checkpoint is repeated, and the lock names the log meanwhile.
 */
export const MAX_WAL_RESTARTS = 1;

/**
 * How often other programs may have begun the log again while the mark was in the file, so that it still counts as the log
 * that followed: none of another file is so near, but by chance.
 */
export const MAX_RESTARTS_ELSEWHERE = 16;

/** The bytes before all frames of a log, and before the page in each frame. */
export const WAL_HEADER_BYTES = 32;
/** See {@linkcode WAL_HEADER_BYTES}. */
export const FRAME_HEADER_BYTES = 24;

/** What the header of a log says. */
export interface WalHeader {
  /**
   * A number that grows by one whenever the log starts again; random at first. `undefined`: it is not a log of SQLite, or
   * one whose header is damaged, which SQLite takes for empty.
   */
  readonly salt: number | undefined;
}

/**
 * The mark, as a value of `user_version`.
 *
 * @param salt that of the log which belongs to the file, or comes before the one that does
 * @param schemaCookie SQLite's `schema_version`
 * @returns the value
 */
export function markedVersion(salt: number, schemaCookie: number): number {
  return SCHEMA_VERSION + MARK_BIT + 0x200 * (schemaCookie & 0x3f) + 0x8000 * (salt & 0xffff);
}

/**
 * The value in the place of the mark while the log is there.
 *
 * @param use the number of this use of the file
 * @param schemaVersion the version of its tables
 * @returns the value of `user_version`
 */
export function inUseVersion(use: number, schemaVersion: number = SCHEMA_VERSION): number {
  return schemaVersion + 0x8000 * (use & 0xffff);
}

/**
 * The version of the tables.
 *
 * @param userVersion the value of `user_version`
 * @returns the version
 */
export function schemaVersionOf(userVersion: number): number {
  return userVersion & 0xff;
}

/** The header of a database, in its first bytes. */
export interface DatabaseHeader {
  /** `user_version`, if the file is one of dsmq of a version with marks; else 0. */
  readonly userVersion: number;
  /** `schema_version`. */
  readonly schemaCookie: number;
  /** It grows while the file is in use, and is small again in each copy that SQLite makes. */
  readonly changeCounter: number;
  /** The size that the file should have, and that of its pages, in bytes. */
  readonly size: number;
  readonly pageSize: number;
}

/**
 * Reads the header of a database, without its log.
 *
 * @param file the open file
 * @param at where the first page begins in it
 * @returns the header
 */
export function readDatabaseHeader(file: Deno.FsFile, at: number = 0): DatabaseHeader {
  const bytes = new Uint8Array(100);
  file.seekSync(at, Deno.SeekMode.Start);
  const read = file.readSync(bytes);
  const view = new DataView(bytes.buffer);
  const userVersion = view.getUint32(60);
  const schemaVersion = schemaVersionOf(userVersion);
  const isOurs = read === 100 && view.getUint32(68) === APPLICATION_ID &&
    schemaVersion >= MARKED_SINCE && schemaVersion <= SCHEMA_VERSION;
  // 1 stands for 65,536, which two bytes cannot hold (https://www.sqlite.org/fileformat.html).
  const pageSize = view.getUint16(16) === 1 ? 65_536 : view.getUint16(16);
  const size = pageSize * view.getUint32(28);
  return {
    userVersion: isOurs ? userVersion : 0,
    schemaCookie: view.getUint32(40),
    changeCounter: view.getUint32(24),
    size,
    pageSize,
  };
}

/**
 * Removes the mark of a database that is whole without a log, and that SQLite does not have open.
 *
 * @param file the open file
 * @param use the number of the present use; 0 if there is none
 */
export function writeInUseVersion(file: Deno.FsFile, use: number): void {
  const bytes = new Uint8Array(4);
  // Its tables stay what they are until SQLite has opened it.
  const schemaVersion = schemaVersionOf(readDatabaseHeader(file).userVersion);
  new DataView(bytes.buffer).setUint32(0, inUseVersion(use, schemaVersion));
  file.seekSync(60, Deno.SeekMode.Start);
  if (file.writeSync(bytes) !== bytes.length) throw new Error("its header cannot be written");
  file.syncSync();
}

/**
 * Looks at the log beside a database.
 *
 * @param path where it is
 * @returns what it is; `undefined` if there is none, or an empty one
 */
export function readWalHeader(path: string): WalHeader | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    const header = new DataView(new ArrayBuffer(WAL_HEADER_BYTES));
    // Without a frame after the header nothing was ever in it.
    if (file.statSync().size <= WAL_HEADER_BYTES) return undefined;
    file.readSync(new Uint8Array(header.buffer));
    return { salt: isWalHeader(header) ? header.getUint32(16) : undefined };
  } finally {
    file.close();
  }
}

/** Whether it begins like a log, and has the right checksum (https://www.sqlite.org/walformat.html). */
function isWalHeader(header: DataView): boolean {
  if ((header.getUint32(0) & ~1) >>> 0 !== 0x377f0682) return false;
  // The last bit of the first number tells the order of bytes in which the sums were made.
  const isLittleEndian = (header.getUint32(0) & 1) === 0;
  let [first, second] = [0, 0];
  for (let at = 0; at < 24; at += 8) {
    first = (first + header.getUint32(at, isLittleEndian) + second) >>> 0;
    second = (second + header.getUint32(at + 4, isLittleEndian) + first) >>> 0;
  }
  return header.getUint32(24) === first && header.getUint32(28) === second;
}

/**
 * How many frames a log has. Frames behind them are left over from before it started again, and have another salt.
 *
 * @param path where it is
 * @returns the number of frames; some may be of a transaction that was rolled back
 */
export function countWalFrames(path: string): number {
  using file = Deno.openSync(path);
  const view = new DataView(new ArrayBuffer(WAL_HEADER_BYTES));
  const bytes = new Uint8Array(view.buffer);
  file.readSync(bytes);
  const [size, salt] = [FRAME_HEADER_BYTES + view.getUint32(8), view.getUint32(16)];
  const has = (frame: number) => {
    file.seekSync(WAL_HEADER_BYTES + frame * size, Deno.SeekMode.Start);
    return file.readSync(bytes)! >= FRAME_HEADER_BYTES && view.getUint32(8) === salt;
  };
  let [low, high] = [0, Math.floor((file.statSync().size - WAL_HEADER_BYTES) / size)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (has(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Whether a file says that a log belongs to it.
 *
 * @param head the header of the file
 */
export function isMarked({ userVersion }: Pick<DatabaseHeader, "userVersion">): boolean {
  return (userVersion & MARK_BIT) !== 0;
}

/**
 * Whether a mark was made for the tables in the file. In a copy that SQLite has made, it was not.
 *
 * @param head the header of the file, which is marked
 */
export function hasOwnSchema({ userVersion, schemaCookie }: DatabaseHeader): boolean {
  return ((userVersion >>> 9) & 0x3f) === (schemaCookie & 0x3f);
}

/**
 * Whether a log may be that of a database.
 *
 * @param head the header of the database
 * @param wal the log beside it
 * @param use the number of the present use, or of one whose process did not end it; `0` if there was none
 */
export function isOwnWal(
  { userVersion }: DatabaseHeader,
  wal: WalHeader | undefined,
  use: number,
): boolean {
  const number = userVersion >>> 15;
  if ((userVersion & MARK_BIT) === 0) {
    // Another program may have checkpointed the log, and with it what is in the place of the mark.
    return use === 0 || use === ANY_USE || number === use;
  }
  return wal?.salt !== undefined && walRestarts(userVersion, wal.salt) <= MAX_WAL_RESTARTS;
}

/**
 * How often a log must have started again since a mark was made, if it is of the same file.
 *
 * @param mark the mark
 * @param salt that of the log
 * @returns the number, from 0 to 65535
 */
export function walRestarts(mark: number, salt: number): number {
  return (salt - (mark >>> 15)) & 0xffff;
}

/**
 * Throws if a file says that a log belongs to it and there is none, or if the log beside it cannot be its own.
 *
 * @param path the file, for messages
 * @param header its header; the file is not empty
 * @param wal the log beside it
 * @param use the number of the use that its process did not end; `0` if there was none
 * @param isCheckpointed whether all of its log is in it, as far as is known, and the log beside it was begun by another
 * program, which may also have deleted it
 * @param isNamed whether its lock names the mark in it: then it is no copy that SQLite has made
 */
export function requireOwnWal(
  path: string,
  header: DatabaseHeader,
  wal: WalHeader | undefined,
  use: number,
  isCheckpointed: boolean,
  isNamed: boolean,
): void {
  if (wal) {
    if (isOwnWal(header, wal, use) || isCheckpointed) return;
    throw new UnusableFileError(
      `the log beside it, ${path}-wal, is that of another file, or of this one at another time: ` +
        "copy the file and all beside it, end other programs that have it open, and start again; " +
        "only a log that is known to be of another file may be moved away",
    );
  }
  const { userVersion } = header;
  if (!isMarked(header) || isCheckpointed || (!isNamed && !hasOwnSchema(header))) return;
  throw new UnusableFileError(
    `its log, ${path}-wal, is missing, and it holds messages: restore it, or, to continue without them: ` +
      `sqlite3 '${path}' 'PRAGMA user_version = ${schemaVersionOf(userVersion)}'`,
  );
}
