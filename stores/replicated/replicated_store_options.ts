/**
 * How a replicated store is opened.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import type { SqliteStoreOptions } from "../sqlite_store.ts";
import type { RecordLog } from "./record_log.ts";
import type { ReplicaKeeperOptions } from "./replica_keeper.ts";

/** How a replicated store is opened. */
export interface ReplicatedStoreOptions
  extends Omit<SqliteStoreOptions, "clock">, ReplicaKeeperOptions {
  /** The log. The store owns it from then on. */
  readonly log: RecordLog;
  readonly clock: Clock;
  /** Where the replica is kept. Default: in a temporary file, which is deleted in the end. */
  readonly path?: string | undefined;
  /** Gives the log the options of this server, if it has others. Default: such a log is refused. */
  readonly reconfigure?: boolean;
}
