/**
 * The fields of a request: what they may hold, and the errors if they do not.
 *
 * @module
 */

import type { WireError } from "./errors.ts";
import type { Limits } from "./client_limits.ts";
import type { CreditTotals, RefusedRequest, WireSince } from "./requests.ts";
import { formatValue, prefixProblem, quoted, topicProblem } from "./text.ts";

/** A request as it arrived: an object, not checked further. */
export type RequestFields = Readonly<Record<string, unknown>>;

/** The longest name of an epoch, in characters. */
const MAX_TEXT_LENGTH = 4096;

/** What `since` may be, for an error. */
const SINCE_FORMS =
  '"start", "now", {"after": a sequence number}, {"time": milliseconds} or {"ago": milliseconds}';

/** Whether a value is a start position, or `undefined`. */
function isSince(value: unknown): value is WireSince | undefined {
  if (value === undefined || value === "start" || value === "now") return true;
  const { after, time, ago } = Object(value);
  const given = [after, time, ago].filter((number) => number !== undefined);
  if (given.length !== 1 || !isCount(given[0])) return false;
  return after === undefined || wrongPositionField(value) === undefined;
}

/** What a position may have besides its number, and what that must be. */
const POSITION_FIELDS: readonly (readonly [
  name: string,
  isValid: (value: unknown) => boolean,
  expected: string,
])[] = [
  ["epoch", isBoundedText, `the epoch, of at most ${MAX_TEXT_LENGTH} characters`],
  ["asOf", isCount, "a time of the server, in whole milliseconds"],
  ["ahead", isCount, "a sequence number"],
  ["began", isMoment, "the time that the server sent"],
];

function wrongPositionField(position: unknown): typeof POSITION_FIELDS[number] | undefined {
  const fields = position as RequestFields;
  return POSITION_FIELDS.find(([name, isValid]) =>
    fields[name] !== undefined && !isValid(fields[name])
  );
}

/** Whether a value is a time of a store: milliseconds from 0, which may have a fraction. */
export function isMoment(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0;
}

/** Rejects a request whose start position is invalid. */
export function sinceRefusal(
  fields: RequestFields,
  name: "since" | "cursor",
): RefusedRequest | undefined {
  return isSince(fields[name]) ? undefined : refuseSince(fields, name);
}

/** Says of a position which of its fields is wrong. */
function refuseSince(fields: RequestFields, name: "since" | "cursor"): RefusedRequest {
  const { action, id, [name]: value } = fields;
  const wrong = isCount(Object(value).after) ? wrongPositionField(value) : undefined;
  if (!wrong) return refuseField(fields, name, SINCE_FORMS);
  const [field, , expected] = wrong;
  const path = `${name}.${field}`;
  return refuseField({ action, id, [path]: (value as RequestFields)[field] }, path, expected);
}

/** Clients choose the names of sessions and workers at random: nobody can guess one of at least 16 characters. */
const SESSION_PATTERN = /^[\w-]{16,64}$/;

/** What such a name may be, for an error. */
export const SESSION_FORM = "16 to 64 letters, digits, - and _";

/** Whether a value is the name of a session or a worker. */
export function isSessionName(value: unknown): value is string {
  return typeof value === "string" && SESSION_PATTERN.test(value);
}

/** Whether a value is text of reasonable length, or `undefined`. */
export function isBoundedText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && value.length <= MAX_TEXT_LENGTH);
}

/** Whether a value is a whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The same of what an older peer does not say. */
export function isCountIfGiven(value: unknown): value is number | undefined {
  return value === undefined || isCount(value);
}

/** Rejects a request whose topic is invalid. In dsmq 1.x the empty string is a topic like any other. */
export function topicRefusal(
  fields: RequestFields,
  limits: Pick<Limits, "topicBytes">,
): RefusedRequest | undefined {
  if (fields.topic === "" && fields.id === undefined) return undefined;
  const problem = topicProblem(fields.topic, limits.topicBytes);
  return problem === undefined
    ? undefined
    : refuseRequest(fields, "bad_topic", `Cannot ${fields.action}: ${problem}`);
}

/** Rejects a request that does not name a topic, or a prefix of topics, and not both. */
export function filterRefusal(
  fields: RequestFields,
  limits: Pick<Limits, "topicBytes">,
): RefusedRequest | undefined {
  const { action, topic, prefix, cursor } = fields;
  if (prefix === undefined && topic !== undefined) return topicRefusal(fields, limits);
  if (prefix === undefined || topic !== undefined) {
    const seen = prefix === undefined ? "neither" : "both";
    const reason = `it must have "topic" or "prefix", got ${seen}`;
    return refuseRequest(fields, "bad_request", `Invalid ${action} request: ${reason}`);
  }
  const problem = prefixProblem(prefix, limits.topicBytes);
  if (problem !== undefined) {
    return refuseRequest(fields, "bad_topic", `Cannot ${action}: ${problem}`);
  }
  if (cursor === undefined) return undefined;
  const reason = '"cursor" is for a topic, and it has a "prefix": use "since"';
  return refuseRequest(fields, "bad_request", `Invalid ${action} request: ${reason}`);
}

/** Rejects a request whose credit is invalid. */
export function creditRefusal(fields: RequestFields): RefusedRequest | undefined {
  for (const name of ["messages", "bytes"]) {
    if (fields[name] !== undefined && !isCount(fields[name])) {
      return refuseField(fields, name, "a whole number");
    }
  }
}

/** The credit of a checked request; a missing field is 0. */
export function creditOf(fields: RequestFields): CreditTotals {
  return { messages: (fields.messages ?? 0) as number, bytes: (fields.bytes ?? 0) as number };
}

/** Rejects a request because of one field. */
export function refuseField(fields: RequestFields, name: string, expected: string): RefusedRequest {
  const what = typeof fields.action === "string" ? `${fields.action} request` : "request";
  return refuseRequest(
    fields,
    "bad_request",
    `Invalid ${what}: "${name}" must be ${expected}, got ${formatField(fields[name])}`,
  );
}

/** So many fields of an object are shown in an error. */
const SHOWN_FIELDS = 4;

/** The value of a field for an error: of an object the first fields, of which one is wrong. */
function formatField(value: unknown): string {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return formatValue(value);
  }
  const entries = Object.entries(value);
  const shown = entries.slice(0, SHOWN_FIELDS).map(([name, item]) =>
    `${quoted(name)}: ${formatValue(item)}`
  );
  if (entries.length > SHOWN_FIELDS) shown.push("…");
  return `{${shown.join(", ")}}`;
}

/** Rejects a request. If its id is invalid, the answer carries `null` instead. */
export function refuseRequest(
  { id, action }: RequestFields,
  code: WireError["code"],
  message: string,
  details: Partial<WireError> = {},
): RefusedRequest {
  return {
    action: "refused",
    id: id === undefined || isCount(id) ? id : null,
    needsReply: id === undefined && (action === "get" || action === "get_latest"),
    error: { code, message, ...details },
  };
}

/** The error of a request beyond a limit. */
export function limitExceeded(what: string, limit: number, reason: string): WireError {
  return {
    code: "limit_exceeded",
    message: `Cannot ${what}: ${reason}, the limit is ${limit}`,
    limit,
  };
}

/** Whether a value is a list of counts. A loop takes half as long as a callback for each. */
export function areCounts(value: unknown): value is readonly number[] {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (!isCount(value[i])) return false;
  return true;
}

/** Whether a value is a list of strings. */
export function areStrings(value: unknown): value is readonly string[] {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (typeof value[i] !== "string") return false;
  return true;
}
