/**
 * What NATS and its client say when something fails, as errors of a log. No message has a part of a login.
 *
 * @module
 */

import { LogError } from "../record_log.ts";

/** What JetStream answers when it cannot do something. */
export interface ApiError {
  /** As in HTTP. */
  readonly code: number;
  /** Which error exactly. */
  readonly err_code: number;
  readonly description: string;
}

/** Errors of JetStream that mean something here. */
export const JETSTREAM_ERRORS = {
  messageNotFound: 10037,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  wrongStream: 10060,
} as const;

/** With a status of 4xx, and can pass: full for now, or too few servers for now. */
const PASSING = new Set([10002, 10005, 10026, 10059]);
/** With a status of 5xx, and stay: a setting that this server does not take. */
const LASTING = new Set([10010, 10052, 10074]);

/** Codes of errors of sockets that pass: a server that is not there, or not there yet. */
const UNREACHABLE = /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOST|ENET|ETIMEDOUT|EPIPE|ERR_SOCKET|ERR_STREAM)/;

/** The error for what JetStream answered. */
export function apiError(action: string, { code, err_code, description }: ApiError): LogError {
  const lasts = LASTING.has(err_code) || (code < 500 && code !== 429 && !PASSING.has(err_code));
  return new LogError(
    lasts ? "unusable" : "unavailable",
    `Cannot ${action}: JetStream says: ${description} (${err_code})`,
  );
}

/** The error for a request that was not answered, or a connection that broke. */
export function requestError(action: string, error: unknown): LogError {
  if (error instanceof LogError) return error;
  const { cause } = error as Error;
  const inner = innerName(error);
  if (inner === "NoResponders") {
    return unavailable(action, "no server has JetStream, or the stream, just now", cause);
  }
  if (isTimeout(error)) return unavailable(action, "NATS does not answer");
  if (inner === "PermissionViolationError") return permissionError(action, cause ?? error);
  if (inner === "ClosedConnectionError") return unavailable(action, "the log is closed");
  return unavailable(action, "the connection to NATS broke", error);
}

/** Whether a request was not answered in its time. */
export function isTimeout(error: unknown): boolean {
  return innerName(error) === "TimeoutError";
}

function innerName(error: unknown): string {
  const { name, cause } = error as Error;
  return cause instanceof Error ? cause.name : name;
}

/** Whether an error says that nobody was there to answer. */
export function isUnanswered(error: unknown): boolean {
  const cause = error instanceof LogError ? error.cause : undefined;
  return cause instanceof Error && cause.name === "NoResponders";
}

/** The error for a user who may not do something. */
export function permissionError(action: string, error: unknown): LogError {
  const { operation, subject } = error as { operation?: string; subject?: string };
  const verb = operation === "subscription" ? "subscribe to" : "publish to";
  return new LogError(
    "unusable",
    `Cannot ${action}: the NATS user may not ${verb} ${subject || "a subject of it"}`,
  );
}

/** An error that may pass. */
export function unavailable(action: string, reason: string, cause?: unknown): LogError {
  return new LogError("unavailable", `Cannot ${action}: ${reason}`, { cause });
}

/** The error for a first connection that failed. */
export function connectError(action: string, error: unknown): LogError {
  if (error instanceof LogError) return error;
  const { name, message, code, cause } = error as Error & { code?: string };
  if (name === "AuthorizationError" || name === "UserAuthenticationExpiredError") {
    return new LogError("unusable", `Cannot ${action}: NATS refuses the login`);
  }
  if (name === "TimeoutError") return unavailable(action, "no server answers");
  const innerCode = code ?? (cause as { code?: string } | undefined)?.code ?? "";
  if (innerCode === "ECONNREFUSED") return unavailable(action, "connection refused");
  if (innerCode === "ENOTFOUND") return unavailable(action, "no server has such a name");
  if (UNREACHABLE.test(innerCode)) return unavailable(action, `no connection (${innerCode})`);
  if (/does not support 'tls'|'tls' is not available/.test(message)) {
    return new LogError("unusable", `Cannot ${action}: the server does not offer TLS`);
  }
  if (innerCode !== "") {
    return new LogError("unusable", `Cannot ${action}: TLS fails: ${innerCode}`);
  }
  return unavailable(action, "no connection");
}
