/**
 * What became of a record of a log.
 *
 * @module
 */

import type { GroupEvent } from "../groups/group_commands.ts";
import type { Result, StoreError, TopicMessage } from "../store.ts";
import type { DecodedRecord } from "./record_text.ts";
import type { OpenedSession } from "./session_claims.ts";

/** Why a record does not count. */
export type IgnoredReason =
  /** It is a fence, and no record. */
  | "fence"
  /** It is damaged, or not one of dsmq. */
  | "unreadable"
  /** It counted before. */
  | "repeated"
  /** One before it is missing. */
  | "early"
  /** Its writer had not seen what was there for long. */
  | "stale"
  /** Its writer had applied something else than is here. */
  | "diverged"
  /** Its writer had applied records that the log has lost. */
  | "ahead";

/** What became of a record. */
export interface AppliedEntry {
  /** Who wrote it, its number, and what it changes besides messages and groups; `undefined` if that cannot be read. */
  readonly record: Pick<DecodedRecord, "writer" | "number" | "seen" | "control"> | undefined;
  /** When it happened, by the store's time; `undefined` if it does not count. */
  readonly time: number | undefined;
  /** Why it does not count; `undefined`: it does. */
  readonly ignored: IgnoredReason | undefined;
  /** The result of each of its commands. */
  readonly results: readonly (Result | StoreError)[];
  /** What it stored. */
  readonly messages: readonly TopicMessage[];
  /** What has happened to groups. */
  readonly events: readonly GroupEvent[];
  /** The sessions that it opened. */
  readonly sessions: readonly OpenedSession[];
}

/** A record that does not count changes nothing. */
export function ignored(reason: IgnoredReason, record?: DecodedRecord): AppliedEntry {
  return {
    record,
    time: undefined,
    ignored: reason,
    results: [],
    messages: [],
    events: [],
    sessions: [],
  };
}
