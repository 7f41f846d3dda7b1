/**
 * The whole state of a replicated store, as one server has it.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";
import type { Command } from "../commands.ts";
import type { GroupEvent } from "../groups/group_commands.ts";
import type { Result, StoreError, TopicMessage } from "../store.ts";
import type { StoreTime } from "../store_time.ts";
import type {
  BeginEpoch,
  Configure,
  ControlCommand,
  StoreConfiguration,
} from "./control_commands.ts";
import { DigestChain } from "./digest_chain.ts";
import { LogWriters, type WriterState } from "./log_writers.ts";
import type { LogEntry } from "./record_log.ts";
import { type DecodedRecord, decodeRecord } from "./record_text.ts";
import type { ReplicaFile } from "./replica_file.ts";
import { type SavedSchedule, SnapshotSchedule } from "./snapshot_schedule.ts";
import { openParts, type ReplicaParts, type SavedParts, saveParts } from "./replica_parts.ts";

/** The newest version of the state machine that this program knows. */
export const MACHINE_VERSION = 1;

/** Why a record does not count. */
export type IgnoredReason =
  /** It is a fence, and no record. */
  | "fence"
  /** It is not one of dsmq, or it is damaged. */
  | "unreadable"
  /** It counted before. */
  | "repeated"
  /** One before it is missing. */
  | "early"
  /** Its writer had not seen what was there for long. */
  | "stale"
  /** Its writer had applied something else than is here. */
  | "diverged";

/** What became of a record. */
export interface AppliedEntry {
  /** Who wrote it, and its number; `undefined` if that cannot be read. */
  readonly record: Pick<DecodedRecord, "writer" | "number" | "seen"> | undefined;
  /** Why it does not count; `undefined`: it does. */
  readonly ignored: IgnoredReason | undefined;
  /** The result of each of its commands. */
  readonly results: readonly (Result | StoreError)[];
  /** What it stored. */
  readonly messages: readonly TopicMessage[];
  /** What has happened to groups. */
  readonly events: readonly GroupEvent[];
}

/** What a store is, since the first record. */
export interface ReplicaIdentity {
  /** The id of the store. */
  readonly id: string;
  /** The name of the present epoch. */
  readonly epoch: string;
  /** The seed of its hashes. */
  readonly seed: number;
  /** How many epochs there were before. */
  readonly epochs: number;
  /** How often it was configured. */
  readonly configured: number;
  /** The options that decide results. */
  readonly configuration: StoreConfiguration;
}

/** The record needs a newer version of this program. */
export class NewerVersionError extends Error {}

/** What is saved of a replica besides tables, dumps and links. */
interface SavedReplica {
  readonly identity: ReplicaIdentity;
  readonly epochEnds: readonly (readonly [epoch: string, last: number])[];
  readonly schedule: SavedSchedule;
  readonly parts: SavedParts;
}

/** Applies the records of a log, in their order. What comes of them depends on them and their times, and on nothing else. */
export class Replica {
  readonly chain: DigestChain = new DigestChain();
  readonly writers: LogWriters = new LogWriters();
  /** When a snapshot is to be made. */
  readonly schedule: SnapshotSchedule = new SnapshotSchedule();
  /** The last number of each epoch before the present one. */
  readonly epochEnds: NameMap<number> = new NameMap();
  readonly #file: ReplicaFile;
  readonly #time: StoreTime;
  #identity: ReplicaIdentity | undefined;
  #parts: ReplicaParts | undefined;
  /** The position that is in the file. */
  #savedAt: number;
  /** Why it has to be opened again: the database has failed, and may have a part of a change. */
  #failure: unknown;

  /**
   * Goes on from what is in a file.
   *
   * @param file the file, in a transaction
   * @param time the time of the last commands
   */
  constructor(file: ReplicaFile, time: StoreTime) {
    this.#file = file;
    this.#time = time;
    const [saved] = file.lines("replica") as Iterable<SavedReplica>;
    if (saved) this.#restore(saved);
    this.#savedAt = this.chain.last.position;
  }

  /** What the store is; `undefined` before its first record. */
  get identity(): ReplicaIdentity | undefined {
    return this.#identity;
  }

  /** What records change; throws before the first one, and once the database has failed. */
  get parts(): ReplicaParts {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#parts) throw new Error("the log is empty");
    return this.#parts;
  }

  /** The database has failed: the replica goes no further. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** How many records were applied since the last one that is in the file. */
  get unsaved(): number {
    return this.chain.last.position - this.#savedAt;
  }

