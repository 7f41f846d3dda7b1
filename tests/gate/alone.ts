/**
 * The test files that run alone, after all others, and why.
 *
 * A file belongs here if it measures time or memory that others would spoil, or changes something that the whole
 * process shares: tests that run in parallel are threads of one process. `tests/gate/suite_test.ts` looks for
 * such changes in files that are missing here.
 *
 * @module
 */

const MEMORY = "measures the memory of its process";
const FOLDER = "changes the working directory or reads the umask, which changes it";
const SIGNALS = "sends signals to its own process";
const SPEED = "compares times of a server under load";
const SHORT_TIMES = "has heartbeats of 100 ms or timeouts of 400 ms over a real network";

/** Each file, from the folder `tests/`, and the reason. */
export const ALONE: Readonly<Record<string, string>> = {
  "cli/signals_test.ts": SIGNALS,
  "cli/since_test.ts": "changes the time zone of its process",
  "client/connect_refusals_test.ts": SHORT_TIMES,
  "client/resume_slow_networks_test.ts": SHORT_TIMES,
  "client/resume_streams_test.ts": MEMORY,
  "client/several_servers_test.ts": SHORT_TIMES,
  "connection/progress_test.ts": SHORT_TIMES,
  "faults/short_load_runs_test.ts": SPEED,
  "server/aborted_start_test.ts":
    "opens a port again at once, which a process that another test starts has until it runs its own program",
  "server/shutdown_test.ts": SIGNALS,
  "server/store_address_test.ts": FOLDER,
  "stores/engine_trial_test.ts": FOLDER,
  "stores/exclusive_file_test.ts": FOLDER,
  "stores/file_test.ts": FOLDER,
  "stores/nats/nats_failover_test.ts": "has limits of seconds over a real server",
  "stores/nats/nats_faults_test.ts": "has limits of seconds over a real server",
  "transports/hardened_test.ts": MEMORY,
  "transports/slow_network_promises_test.ts": SHORT_TIMES,
};
