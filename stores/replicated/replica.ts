/**
 * The whole state of a replicated store, as one server has it.
 *
 * @module
 */

import type { NameMap } from "../../protocol/name_map.ts";
import type { Command, CommandBatch } from "../commands.ts";
import type { TopicMessage } from "../store.ts";
import type { StoreTime } from "../store_time.ts";
import { type AppliedEntry, ignored, type IgnoredReason } from "./applied_entry.ts";
import type { Configure, ControlCommand } from "./control_commands.ts";
import { refusedSessions, withoutRefused } from "./continued_commands.ts";
import { DigestChain } from "./digest_chain.ts";
import { LogTime, type SavedLogTime, type WriterClock } from "./log_time.ts";
import { LogWriters, type WriterState } from "./log_writers.ts";
import type { LogEntry } from "./record_log.ts";
import { type DecodedRecord, decodeRecord } from "./record_text.ts";
import type { ReplicaFile } from "./replica_file.ts";
import { type SavedClaim, SessionClaims } from "./session_claims.ts";
import { type SavedSchedule, SnapshotSchedule } from "./snapshot_schedule.ts";
import { type ReplicaIdentity, type SavedIdentity, StoreIdentity } from "./store_identity.ts";
import { openParts, type ReplicaParts, type SavedParts, saveParts } from "./replica_parts.ts";

/** The newest version of the state machine that this program knows. */
export const MACHINE_VERSION = 1;

/** If no record has come for so long, one without commands tells everybody that time passes. In milliseconds. */
const TICK = 1000;

/** The log needs a newer version of this program. */
export class NewerVersionError extends Error {
  /** Makes one from the version of the state machine that is needed, and the newest one that is known. */
  constructor(version: number, knows: number) {
    super(
      `the log needs a newer version of dsmq: its state machine has version ${version}, this program knows up to ${knows}`,
    );
  }
}

/** What is saved of a replica besides tables, dumps and links. */
interface SavedReplica {
  readonly identity: SavedIdentity;
  readonly schedule: SavedSchedule;
  readonly time: SavedLogTime;
  readonly parts: SavedParts;
}

/** Applies the records of a log, in their order. What comes of them depends on them and their times, and on nothing else. */
export class Replica {
  readonly chain: DigestChain = new DigestChain();
  readonly writers: LogWriters = new LogWriters();
  /** When a snapshot is to be made. */
  readonly schedule: SnapshotSchedule = new SnapshotSchedule();
  readonly #file: ReplicaFile;
  readonly #storeTime: StoreTime;
  readonly #time = new LogTime();
  readonly #knows: number;
  readonly #identity = new StoreIdentity();
  readonly #claims = new SessionClaims();
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
   * @param knows the newest version of the state machine that it knows
   * @throws {NewerVersionError} if the file needs a newer version of this program
   */
  constructor(file: ReplicaFile, time: StoreTime, knows: number = MACHINE_VERSION) {
    this.#knows = knows;
    this.#file = file;
    this.#storeTime = time;
    const [saved] = file.lines("replica") as Iterable<SavedReplica>;
    if (saved) this.#restore(saved);
    this.#savedAt = this.chain.last.position;
  }

  /** What the store is; `undefined` before its first record. */
  get identity(): ReplicaIdentity | undefined {
    return this.#identity.current;
  }

  /** The last number of each epoch before the present one. */
  get epochEnds(): NameMap<number> {
    return this.#identity.epochEnds;
  }

  /** What records change; throws before the first one, and once the database has failed. */
  get parts(): ReplicaParts {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#parts) throw new Error("the log is empty");
    return this.#parts;
  }

  /** Why the replica goes no further: its database has failed. `undefined`: it has not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** How many records were applied since the last one that is in the file. */
  get unsaved(): number {
    return this.chain.last.position - this.#savedAt;
  }

  /** Whether something may be due by a time, or no record has come for long: only then is one without commands of any use. */
  isDue(now: number): boolean {
    const { messageLog: { range }, dedup, groups } = this.parts;
    const passed = now - this.#storeTime.applied;
    if (passed <= 0) return false;
    const { retention } = this.identity!.configuration;
    return passed >= TICK || range.readFloor(now - retention) > range.floor ||
      dedup.holdsExpired(now) || groups.state !== undefined;
  }

