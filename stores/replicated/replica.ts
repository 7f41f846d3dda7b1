/**
 * The whole state of a replicated store, as one server has it.
 *
 * @module
 */

import type { Command } from "../commands.ts";
import type { Database } from "../engine.ts";
import type { GroupEvent } from "../groups/group_commands.ts";
import type { Result, StoreError, TopicMessage } from "../store.ts";
import type { StoreTime } from "../store_time.ts";
import type { Configure, ControlCommand, StoreConfiguration } from "./control_commands.ts";
import { DigestChain } from "./digest_chain.ts";
import { LogWriters } from "./log_writers.ts";
import type { LogEntry } from "./record_log.ts";
import { type DecodedRecord, decodeRecord } from "./record_text.ts";
import { openParts, type ReplicaParts } from "./replica_parts.ts";

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
  /** How often it was configured. */
  readonly configured: number;
  /** The options that decide results. */
  readonly configuration: StoreConfiguration;
}

/** The record needs a newer version of this program. */
export class NewerVersionError extends Error {}

/** Applies the records of a log, in their order. What comes of them depends on them and their times, and on nothing else. */
export class Replica {
  readonly chain: DigestChain = new DigestChain();
  readonly writers: LogWriters = new LogWriters();
  readonly #db: Database;
  readonly #time: StoreTime;
  #identity: ReplicaIdentity | undefined;
  #parts: ReplicaParts | undefined;
  /** The database has failed, and may have a part of a change: the replica has to be opened again. */
  #failure: unknown;

  /**
   * Has applied nothing.
   *
   * @param db an open, empty database, in a transaction
   * @param time the time of the last commands
   */
  constructor(db: Database, time: StoreTime) {
    this.#db = db;
    this.#time = time;
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
      this.chain.add(position, time, bytes, [], undefined);
      return ignored(reason!, record);
    }
    const commands = record.commands();
    if (record.control) this.#control(record.control);
    const messages: TopicMessage[] = [];
    const { results, events } = this.#change(commands, time, messages);
    const { writer, number, control } = record;
    const knows = control?.type === "join" ? control.knows : undefined;
    this.writers.wrote(writer, number, time, knows);
    this.chain.add(position, time, bytes, commands, results);
    return { record, ignored: undefined, results, messages, events };
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

  #control(control: ControlCommand): void {
    switch (control.type) {
      case "configure":
        return this.#configure(control);
      case "join":
        return;
      default:
        control satisfies never;
    }
  }

  #configure({ after, configuration, id, epoch, seed }: Configure): void {
    const configured = this.#identity?.configured ?? 0;
    if (after !== configured) return;
    if (this.#identity) {
      this.#identity = { ...this.#identity, configuration, configured: configured + 1 };
      return;
    }
    this.#identity = { id, epoch, seed, configuration, configured: 1 };
    this.#parts = openParts(this.#db, configuration, this.#time, (error) => {
      this.#failure ??= error;
    });
  }
}

function ignored(reason: IgnoredReason, record?: DecodedRecord): AppliedEntry {
  return { record, ignored: reason, results: [], messages: [], events: [] };
}
