/**
 * What a request names of the messages: their topics, and where to begin.
 *
 * @module
 */

/** What a stream brings, or a group works on: the messages of one topic, or of all topics that begin with a prefix. */
export type TopicFilter =
  | { readonly topic: string; readonly prefix?: undefined }
  | { readonly prefix: string; readonly topic?: undefined };

/** A position that a reader has reached. */
export interface WirePosition {
  /** Everything up to this sequence number is read. */
  readonly after: number;
  /** The epoch in which it was reached. Default: the present one. */
  readonly epoch?: string | undefined;
  /**
   * The store's last known time there (ms since 1970): what was gone by then is not a gap. Without it, nothing that is gone
   * counts as a gap after a position with an epoch, and everything after a bare number.
   */
  readonly asOf?: number | undefined;
  /**
   * Where the client had been told to begin, beyond the end of that time, which was `after`: it is still to be told so,
   * however much has been stored since.
   */
  readonly ahead?: number | undefined;
  /** For a stream that began on an earlier connection: what was gone by then is not a gap. As the server has said it. */
  readonly began?: number | undefined;
}

/**
 * Where to start reading: at the beginning, at the end, after a position, at a time (ms since 1970), or so long ago (ms),
 * both by the clock of the store.
 */
export type WireSince =
  | "start"
  | "now"
  | WirePosition
  | { readonly time: number }
  | { readonly ago: number };
