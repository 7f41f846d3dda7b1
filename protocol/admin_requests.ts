/**
 * The requests of an administrator.
 *
 * ```text
 * {"action":"connections","id":11,"after":"kqzv-17","count":100}
 * {"action":"disconnect","id":12,"connection":"kqzv-17"}
 * {"action":"purge","id":13,"topic":"t","before":{"seq":42,"epoch":"…"}}
 * {"action":"purge","id":13,"topic":"t","before":{"time":1767225600000}}
 * {"action":"backup","id":14}
 * {"action":"backup","id":15,"after":40,"last":45,"epoch":"…"}
 * {"action":"backup","id":16,"topicsAfter":""}
 * ```
 *
 * @module
 */

/** A page of the list of connections, the oldest first. */
export interface ConnectionsRequest {
  readonly action: "connections";
  readonly id: number;
  /** The id of the last connection of the page before; `""` at first. */
  readonly after: string;
  readonly count: number;
}

/** Closes a connection. */
export interface DisconnectRequest {
  readonly action: "disconnect";
  readonly id: number;
  readonly connection: string;
}

/** Removes the messages of a topic, or those before a position, a time (ms since 1970), or so long ago (ms). */
export interface PurgeRequest {
  readonly action: "purge";
  readonly id: number;
  readonly topic: string;
  readonly before:
    | { readonly seq: number; readonly epoch?: string | undefined }
    | { readonly time: number }
    | { readonly ago: number }
    | undefined;
}

/** Begins a backup, or asks for the next page of one, or for what is gone of topics. */
export interface BackupRequest {
  readonly action: "backup";
  readonly id: number;
  /** The page has messages after one number and up to the last one, both of an epoch. Default: only what there is. */
  readonly page:
    | { readonly after: number; readonly last: number; readonly epoch: string }
    | undefined;
  /** What is gone of the topics that come after this one, in the history of the page if there is one. */
  readonly topicsAfter: string | undefined;
}

/** What an administrator asks for. */
export type AdminRequest = ConnectionsRequest | DisconnectRequest | PurgeRequest | BackupRequest;
