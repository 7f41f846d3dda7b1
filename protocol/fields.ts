/**
 * The fields of a request: what they may hold, and what is said when they do not.
 *
 * @module
 */

import type { WireError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Credit, RefusedRequest, WireSince } from "./requests.ts";
import { seen, topicFault } from "./text.ts";

/** A request as it came, an object at least. */
export type Fields = Readonly<Record<string, unknown>>;

/** What `since` may be, for an error. */
export const SINCE =
  '"start", "now", {"after": a sequence number}, {"time": milliseconds} or {"ago": milliseconds}';

/** Whether it is a position to read from, or not given. */
export function isSince(value: unknown): value is WireSince | undefined {
  if (value === undefined || value === "start" || value === "now") return true;
  const { after, time, ago, epoch, heard } = Object(value);
  const given = [after, time, ago].filter((number) => number !== undefined);
  if (given.length !== 1 || !isCount(given[0])) return false;
  return after === undefined || (isText(epoch) && (heard === undefined || isCount(heard)));
}

/** The refusal of a request whose position is invalid. */
export function badSince(fields: Fields, name: "since" | "cursor"): RefusedRequest | undefined {
  return isSince(fields[name]) ? undefined : refuseField(fields, name, SINCE);
}

/** The longest token, and the longest name of an epoch, in characters. */
const MAX_TEXT = 4096;

/** Whether it is text of no unreasonable length, or not given. */
export function isText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && value.length <= MAX_TEXT);
}

/** Whether it is a whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The refusal of a request whose topic is none. To dsmq 1.x an empty text is a topic as any other. */
export function badTopic(fields: Fields, limits: Limits): RefusedRequest | undefined {
  if (fields.topic === "" && fields.id === undefined) return undefined;
  const fault = topicFault(fields.topic, limits.topicBytes);
  return fault === undefined
    ? undefined
    : refuse(fields, "bad_topic", `Cannot ${fields.action}: ${fault}`);
}

/** The refusal of a request whose credit is none. */
export function badCredit(fields: Fields): RefusedRequest | undefined {
  for (const name of ["messages", "bytes"]) {
    if (fields[name] !== undefined && !isCount(fields[name])) {
      return refuseField(fields, name, "a whole number");
    }
  }
}

/** The credit of a request, which has been checked; what is not given is 0. */
export function credit(fields: Fields): Credit {
  return { messages: (fields.messages ?? 0) as number, bytes: (fields.bytes ?? 0) as number };
}

/** Refuses a request because of one field. */
export function refuseField(fields: Fields, name: string, expected: string): RefusedRequest {
  const what = typeof fields.action === "string"
    ? `Cannot ${fields.action}`
    : "Cannot read request";
  return refuse(
    fields,
    "bad_request",
    `${what}: "${name}" is not ${expected}, got ${seen(fields[name])}`,
  );
}

/** Refuses a request. Under an id that is none it is answered with `null` in its place. */
export function refuse(
  { id, action }: Fields,
  code: WireError["code"],
  message: string,
  details: Partial<WireError> = {},
): RefusedRequest {
  return {
    action: "refused",
    id: id === undefined || isCount(id) ? id : null,
    awaited: id === undefined && (action === "get" || action === "get_latest"),
    error: { code, message, ...details },
  };
}

/** Words the refusal of what there may be no more of. */
export function tooMany(what: string, limit: number, why: string): WireError {
  return { code: "too_many", message: `Cannot ${what}: ${why}, the limit is ${limit}`, limit };
}
