/**
 * What a replicated store needs of a log: one order of records that several servers append to and read.
 *
 * @module
 */

import type { Durability } from "../../protocol/encode_replies.ts";

/** Where a record is in the log: a safe integer, 1 for the first one. Positions follow each other without gaps. */
export type LogPosition = number;

/** A record, and where and when the log has it. */
export interface LogEntry {
  /** Where it is. */
  readonly position: LogPosition;
  /** When the log took it, in milliseconds since 1970, by the log's own clock. The clock may be set back. */
  readonly time: number;
  /** What was appended. */
  readonly record: Uint8Array;
}

/** What a log holds. */
export interface LogState {
  /** Names this log, as long as it is not deleted and made anew. A log that was restored from a backup may have the same. */
  readonly id: string;
  /** Where its first record is; one more than `last` if it holds none. */
  readonly first: LogPosition;
  /** Where its last record is; 0 if there never was one. */
  readonly last: LogPosition;
}

/** Why the tail of a log ended, or a log could not do its work. */
export type LogFaultCode =
  /** The log cannot be reached, or does not answer. It may be tried again. */
  | "unavailable"
  /** Records after the position were removed: only a snapshot has what they did. */
  | "trimmed"
  /** The log ends before the position: it was made anew, or is older than it was. */
  | "ahead"
  /** The log is there and cannot be used as it is; the message says why. To try again is of no use. */
  | "unusable";

/** A log could not do its work. The message is for an operator; it never contains credentials. */
export class LogError extends Error {
  /** What kind of fault it is. */
  readonly code: LogFaultCode;

  /** Makes an error from its kind and a message. */
  constructor(code: LogFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A snapshot in the log's store of snapshots. */
export interface SnapshotName {
  /** The position of the last record that it contains. */
  readonly position: LogPosition;
  /** The digest of the chain at that position, in hexadecimal. */
  readonly digest: string;
}

/** Keeps snapshots beside a log, where all of its servers find them. */
export interface Snapshots {
  /** All complete ones, the newest first. */
  list(): Promise<readonly SnapshotName[]>;
  /** Stores one. Nobody sees it before it is complete; if its parts end with an error, there is none. */
  write(name: SnapshotName, parts: AsyncIterable<Uint8Array>): Promise<void>;
  /** Reads one, in parts of any size. Rejects with a {@linkcode LogError} if it is not there, or not as it was written. */
  read(name: SnapshotName, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Deletes one; it may be gone already. */
  delete(name: SnapshotName): Promise<void>;
}

/**
 * One order of records, kept by others. Methods reject with a {@linkcode LogError}.
 *
 * What a log promises: a record whose {@linkcode RecordLog.append} has resolved is in the log, once or several times, and in the tail of
 * everybody, unless the log loses what it has acknowledged (see {@linkcode RecordLog.durability}). A record whose `append` has
 * rejected may be there, or come later. Who reads finds out by the records themselves which of them count.
 */
export interface RecordLog extends AsyncDisposable {
  /** Where it is, for a person, without credentials, such as `nats://n1,n2,n3/orders`. */
  readonly description: string;
  /** What a record survives that was acknowledged. */
  readonly durability: Durability;
  /** The largest record in bytes. */
  readonly maxRecord: number;
  /** What an operator should know of how it is set up, as sentences. */
  readonly warnings: readonly string[];

  /**
   * What it holds now. Answered by whoever decides on the order, not by a copy that may be behind; while that changes, the answer may
   * lack the last records. {@linkcode RecordLog.fence} never does.
   */
  state(): Promise<LogState>;

  /**
   * Appends a record. Records of several calls may come to be in another order. It rejects with `unavailable` if the log does not
   * answer for some seconds; the caller may repeat it until the record is in the tail.
   */
  append(record: Uint8Array): Promise<void>;

  /**
   * All records after a position, in order, each once, and those that are appended later. It ends with a {@linkcode LogError} at
   * every doubt: a lost connection, a gap, a reset. After such an end it may be called again. It ends without an error only by the signal.
   * Before it says `ahead` it may append an empty record, which those who read skip.
   */
  tail(after: LogPosition, signal: AbortSignal): AsyncIterable<LogEntry>;

  /** A position: everything that was acknowledged to anybody before the call is at it or before it. */
  fence(): Promise<LogPosition>;

  /** Where snapshots are. */
  readonly snapshots: Snapshots;

  /** Removes all records before a position. */
  trim(before: LogPosition): Promise<void>;
}
