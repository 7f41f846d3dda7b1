/**
 * The test files that do not run among all others, and why.
 *
 * A file belongs here if it measures time or memory that others would spoil, or changes something that the whole
 * process shares: tests that run in parallel are threads of one process. `tests/gate/suite_test.ts` looks for
 * such changes in files that are missing here.
 *
 * @module
 */

/** Why a file does not run among all others, and how it runs instead. */
export interface Apart {
  readonly reason: string;
  /**
   * `beside`: meanwhile, one file after another in a process of their own; `together`: after all others, in parallel; `alone`:
   * after all others, one after another.
   */
  readonly runs: "beside" | "together" | "alone";
}

const MEMORY: Apart = { reason: "measures the memory of its process", runs: "alone" };
const FOLDER: Apart = {
  reason: "changes the working directory or reads the umask, which changes it",
  runs: "beside",
};
const SIGNALS: Apart = { reason: "sends signals to its own process", runs: "beside" };
const SPEED: Apart = { reason: "compares times of a server under load", runs: "alone" };
const SHORT_TIMES: Apart = {
  reason: "has heartbeats of 100 ms or timeouts of 400 ms over a real network",
  runs: "alone",
};
/** Nearly all of their time they wait, and so they do not disturb each other. */
const SLOW_NETWORKS: Apart = { ...SHORT_TIMES, runs: "together" };
const REAL_SERVERS: Apart = {
  reason: "has limits of seconds over a real server",
  runs: "together",
};

/** Each file, from the folder `tests/`, and the reason. */
export const APART: Readonly<Record<string, Apart>> = {
  "cli/signals_test.ts": SIGNALS,
  "cli/since_test.ts": { reason: "changes the time zone of its process", runs: "beside" },
  "client/connect_refusals_test.ts": SHORT_TIMES,
  "client/resume_slow_networks_test.ts": SLOW_NETWORKS,
  "client/resume_streams_test.ts": MEMORY,
  "client/several_servers_test.ts": SHORT_TIMES,
  "connection/progress_test.ts": SLOW_NETWORKS,
  "faults/short_load_runs_test.ts": SPEED,
  "server/aborted_start_test.ts": {
    reason:
      "opens a port again at once, which a process that another test starts has until it runs its own program",
    runs: "beside",
  },
  "server/shutdown_test.ts": SIGNALS,
  "server/store_address_test.ts": FOLDER,
  "stores/engine_trial_test.ts": { ...FOLDER, runs: "alone" },
  "stores/exclusive_file_test.ts": FOLDER,
  "stores/file_test.ts": FOLDER,
  "stores/nats/nats_failover_test.ts": REAL_SERVERS,
  "stores/nats/nats_faults_test.ts": REAL_SERVERS,
  "transports/hardened_test.ts": MEMORY,
  "transports/slow_network_promises_test.ts": SLOW_NETWORKS,
};
