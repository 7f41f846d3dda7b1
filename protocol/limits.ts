/**
 * The numbers that both ends of the wire agree on, and the defaults of those that can be set.
 *
 * @module
 */

/** The version of the wire that this code speaks; `hello` carries it. */
export const PROTOCOL = 1;

/** Where a server listens, and a client looks for one, unless told otherwise. */
export const DEFAULT_HOST = "127.0.0.1";

/** The port of dsmq since its first version. */
export const DEFAULT_PORT = 30008;

/** How long a message is kept, in milliseconds: ten minutes. */
export const DEFAULT_RETENTION = 600_000;

/** The longest topic, in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 256;

/**
 * The largest message, in bytes of its JSON encoding in UTF-8, quotes included.
 * Below the 1 MiB at which the Python client refuses a frame.
 */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_000_000;

/** Answers to one frame come back in frames of up to this many bytes (or of one answer, if larger). */
export const FRAME_BYTES = 256 * 1024;

/** The longest time a `get_wait` may wait, in milliseconds: what a 32-bit timer can hold. */
export const MAX_WAIT = 2 ** 31 - 1;

/** How long a `get_wait` waits unless told otherwise, in milliseconds. */
export const DEFAULT_WAIT = 10_000;

/** How many topics one answer to `topics` lists at most. */
export const TOPICS_PAGE = 1000;

/** What a server tells its clients of its limits, in the answer to `hello`. */
export interface Limits {
  /** The largest message, in bytes of its JSON encoding in UTF-8. */
  readonly messageBytes: number;
  /** The longest topic, in bytes of UTF-8. */
  readonly topicBytes: number;
}
