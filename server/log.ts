/**
 * The log of a server: events on their way to the log of the program, or to standard error.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { EventLog, Log, LogEvent, LogEventName } from "../queue/log_event.ts";
import { levelOf, logArguments } from "./log_line.ts";
import { ADMIN_PACE, CLIENT_PACE, type LogPace, RateLimitedLog } from "./rate_limited_log.ts";
import { stderr } from "./stderr.ts";

/** A log that never fails. */
export interface ServerLog extends EventLog {
  /** How many lines nobody will see: the log of the program failed, or standard error took no more. */
  readonly dropped: number;
  /** How many lines there are not, because another one stands for them and says so. */
  readonly suppressed: number;
  /** Writes what is pending, and waits a moment until standard error has it. */
  stop(): Promise<void>;
}

/** Events that clients can cause as often as they want: there are few lines of each, and the others are counted. */
const LIMITED: Readonly<Partial<Record<LogEventName, LogPace>>> = {
  request_refused: CLIENT_PACE,
  connection_closed: CLIENT_PACE,
  slow_reader_dropped: CLIENT_PACE,
  peer_dropped: CLIENT_PACE,
  port_state: CLIENT_PACE,
  store_unusable: CLIENT_PACE,
  store_recovered: CLIENT_PACE,
  store_commit_failed: CLIENT_PACE,
  store_feed_lost: CLIENT_PACE,
  store_purge_failed: CLIENT_PACE,
  token_check_failed: CLIENT_PACE,
  request_failed: CLIENT_PACE,
  unexpected_error: CLIENT_PACE,
  job_dead: CLIENT_PACE,
  job_given_up: CLIENT_PACE,
  group_deleted: CLIENT_PACE,
  admin_purge: ADMIN_PACE,
  admin_backup: ADMIN_PACE,
  admin_disconnect: ADMIN_PACE,
  admin_create_group: ADMIN_PACE,
  admin_delete_group: ADMIN_PACE,
  admin_redrive: ADMIN_PACE,
};

/**
 * Opens the log of a server.
 *
 * @param sink writes an event; may throw, or reject, because lines are written in the middle of work that has to continue
 * @param clock tells when there may be another line of an event
 * @returns a log that does neither
 */
export function openLog(sink: (event: LogEvent) => unknown, clock: Clock): ServerLog {
  let failed = 0;
  let suppressed = 0;
  let isStopped = false;
  const write = async (event: LogEvent) => {
    suppressed += (event.repeats?.count ?? 1) - 1;
    try {
      await sink(event);
    } catch {
      // There is nowhere left to report it.
      failed++;
    }
  };
  const plain = { write: (event: LogEvent) => void write(event) };
  const limited = new Map<LogEventName, RateLimitedLog>();
  const limitedLog = (event: LogEventName, pace: LogPace) => {
    const log = limited.get(event) ?? new RateLimitedLog(clock, plain, pace);
    limited.set(event, log);
    // Nothing may start a timer any more.
    if (isStopped) log.stop();
    return log;
  };
  return {
    write(event) {
      const pace = LIMITED[event.event];
      (pace ? limitedLog(event.event, pace) : plain).write(event);
    },
    get dropped() {
      return failed + stderr.dropped;
    },
    get suppressed() {
      return suppressed;
    },
    async stop() {
      isStopped = true;
      for (const log of limited.values()) log.stop();
      await stderr.flush();
    },
  };
}

/**
 * Writes events as text.
 *
 * @param log the log of a program
 * @returns a sink for {@linkcode openLog}
 */
export function textSink(log: Log): (event: LogEvent) => unknown {
  return (event) => log[levelOf(event)](...logArguments(event));
}
