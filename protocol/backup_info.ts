/**
 * What a server tells of the history that it backs up.
 *
 * @module
 */

import { isBoundedText, isCount } from "./request_fields.ts";

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
}

/** What is gone of a topic that holds messages. */
export interface TopicGone {
  /** Its name. */
  readonly topic: string;
  /** The newest message of the topic that is gone; 0 if there is none. */
  readonly seq: number;
}

/**
 * Takes a list of what is gone of topics.
 *
 * @param entries what the server has sent
 * @returns the list; `undefined` if an entry is not of this form
 */
export function parseTopicsGone(entries: readonly unknown[]): TopicGone[] | undefined {
  const gone: TopicGone[] = [];
  for (const entry of entries) {
    const { topic, seq } = Object(entry) as { readonly [field in keyof TopicGone]?: unknown };
    // Topics of dsmq 1.x may be empty.
    if (typeof topic !== "string" || !isCount(seq)) return undefined;
    gone.push({ topic, seq });
  }
  return gone;
}

/**
 * Takes the known fields of what a server tells.
 *
 * @param value what it has sent
 * @returns the same; `undefined` if it is not of this form
 */
export function parseBackupInfo(value: unknown): BackupInfo | undefined {
  const { store, epoch, epochs, last, floor, gone, time } = Object(value) as {
    readonly [field in keyof BackupInfo]?: unknown;
  };
  const isValid = isText(store) && isText(epoch) && Array.isArray(epochs) && isCount(last) &&
    isCount(floor) && isCount(gone) && isCount(time) && floor <= last && gone <= last;
  if (!isValid) return undefined;
  const ends: EpochEnd[] = [];
  for (const entry of epochs) {
    const { epoch, last } = Object(entry) as { readonly [field in keyof EpochEnd]?: unknown };
    if (!isText(epoch) || !isCount(last)) return undefined;
    ends.push({ epoch, last });
  }
  return { store, epoch, epochs: ends, last, floor, gone, time };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && isBoundedText(value);
}
