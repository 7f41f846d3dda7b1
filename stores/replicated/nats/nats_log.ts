/**
 * A log in NATS JetStream.
 *
 * @module
 */

import type { Durability } from "../../../protocol/encode_replies.ts";
import {
  type LogEntry,
  LogError,
  type LogPosition,
  type LogState,
  type RecordLog,
} from "../record_log.ts";
import type { NatsAddress } from "./nats_address.ts";
import { NatsConnection } from "./nats_connection.ts";
import { unavailable } from "./nats_errors.ts";
import { NatsFailover } from "./nats_failover.ts";
import { loadNats, type NatsPackages } from "./nats_packages.ts";
import { expectStream, NatsPublisher } from "./nats_publisher.ts";
import { checkAccount, checkServers } from "./nats_servers.ts";
import { bucketSettings, NatsSnapshots } from "./nats_snapshots.ts";
import { logSettings, logState, openStream, purgeStream, streamInfo } from "./nats_stream.ts";
import { natsTail } from "./nats_tail.ts";

/** How a log is opened. */
export interface NatsLogOptions {
  readonly address: NatsAddress;
  /** How long to wait for servers that cannot be reached, in milliseconds. Default: 5 s */
  readonly waitMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** So large a record must be possible, in bytes. */
const MIN_RECORD = 64 * 1024;

/** The pause between two attempts to open it, in milliseconds. */
const RETRY_DELAY = 250;

/**
 * Opens the log at an address; its streams are made if they are not there.
 *
 * @returns the log; it has to be disposed of
 * @throws {LogError} `unavailable`, if NATS could not be reached in time; `unusable`, if it cannot be used
 * @throws {DsmqError} `module_unavailable`, if the packages for NATS cannot be loaded
 */
export async function openNatsLog(
  { address, waitMs = 5000, signal }: NatsLogOptions,
): Promise<RecordLog> {
  const nats = await loadNats(signal);
  const end = Promise.withResolvers<undefined>();
  const onEnd = () => end.resolve(undefined);
  const timer = setTimeout(onEnd, waitMs);
  signal?.addEventListener("abort", onEnd);
  if (signal?.aborted) onEnd();
  const attempts = new Attempts(address, nats, end.promise);
  const opening = attempts.run();
  try {
    const log = await Promise.race([opening, end.promise]);
    if (log) return log;
    attempts.giveUp();
    // It may come to be open in this moment.
    opening.then((late) => late?.[Symbol.asyncDispose](), () => {});
    signal?.throwIfAborted();
    throw unavailable(`reach ${address.description} within ${waitMs / 1000} s`, attempts.reason);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onEnd);
  }
}

/** Attempts to open a log, until one succeeds or to try again is of no use. */
class Attempts {
  /** Why the last one failed. */
  reason = "no server answers";
  readonly #address: NatsAddress;
  readonly #nats: NatsPackages;
  readonly #end: Promise<unknown>;
  #hasGivenUp = false;

  constructor(address: NatsAddress, nats: NatsPackages, end: Promise<unknown>) {
    this.#address = address;
    this.#nats = nats;
    this.#end = end;
  }

