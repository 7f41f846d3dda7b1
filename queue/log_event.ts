/**
 * What a server tells its operator: events with names that stay the same, which a log writes as text or as JSON.
 *
 * @module
 */

/** Where a program has its log lines written: an object such as `console`. */
export type Log = Pick<Console, "info" | "warn" | "error">;

/** How much an event matters. */
export type LogLevel = keyof Log;

/** Each event with its level; `docs/logs.md` says what they mean. */
export const LOG_EVENTS = {
  server_started: "info",
  server_stopped: "info",
  serve_failed: "error",
  stop_failed: "error",
  notice: "info",
  request_refused: "warn",
  connection_closed: "warn",
  slow_reader_dropped: "warn",
  peer_dropped: "warn",
  port_state: "warn",
  store_unusable: "warn",
  store_commit_failed: "error",
  store_recovered: "warn",
  store_purge_failed: "error",
  store_feed_lost: "warn",
  store_close_failed: "warn",
  store_warning: "warn",
  replica_discarded: "warn",
  log_replaced: "warn",
  snapshot_failed: "warn",
  store_catching_up: "info",
  store_behind: "error",
  store_caught_up: "info",
  store_exposed: "warn",
  secret_exposed: "warn",
  engine_fallback: "warn",
  open_to_everyone: "warn",
  flood_risk: "warn",
  traces_unavailable: "warn",
  certificate_warning: "warn",
  several_queues: "error",
  keys_unavailable: "warn",
  keys_available: "info",
  token_check_failed: "error",
  request_failed: "error",
  unexpected_error: "error",
  reloaded: "info",
  reload_failed: "error",
  job_dead: "warn",
  job_given_up: "warn",
  group_deleted: "warn",
  admin_purge: "info",
  admin_backup: "info",
  admin_disconnect: "info",
  admin_shutdown: "info",
  admin_create_group: "info",
  admin_delete_group: "info",
  admin_redrive: "info",
  lines_dropped: "warn",
} as const satisfies Readonly<Record<string, LogLevel>>;

/** The name of an event. */
export type LogEventName = keyof typeof LOG_EVENTS;

/** Something that the operator of a server should know. Nothing in it is the text of a message, or a token. */
export interface LogEvent {
  readonly event: LogEventName;
  /** What happened, in words for a person, without line feeds. */
  readonly message: string;
  /** Why: a sentence, or an error. */
  readonly reason?: unknown;
  /** The address of the client that it is about, if it is about one. */
  readonly address?: string | undefined;
  /** What the operator can do about it. */
  readonly advice?: string | undefined;
  /** More, for programs: what a person should know is in the sentence as well. */
  readonly fields?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** How often it has happened since the last such event was logged, and in how many milliseconds. Default: once. */
  readonly repeats?: { readonly count: number; readonly within: number };
}

/** Takes events. It never throws, and nobody waits for it. */
export interface EventLog {
  /** Writes an event, or counts it if there are too many of them. */
  write(event: LogEvent): void;
}
