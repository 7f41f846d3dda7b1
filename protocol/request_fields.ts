/**
 * The fields of a request: what they may hold, and what is said when they do not.
 *
 * @module
 */

import type { WireError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { CreditTotals, RefusedRequest, WireSince } from "./requests.ts";
import { formatValue, topicProblem } from "./text.ts";

/** A request as it came, an object at least. */
export type RequestFields = Readonly<Record<string, unknown>>;

/** What `since` may be, for an error. */
export const SINCE_FORMS =
  '"start", "now", {"after": a sequence number}, {"time": milliseconds} or {"ago": milliseconds}';

/** Whether it is a position to read from, or not given. */
export function isSince(value: unknown): value is WireSince | undefined {
  if (value === undefined || value === "start" || value === "now") return true;
  const { after, time, ago, epoch, asOf } = Object(value);
  const given = [after, time, ago].filter((number) => number !== undefined);
  if (given.length !== 1 || !isCount(given[0])) return false;
  return after === undefined || (isBoundedText(epoch) && (asOf === undefined || isCount(asOf)));
}

/** The refusal of a request whose position is invalid. */
export function sinceRefusal(
  fields: RequestFields,
  name: "since" | "cursor",
): RefusedRequest | undefined {
  return isSince(fields[name]) ? undefined : refuseField(fields, name, SINCE_FORMS);
}

/** The longest token, and the longest name of an epoch, in characters. */
const MAX_TEXT_LENGTH = 4096;

/** Whether it is text of no unreasonable length, or not given. */
export function isBoundedText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && value.length <= MAX_TEXT_LENGTH);
}

/** Whether it is a whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The refusal of a request whose topic is none. To dsmq 1.x an empty text is a topic as any other. */
export function topicRefusal(fields: RequestFields, limits: Limits): RefusedRequest | undefined {
  if (fields.topic === "" && fields.id === undefined) return undefined;
  const problem = topicProblem(fields.topic, limits.topicBytes);
  return problem === undefined
    ? undefined
    : refuseRequest(fields, "bad_topic", `Cannot ${fields.action}: ${problem}`);
}

/** The refusal of a request whose credit is none. */
export function creditRefusal(fields: RequestFields): RefusedRequest | undefined {
  for (const name of ["messages", "bytes"]) {
    if (fields[name] !== undefined && !isCount(fields[name])) {
      return refuseField(fields, name, "a whole number");
    }
  }
}

/** The credit of a request, which has been checked; what is not given is 0. */
export function creditOf(fields: RequestFields): CreditTotals {
  return { messages: (fields.messages ?? 0) as number, bytes: (fields.bytes ?? 0) as number };
}

/** Refuses a request because of one field. */
export function refuseField(fields: RequestFields, name: string, expected: string): RefusedRequest {
  const what = typeof fields.action === "string"
    ? `Cannot ${fields.action}`
    : "Cannot read request";
  return refuseRequest(
    fields,
    "bad_request",
    `${what}: "${name}" is not ${expected}, got ${formatValue(fields[name])}`,
  );
}

/** Refuses a request. Under an id that is none it is answered with `null` in its place. */
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

/** Words the refusal of what there may be no more of. */
export function limitExceeded(what: string, limit: number, reason: string): WireError {
  return {
    code: "limit_exceeded",
    message: `Cannot ${what}: ${reason}, the limit is ${limit}`,
    limit,
  };
}