  async run(): Promise<RecordLog | undefined> {
    while (!this.#hasGivenUp) {
      try {
        return await openLog(this.#address, this.#nats);
      } catch (error) {
        if (!(error instanceof LogError) || error.code !== "unavailable") throw error;
        this.reason = error.message.replace(/^Cannot .*?: /, "");
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pause = new Promise((resolve) => timer = setTimeout(resolve, RETRY_DELAY));
      await Promise.race([pause, this.#end]);
      clearTimeout(timer);
    }
  }

  giveUp(): void {
    this.#hasGivenUp = true;
  }
}

async function openLog(address: NatsAddress, nats: NatsPackages): Promise<RecordLog> {
  const connection = await NatsConnection.open(address, nats);
  try {
    const warnings = [
      ...await checkServers(connection, address, nats),
      ...await checkAccount(connection, address),
      ...durabilityWarnings(address),
    ];
    const maxRecord = largestRecord(connection, address.name);
    await openStream(connection, logSettings(address));
    await openStream(connection, bucketSettings(address));
    return new NatsLog(connection, nats, address, maxRecord, warnings);
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

function largestRecord({ client }: NatsConnection, name: string): number {
  const { info } = client;
  if (info === undefined) throw unavailable("open the log", "the connection to NATS broke");
  const max = info.max_payload - expectStream(name).length;
  if (max >= MIN_RECORD) return max;
  throw new LogError(
    "unusable",
    `Cannot use NATS: its max_payload is ${info.max_payload} bytes, a log needs more than ${MIN_RECORD}`,
  );
}

function durabilityOf({ storage, replicas, syncAlways }: NatsAddress): Durability {
  if (storage === "memory") return "memory";
  if (replicas > 1) return "quorum";
  return syncAlways ? "disk" : "process";
}

function durabilityWarnings({ storage, replicas, syncAlways }: NatsAddress): readonly string[] {
  if (storage === "memory") {
    const which = replicas === 1 ? "the NATS server ends" : "most of the NATS servers end";
    return [`Messages are in the memory of NATS: all are lost when ${which}`];
  }
  if (syncAlways) return [];
  const which = replicas === 1
    ? "a power cut at the NATS server"
    : `a power cut at most of the ${replicas} NATS servers at once`;
  return [
    `NATS acknowledges before it has written to the disk: ${which} can lose what was put in the last two minutes ` +
    '(its sync_interval). Set "sync_interval: always" there, and say so with sync=always in the address',
  ];
}

/** A log in NATS. */
class NatsLog implements RecordLog {
  readonly description: string;
  readonly durability: Durability;
  readonly maxRecord: number;
  readonly warnings: readonly string[];
  readonly snapshots: NatsSnapshots;
  readonly #connection: NatsConnection;
  readonly #nats: NatsPackages;
  readonly #name: string;
  readonly #publisher: NatsPublisher;
  readonly #failover: NatsFailover;

  constructor(
    connection: NatsConnection,
    nats: NatsPackages,
    address: NatsAddress,
    maxRecord: number,
    warnings: readonly string[],
  ) {
    this.description = address.description;
    this.durability = durabilityOf(address);
    this.maxRecord = maxRecord;
    this.warnings = warnings;
    this.snapshots = new NatsSnapshots(connection, nats, address.name, maxRecord);
    this.#connection = connection;
    this.#nats = nats;
    this.#name = address.name;
    this.#publisher = new NatsPublisher(connection, nats, address.name);
    this.#failover = new NatsFailover(connection, address, nats);
  }

  async state(): Promise<LogState> {
    return logState(await streamInfo(this.#connection, this.#name));
  }

  async append(record: Uint8Array): Promise<void> {
    await this.#publisher.append(record);
  }

  tail(after: LogPosition, signal: AbortSignal): AsyncIterable<LogEntry> {
    const fence = () => this.fence();
    return natsTail(
      { connection: this.#connection, nats: this.#nats, name: this.#name, fence },
      after,
      signal,
    );
  }

  /**
   * Appends an empty record, which those who read skip: JetStream acknowledges it only after all that it had acknowledged before, and
   * a leader that was replaced without knowing acknowledges nothing.
   */
  fence(): Promise<LogPosition> {
    return this.#publisher.append(new Uint8Array(0));
  }

  async trim(before: LogPosition): Promise<void> {
    const { first, last } = await this.state();
    // A purge of more than there is would also skip the positions in between.
    const seq = Math.min(before, last + 1);
    // And 0 would stand for all.
    if (seq > first) await purgeStream(this.#connection, this.#name, { seq });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#publisher[Symbol.dispose]();
    await this.#failover[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }
}
