/**
 * Records that wait until the log takes more.
 *
 * @module
 */

import type { Command } from "../commands.ts";
import { type Result, StoreError } from "../store.ts";
import type { ControlCommand } from "./control_commands.ts";
import type { PendingCommands } from "./pending_commands.ts";
import { encodeCommands, type EncodedCommands, encodeRecord } from "./record_text.ts";

/** Records are filled up to this many bytes, if the log takes as large ones. A larger command has one of its own. */
const RECORD_BYTES = 256 * 1024;

/** So many commands are encoded at a time, at most. */
const SLICE = 256;

/** What the header of a record needs besides commands takes less than this. */
const HEADER_BYTES = 1024;

/** Some of the commands of a call, in one record. */
interface RecordPart {
  readonly pending: PendingCommands;
  readonly from: number;
  readonly count: number;
  readonly encoded: EncodedCommands;
}

/** A record that is being filled, or is under way. */
export class OutgoingRecord {
  /** What it changes besides its commands. */
  readonly control: ControlCommand | undefined;
  /** Called once it counts, or is given up. */
  readonly onSettled: ((counts: boolean) => void)[] = [];
  /** Its first commands belong to the same call as the last ones of the record before it. */
  continues: true | undefined;
  /** How many bytes its commands take at most. */
  bytes = 0;
  /** Its number, once it is under way. */
  number = 0;
  /** When it was handed to the log first, by the monotonic clock. */
  sentAt = 0;
  /** How often it was handed to the log; what an earlier time comes to is of no interest. */
  attempt = 0;
  readonly #target: number;
  #parts: RecordPart[] = [];

  /**
   * Is empty.
   *
   * @param target how many bytes it is filled with; 0 if it takes no commands
   * @param control what it changes
   */
  constructor(target: number, control?: ControlCommand) {
    this.#target = target;
    this.control = control;
  }

  /** It is as large as a record should be. */
  get isFull(): boolean {
    return this.bytes >= this.#target;
  }

  /** Whether so many bytes of commands have room in it. */
  hasRoom(bytes: number): boolean {
    return !this.control && this.bytes + bytes <= this.#target;
  }

  /** Takes some of the commands of a call. */
  add(part: RecordPart): void {
    this.#parts.push(part);
    this.bytes += part.encoded.bytes;
    part.pending.addRecord();
  }

  /** The calls of which it has commands. */
  get calls(): readonly PendingCommands[] {
    return this.#parts.map(({ pending }) => pending);
  }

  /** Somebody waits for its results; who waits for a fence asks again. */
  get isAwaited(): boolean {
    return this.control !== undefined || this.#parts.some(({ pending }) => !pending.isDone);
  }

  /** Removes the commands of calls that do not wait any more, before it is under way. */
  removeDone(): void {
    this.#parts = this.#parts.filter(({ pending }) => !pending.isDone);
    this.bytes = this.#parts.reduce((sum, { encoded }) => sum + encoded.bytes, 0);
  }

  /** What it does. */
  get commands(): readonly EncodedCommands[] {
    return this.#parts.map(({ encoded }) => encoded);
  }

  /** It was applied. */
  applied(results: readonly (Result | StoreError)[]): void {
    let at = 0;
    for (const { pending, from, count } of this.#parts) {
      pending.settle(from, count, results, at);
      at += count;
    }
    for (const onSettled of this.onSettled) onSettled(true);
  }

  /** It counts, and nobody knows with which results. */
  appliedUnseen(): void {
    this.failCommands();
    for (const onSettled of this.onSettled) onSettled(true);
  }

