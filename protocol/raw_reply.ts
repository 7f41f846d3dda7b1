/**
 * The fields of replies, and the type of each.
 *
 * @module
 */

import { isWireError } from "./decode_error.ts";
import type { Heartbeat, Welcome } from "./encode_replies.ts";
import type { WireError } from "./errors.ts";
import { areCounts, areStrings, isBoundedText, isCount, isMoment } from "./request_fields.ts";

/** All fields that a reply may have; which of them are there depends on what it answers. */
export type RawReply = Partial<Welcome> & Partial<Heartbeat> & {
  readonly id?: number | null;
  readonly error?: WireError;
  readonly body?: string;
  readonly bodies?: readonly string[];
  readonly attributes?: unknown;
  readonly identities?: unknown;
  readonly nulls?: unknown;
  readonly seq?: number;
  readonly dup?: boolean;
  readonly seqs?: readonly number[];
  readonly times?: readonly number[];
  readonly time?: number;
  readonly through?: number;
  readonly ahead?: number;
  readonly answers?: number;
  readonly sub?: number;
  readonly began?: number;
  readonly prev?: number;
  readonly bytes?: number;
  readonly topics?: readonly unknown[];
  readonly connections?: readonly unknown[];
  readonly purged?: number;
  readonly backup?: object;
  readonly gone?: readonly unknown[];
  readonly at?: unknown;
  readonly claims?: readonly number[];
  readonly attempts?: readonly number[];
  readonly lost?: readonly number[];
  readonly dead?: readonly unknown[];
  readonly ended?: boolean;
  readonly groups?: readonly unknown[];
  readonly redriven?: number;
  readonly created?: boolean;
  readonly deleted?: boolean;
  readonly more?: boolean;
};

/** Whether each field has its type, so that no number spoils a sum and no text is an object with a `toString`. */
export function isRawReply(value: unknown): value is RawReply {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  // Looking at the present fields is faster than looking for each of two dozen.
  const it = value as { readonly [name: string]: unknown };
  for (const name in it) if (!isValidField(name as keyof RawReply, it[name])) return false;
  return true;
}

/** Whether a field has its type; unknown fields are fine. The most frequent fields come first. */
function isValidField(name: keyof RawReply, field: unknown): boolean {
  switch (name) {
    case "id":
      return isCount(field) || field === null;
    case "seq":
    case "time":
    case "through":
    case "asOf":
    case "sub":
    case "prev":
    case "bytes":
      return isCount(field);
    case "began":
      return isMoment(field);
    case "body":
      return typeof field === "string";
    case "seqs":
    case "times":
    case "claims":
    case "attempts":
    case "lost":
      return areCounts(field);
    case "bodies":
      return areStrings(field);
    case "dup":
    case "more":
    case "dedupComplete":
    case "ended":
    case "created":
    case "deleted":
      return typeof field === "boolean";
    case "error":
      return isWireError(field);
    case "ahead":
    case "answers":
    case "start":
    case "heartbeat":
    case "last":
    case "floor":
    case "retention":
    case "tokenExpiresIn":
    case "protocol":
    case "purged":
    case "redriven":
      return isCount(field);
    case "topics":
    case "connections":
    case "gone":
    case "groups":
    case "dead":
      return Array.isArray(field);
    case "attributes":
    case "identities":
    case "nulls":
    case "at":
      // Decoded as a whole.
      return true;
    case "epoch":
    case "store":
    case "server":
    case "durability":
      return isBoundedText(field);
    case "limits":
    case "backup":
      return field !== null && typeof field === "object";
  }
  name satisfies never;
  return true;
}
