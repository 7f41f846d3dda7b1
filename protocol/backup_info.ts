/**
 * What a server tells of the history that it backs up.
 *
 * @module
 */

import type { MessageAttributes } from "./attributes.ts";
import { type FieldChecks, isString, isText, parseRecord, parseRecords } from "./record.ts";
import { isCount, isCountIfGiven, isMoment } from "./request_fields.ts";

/** An epoch that has ended. */
export interface EpochEnd {
  /** Its name. */
  readonly epoch: string;
  /** Its last sequence number. */
  readonly last: number;
}

/** The moment of which a backup is, and what is needed to go on from there. */
export interface BackupInfo {
  /** Names the file, or the memory, that holds the messages; a copy has the same name. */
  readonly store: string;
  /** The present epoch. */
  readonly epoch: string;
  /** The epochs before it that are known, the oldest first. */
  readonly epochs: readonly EpochEnd[];
  /** The last sequence number that was given. The backup has what is stored up to there. */
  readonly last: number;
  /** Everything up to this sequence number is gone. */
  readonly floor: number;
  /** The newest message that is gone, of any topic; 0 if there is none. */
  readonly gone: number;
  /** The store's time, in milliseconds since 1970. */
  readonly time: number;
  /** For how many milliseconds a message is kept there; absent if an older server does not tell. */
  readonly retention?: number;
}

/** What is gone by now. */
export interface NewestGone {
  /** The newest message that is gone; 0 if there is none. */
  readonly seq: number;
  /**
   * When the last one ceased to be readable, in the store's time: milliseconds since 1970, perhaps with a fraction. Absent if
   * nothing is gone, or an older server does not tell.
   */
  readonly at?: number;
}

/** What is gone of a topic that holds messages. */
export interface TopicGone extends NewestGone {
  /** Its name. */
  readonly topic: string;
}

/** What a server tells of what is gone. */
interface GonePage {
  readonly gone: readonly TopicGone[];
  readonly last: number;
  readonly at: number | undefined;
  readonly more: boolean;
}

const EPOCH_END: FieldChecks<EpochEnd> = { epoch: isText, last: isCount };

const BACKUP: FieldChecks<BackupInfo> = {
  store: isText,
  epoch: isText,
  epochs: Array.isArray,
  last: isCount,
  floor: isCount,
  gone: isCount,
  time: isCount,
  retention: (field) => field !== 0 && isCountIfGiven(field),
};

// Topics of dsmq 1.x may be empty.
const TOPIC_GONE: FieldChecks<TopicGone> = { topic: isString, seq: isCount, at: isPast };

/**
 * Takes a list of what is gone of topics, and what is gone of any topic.
 *
 * @param reply what the server has sent
 * @returns the list; `undefined` if it is not of this form
 */
export function parseGone(
  { gone: entries = [], last = 0, at, more = false }: {
    readonly gone?: readonly unknown[];
    readonly last?: number;
    readonly at?: unknown;
    readonly more?: boolean;
  },
): GonePage | undefined {
  const gone = parseRecords(entries, TOPIC_GONE);
  return gone && isPast(at) ? { gone, last, at, more } : undefined;
}

/** Whether a value is a time that a file can hold, or `undefined`. */
function isPast(at: unknown): at is number | undefined {
  return at === undefined || (isMoment(at) && at <= Number.MAX_SAFE_INTEGER);
}

/**
 * Whether a value says whose each `messageId` of a page is, or is `undefined`.
 *
 * @param value what the server has sent
 * @param attributes the attributes of the messages of the page
 */
export function areIdentities(
  value: unknown,
  attributes: readonly (MessageAttributes | null)[] = [],
): value is readonly (string | null)[] | undefined {
  if (value === undefined) return true;
  return Array.isArray(value) && value.length === attributes.length &&
    value.every((identity, i) =>
      identity === null || (isText(identity) && attributes[i]?.messageId !== undefined)
    );
}

/**
 * Whether a value says which messages of a page are `None` of dsmq 1.x, or is `undefined`.
 *
 * @param value what the server has sent
 * @param seqs the numbers of the messages
 * @param bodies their texts
 */
export function areNulls(
  value: unknown,
  seqs: readonly number[],
  bodies: readonly string[],
): value is readonly number[] | undefined {
  if (value === undefined) return true;
  let next = 0;
  return Array.isArray(value) && value.every((seq) => {
    const at = seqs.indexOf(seq, next);
    next = at + 1;
    return bodies[at] === "null";
  });
}

/**
 * Takes the known fields of what a server tells.
 *
 * @param value what it has sent
 * @returns the same; `undefined` if it is not of this form
 */
export function parseBackupInfo(value: unknown): BackupInfo | undefined {
  const info = parseRecord(value, BACKUP);
  const epochs = info && parseRecords(info.epochs, EPOCH_END);
  const isValid = epochs && info.floor <= info.last && info.gone <= info.last;
  return isValid ? { ...info, epochs } : undefined;
}
