/**
 * The requests of an administrator.
 *
 * ```text
 * {"action":"connections","id":11,"after":"kqzv-17","count":100}
 * {"action":"disconnect","id":12,"connection":"kqzv-17"}
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

/** What an administrator asks for. */
export type AdminRequest = ConnectionsRequest | DisconnectRequest;