  /** Saves where it is: it can go on from here. */
  save(): void {
    if (!this.#identity) return;
    try {
      const { configuration: { retention } } = this.#identity;
      const saved: SavedReplica = {
        identity: this.#identity,
        epochEnds: [...this.epochEnds],
        schedule: this.schedule.saved,
        parts: saveParts(this.#file, this.parts, this.#time, retention),
      };
      this.#file.save("replica", [saved]);
      this.#file.save("writers", this.writers.all);
      this.#file.saveLinks(this.chain);
      this.#file.commit();
      this.#savedAt = this.chain.last.position;
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }

  /**
   * Applies the next record.
   *
   * @param entry the record
   * @returns what became of it
   * @throws {NewerVersionError} if it needs a newer version of this program: then nothing has changed
   */
  apply(entry: LogEntry): AppliedEntry {
    const { position, time, record: bytes } = entry;
    if (bytes.length === 0) {
      this.chain.skip(position, time);
      return ignored("fence");
    }
    const record = decodeRecord(bytes);
    const reason = record ? this.#reasonToIgnore(record, time) : "unreadable";
    if (!record || reason) {
      this.chain.add(entry, this.lastSeq, [], undefined);
      return ignored(reason!, record);
    }
    const commands = record.commands();
    if (record.control) this.#control(record.control, record.writer, time);
    this.schedule.applied(bytes.length, time);
    const messages: TopicMessage[] = [];
    const { results, events } = this.#change(commands, time, messages);
    const { writer, number, control } = record;
    const knows = control?.type === "join" ? control.knows : undefined;
    this.writers.wrote(writer, number, time, knows);
    this.chain.add(entry, this.lastSeq, commands, results);
    return { record, ignored: undefined, results, messages, events };
  }

  /** The sequence number of the last message; 0 before the first record. */
  get lastSeq(): number {
    return this.#parts?.messageLog.range.last ?? 0;
  }

  #restore({ identity, epochEnds, schedule, parts }: SavedReplica): void {
    this.#identity = identity;
    this.schedule.restore(schedule);
    for (const [epoch, last] of epochEnds) this.epochEnds.set(epoch, last);
    this.chain.restore(this.#file.links);
    this.writers.restore(this.#file.lines("writers") as Iterable<WriterState>);
    this.#openParts(parts);
  }

  #openParts(saved?: SavedParts): void {
    const { configuration, seed } = this.#identity!;
    this.#parts = openParts(this.#file, { ...configuration, seed }, this.#time, (error) => {
      this.#failure ??= error;
    }, saved);
  }

  #reasonToIgnore(record: DecodedRecord, time: number): IgnoredReason | undefined {
    const { version, writer, number, seen } = record;
    const next = this.writers.next(writer);
    if (number !== next) return number < next ? "repeated" : "early";
    const verdict = this.chain.judge(seen, time);
    if (verdict !== "same") return verdict === "stale" ? "stale" : "diverged";
    if (version > MACHINE_VERSION) {
      throw new NewerVersionError(
        `the log needs a newer version of dsmq: its state machine has version ${version}, this program knows up to ${MACHINE_VERSION}`,
      );
    }
    // Without options nothing can be done.
    if (!this.#identity && record.control?.type !== "configure") return "early";
    return undefined;
  }

  #change(commands: readonly Command[], time: number, messages: TopicMessage[]) {
    const { messageLog, dedup, groups, machine } = this.parts;
    const { buffer } = messageLog;
    try {
      if (buffer.isFull && commands.length > 0) messageLog.flush();
      const results = machine.apply({ time, commands }, messages);
      dedup.commit();
      if (buffer.isOverfull) messageLog.flush();
      return { results, events: groups.takeEvents() };
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }

  #control(control: ControlCommand, writer: string, time: number): void {
    switch (control.type) {
      case "configure":
        return this.#configure(control);
      case "join":
        return;
      case "begin_snapshot":
        return this.schedule.begin(writer, time);
      case "snapshot_taken":
        return this.schedule.complete(writer, control, time);
      case "begin_epoch":
        return this.#beginEpoch(control);
      default:
        control satisfies never;
    }
  }

  #configure({ after, configuration, id, epoch, seed }: Configure): void {
    const identity = this.#identity;
    if (after !== (identity?.configured ?? 0)) return;
    if (!identity) {
      this.#identity = { id, epoch, seed, configuration, configured: 1, epochs: 0 };
      return this.#openParts();
    }
    const { retention } = identity.configuration;
    const saved = saveParts(this.#file, this.parts, this.#time, retention);
    this.#identity = { ...identity, configuration, configured: after + 1 };
    this.#openParts(saved);
  }

  #beginEpoch({ after, epoch, common }: BeginEpoch): void {
    const identity = this.#identity!;
    if (after !== identity.epochs) return;
    // Of a position that is not known any more the end is not known either: nothing of that epoch counts as known.
    this.epochEnds.set(identity.epoch, this.chain.at(common)?.last ?? 0);
    const { epochs: max } = identity.configuration.limits;
    for (let first; this.epochEnds.size >= max && (first = this.epochEnds.first) !== undefined;) {
      this.epochEnds.delete(first);
    }
    this.#identity = { ...identity, epoch, epochs: after + 1 };
  }
}

function ignored(reason: IgnoredReason, record?: DecodedRecord): AppliedEntry {
  return { record, ignored: reason, results: [], messages: [], events: [] };
}