  /** Saves where it is: it can go on from here. */
  save(): void {
    const identity = this.#identity.saved;
    if (!identity) return;
    try {
      const { retention } = identity.current.configuration;
      const parts = saveParts(this.#file, this.parts, this.#storeTime, retention);
      const [schedule, time] = [this.schedule.saved, this.#time.saved];
      const saved: SavedReplica = { identity, schedule, time, parts };
      this.#file.save("replica", [saved]);
      this.#file.save("writers", this.writers.all);
      this.#file.save("claims", this.#claims.saved());
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
    const { position, record: bytes } = entry;
    // What is over for long stays so when the clock of the log is set back.
    const linked = { ...entry, time: Math.max(entry.time, this.chain.last.time) };
    if (bytes.length === 0) {
      this.chain.skip(position, linked.time);
      return ignored("fence");
    }
    const record = decodeRecord(bytes);
    const reason = record ? this.#reasonToIgnore(record, linked.time) : "unreadable";
    const commands = reason ? undefined : record?.commands();
    if (!record || !commands) {
      this.chain.add(linked, this.lastSeq, [], undefined);
      return ignored(reason ?? "unreadable", record);
    }
    const { writer, control, continues } = record;
    const when = this.#timeOf(record, entry.time);
    const { time } = when;
    if (control) this.#control(control, record, time);
    this.schedule.applied(bytes.length, time);
    const messages: TopicMessage[] = [];
    const refusedBefore = continues ? this.writers.refused(writer) : [];
    const batch = { time, commands };
    const { results, events } = this.#change(batch, refusedBefore, messages);
    const sessions = this.#claims.judge(commands, results, time);
    this.writers.wrote(record, when, refusedSessions(commands, results), control);
    this.chain.add(linked, this.lastSeq, commands, results);
    return { record, time, ignored: undefined, results, messages, events, sessions };
  }

  /** The sequence number of the last message; 0 before the first record. */
  get lastSeq(): number {
    return this.#parts?.messageLog.range.last ?? 0;
  }

  /** When a record happens. A server that asks for the time has none. */
  #timeOf(
    { writer, clock, control }: DecodedRecord,
    stamp: number,
  ): { readonly time: number; readonly clock?: WriterClock } {
    const { last } = this.#time.saved;
    if (control?.type === "announce" && last) return { time: last.time };
    const known = this.writers.clockOf(writer);
    const maxAhead = known ? undefined : this.writers.maxAhead;
    const { time, ...next } = this.#time.next({ stamp, clock, known, maxAhead });
    return { time, clock: next };
  }

  #restore({ identity, schedule, time, parts }: SavedReplica): void {
    this.#requireKnown(identity.current.version);
    this.#identity.restore(identity);
    this.schedule.restore(schedule);
    this.#time.restore(time);
    this.chain.restore(this.#file.links);
    this.#claims.restore(this.#file.lines("claims") as Iterable<SavedClaim>);
    this.writers.restore(this.#file.lines("writers") as Iterable<WriterState>);
    this.#openParts(parts);
  }

  #openParts(saved?: SavedParts): void {
    const { configuration, seed } = this.#identity.current!;
    this.#parts = openParts(this.#file, { ...configuration, seed }, this.#storeTime, (error) => {
      this.#failure ??= error;
    }, saved);
  }

  #reasonToIgnore(record: DecodedRecord, time: number): IgnoredReason | undefined {
    const { version, writer, number, seen } = record;
    const next = this.writers.next(writer);
    if (number < next) return "repeated";
    const verdict = this.chain.judge(seen, time);
    if (verdict !== "same") return verdict === "other" ? "diverged" : verdict;
    if (number > next) return "early";
    this.#requireKnown(version);
    // Without options nothing can be done.
    return this.identity || record.control?.type === "configure" ? undefined : "early";
  }

  #change({ time, commands }: CommandBatch, refused: readonly string[], messages: TopicMessage[]) {
    const { messageLog, dedup, groups, machine } = this.parts;
    const { buffer } = messageLog;
    try {
      if (buffer.isFull && commands.length > 0) messageLog.flush();
      const { left, merge } = refused.length === 0
        ? { left: commands, merge: undefined }
        : withoutRefused(commands, refused, (session, n) => dedup.find(session, n) !== 0);
      const apply = (rest: readonly Command[]) => machine.apply({ time, commands: rest }, messages);
      const results = this.#claims.withoutClosed(left, apply);
      dedup.commit();
      if (buffer.isOverfull) messageLog.flush();
      if (this.#failure !== undefined) throw this.#failure;
      return { results: merge?.(results) ?? results, events: groups.takeEvents() };
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }

  #control(control: ControlCommand, { writer, version }: DecodedRecord, time: number): void {
    switch (control.type) {
      case "configure":
        return this.#configure(control, version, time);
      case "announce":
      case "join":
      case "close":
        return;
      case "begin_snapshot":
        return this.schedule.begin(writer, time);
      case "snapshot_taken":
        return this.schedule.complete(writer, control, time, this.chain.at(control.position));
      case "begin_epoch":
        // Of a position that is not known any more the end is not known either: nothing of that epoch counts as known.
        return this.#identity.beginEpoch(control, this.chain.at(control.common)?.last ?? 0, time);
      case "raise_version":
        if (control.version > this.writers.commonVersion) return;
        this.#requireKnown(control.version);
        return this.#identity.raiseVersion(control.version);
      default:
        control satisfies never;
    }
  }

  #configure(command: Configure, version: number, time: number): void {
    const before = this.identity;
    if (!this.#identity.configure(command, version, time)) return;
    if (!before) return this.#openParts();
    const { retention } = before.configuration;
    this.#openParts(saveParts(this.#file, this.parts, this.#storeTime, retention));
  }

  #requireKnown(version: number): void {
    if (version > this.#knows) throw new NewerVersionError(version, this.#knows);
  }
}
