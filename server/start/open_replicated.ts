/**
 * The store of several servers: a log, and this server's copy of what it has. Loaded only by a server that is given a log.
 *
 * @module
 */

import { DsmqError } from "../../protocol/errors.ts";
import { type NatsAddress, parseNatsAddress } from "../../stores/replicated/nats/nats_address.ts";
import { type NatsLogOptions, openNatsLog } from "../../stores/replicated/nats/nats_log.ts";
import { LogError, type RecordLog } from "../../stores/replicated/record_log.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import type { ReplicatedStoreOptions } from "../../stores/replicated/replicated_store_options.ts";
import type { ServerSettings } from "../options.ts";
import { LogAddressError } from "../store_address.ts";
import { CatchUpReport } from "./catch_up_progress.ts";

/** What it needs of the options. */
export type LogSettings = Pick<
  ServerSettings,
  "store" | "limits" | "storeFault" | "waitForStore" | "reconfigure" | "replica" | "log" | "signal"
>;

/** Opens a log. */
type OpenLog = (options: NatsLogOptions) => Promise<RecordLog>;

/**
 * Prepares to open the store of a log.
 *
 * @param settings which log, and how
 * @param openLog opens the log. Default: in NATS
 * @returns opens the store: rejects with a `DsmqError`, `unavailable` if the log cannot be reached in time, `store_unusable` if it cannot
 *   be used, or `module_unavailable`
 * @throws {LogAddressError} if the address is invalid
 */
export function replicatedStore(
  { store, limits, storeFault, waitForStore: waitMs, reconfigure, replica: path, log, signal }:
    LogSettings,
  openLog: OpenLog = openNatsLog,
): (options: Omit<ReplicatedStoreOptions, "log">) => Promise<ReplicatedStore> {
  const address = parseAddress(store, storeFault);
  return async (options) => {
    try {
      const records = await openLog({ address, waitMs, ...(signal && { signal }) });
      await requireRoom(records, limits.messageBytes);
      for (const message of records.warnings) log.write({ event: "store_warning", message });
      const report = new CatchUpReport(log, options.clock);
      const store = await ReplicatedStore.open({
        ...{ ...options, log: records, path, reconfigure },
        notify: (notice) => log.write(notice),
        onProgress: (progress) => report.report(progress),
      });
      report.done();
      return store;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      const code = error.code === "unavailable" ? "unavailable" : "store_unusable";
      throw new DsmqError(code, error.message, { cause: error });
    }
  };
}

/** What a record needs besides the body and the attributes of a message, at most, in bytes: its topic, and who puts it. */
const RECORD_OVERHEAD = 16 * 1024;

/** Closes a log whose records are too small for the largest message, and throws. */
async function requireRoom(records: RecordLog, messageBytes: number): Promise<void> {
  const limit = records.maxRecord - RECORD_OVERHEAD;
  if (messageBytes <= limit) return;
  await records[Symbol.asyncDispose]();
  throw new LogError(
    "unusable",
    `a message may have ${messageBytes} bytes, but ${records.description} takes messages of up to ${limit}: lower the limit ` +
      "messageBytes, or raise max_payload in NATS",
  );
}

function parseAddress(store: string, fault: LogSettings["storeFault"]): NatsAddress {
  try {
    return parseNatsAddress(store, fault);
  } catch (error) {
    throw error instanceof RangeError ? new LogAddressError(error.message) : error;
  }
}