  /** Its commands are given up, and are not in it any more. */
  failCommands(): void {
    for (const { pending } of this.#parts) pending.fail(this.number > 0);
    this.removeDone();
  }

  /** It is given up. */
  fail(): void {
    this.failCommands();
    for (const onSettled of this.onSettled) onSettled(false);
  }
}

/** Packs commands into records. */
export class RecordQueue {
  /** The last one may still be filled. */
  #records: OutgoingRecord[] = [];
  /** How many bytes wait. */
  bytes = 0;
  /** The most that commands may take in a record, and with how many it is filled, in bytes. */
  readonly #limit: number;
  readonly #target: number;

  /**
   * Nothing waits.
   *
   * @param maxRecord the largest record in bytes
   */
  constructor(maxRecord: number) {
    this.#limit = maxRecord - HEADER_BYTES;
    this.#target = Math.min(RECORD_BYTES, this.#limit);
  }

  /** Nothing waits. */
  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  /** The one that waits for the longest time is not filled any more. */
  get isFirstFull(): boolean {
    return this.#records.length > 1 || this.#records[0]?.isFull === true;
  }

  /** The one that came last. */
  get last(): OutgoingRecord | undefined {
    return this.#records.at(-1);
  }

  /** Takes out the one that waits for the longest time. */
  shift(): OutgoingRecord | undefined {
    const first = this.#records.shift();
    this.bytes -= first?.bytes ?? 0;
    return first;
  }

  /** Takes out all. */
  clear(): OutgoingRecord[] {
    this.bytes = 0;
    return this.#records.splice(0);
  }

  /** Adds a record that changes something besides commands, and has none. */
  control(control: ControlCommand): OutgoingRecord {
    const record = new OutgoingRecord(0, control);
    this.#records.push(record);
    return record;
  }

  /** The record that is being filled, if so many bytes have room in it; else a new one. */
  open(bytes = 0): OutgoingRecord {
    const { last } = this;
    if (last?.hasRoom(bytes)) return last;
    const record = new OutgoingRecord(this.#target);
    this.#records.push(record);
    return record;
  }

  /** Adds the commands of a call; one that no record can hold is refused. */
  add(pending: PendingCommands): void {
    const { commands } = pending;
    if (commands.length === 0) this.open().add({ pending, from: 0, count: 0, encoded: NOTHING });
    for (let from = 0; from < commands.length;) {
      const { count, encoded } = encodeSome(commands, from, this.#target);
      const error = encoded.bytes > this.#limit ? checkSize(encoded, this.#limit) : undefined;
      if (error) pending.refuse(from, error);
      else {
        const { last } = this;
        const record = this.open(encoded.bytes);
        if (from > 0 && record !== last) record.continues = true;
        record.add({ pending, from, count, encoded });
        this.bytes += encoded.bytes;
      }
      from += count;
    }
  }

  /** Removes the commands of calls that do not wait any more. */
  removeDone(): void {
    for (const record of this.#records) record.removeDone();
    this.bytes = this.#records.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

/** As many of the commands from an index on as a record of so many bytes should have, and one at least. */
function encodeSome(commands: readonly Command[], from: number, target: number) {
  let count = Math.min(SLICE, commands.length - from);
  let encoded = encodeCommands(commands.slice(from, from + count));
  while (encoded.bytes > target && count > 1) {
    count = Math.max(1, Math.floor(count * target / encoded.bytes / 1.2));
    encoded = encodeCommands(commands.slice(from, from + count));
  }
  return { count, encoded };
}

/** Why a command cannot be in a record. What it really takes may be less than what it takes at most. */
function checkSize(encoded: EncodedCommands, limit: number): StoreError | undefined {
  const { length } = encodeRecord(NO_HEADER, [encoded]);
  if (length <= limit) return undefined;
  const reason = `it takes ${length} bytes of the log, the limit is ${limit}`;
  return new StoreError(`Cannot store: ${reason}`, { code: "limit_exceeded", limit });
}

const NOTHING: EncodedCommands = { entries: [], texts: [], bytes: 0 };

const NO_HEADER = {
  version: 1,
  writer: "",
  number: 1,
  clock: 1,
  seen: { position: 0, digest: "" },
};
