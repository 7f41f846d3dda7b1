/**
 * What the server tells an administrator about its connections.
 *
 * @module
 */

import { type FieldChecks, isText, parseRecords } from "./record.ts";
import { isBoundedText, isCount, isCountIfGiven } from "./request_fields.ts";
import { isPermission, type Permission } from "./token.ts";

/** One connection, in the answer to `connections`. An older server does not say what can be `undefined` here. */
export interface ConnectionInfo {
  /** Names it for `disconnect`. No other connection has ever had the same. */
  readonly id: string;
  /**
   * What it is: `websocket`, or a request of plain HTTP that follows (`http_stream`) or waits for a message (`http_wait`).
   * Others, of a newer server, are left out.
   */
  readonly kind?: "websocket" | "http_stream" | "http_wait" | undefined;
  /** When it was admitted, in milliseconds since 1970 by the clock of the messages. */
  readonly connectedAt: number;
  /** The address of its peer; that of the proxy, if there is one. */
  readonly address: string;
  /**
   * Tells one token from another; `""` without a token. It is a part of a digest, and shows no token that cannot be guessed.
   */
  readonly identity: string;
  /** What it may do: `read`, `write`, `work` and `admin`, perhaps for some topics only. Others, of a newer server, are left out. */
  readonly permissions: readonly Permission[];
  /** How many subscriptions it has, its workers included. */
  readonly subscriptions: number;
  /** How many workers of groups it has. */
  readonly workers?: number | undefined;
  /** How many of its reads wait for a message. */
  readonly waits?: number | undefined;
  /** For how many topics the server remembers how far it has read. */
  readonly cursors?: number | undefined;
  /** How much memory its requests take that wait or are processed, in bytes. */
  readonly inFlightBytes?: number | undefined;
  /** How many bytes were sent to it and not read yet, as far as the server knows. */
  readonly unreadBytes: number;
  /** `true`: it is the connection that asks. Absent for all others. */
  readonly own?: boolean;
}

const KINDS: readonly ConnectionInfo["kind"][] = ["websocket", "http_stream", "http_wait"];

const CONNECTION: FieldChecks<ConnectionInfo> = {
  id: isText,
  kind: isBoundedText,
  connectedAt: isCount,
  address: isText,
  identity: isText,
  permissions: (field) => Array.isArray(field) && field.every(isText),
  subscriptions: isCount,
  workers: isCountIfGiven,
  waits: isCountIfGiven,
  cursors: isCountIfGiven,
  inFlightBytes: isCountIfGiven,
  unreadBytes: isCount,
  own: (field) => field === undefined || typeof field === "boolean",
};

/**
 * Takes the known fields of a list of connections.
 *
 * @param entries what the server has sent
 * @returns the connections; `undefined` if one of them is not of this form
 */
export function parseConnections(entries: readonly unknown[]): ConnectionInfo[] | undefined {
  return parseRecords(entries, CONNECTION)?.map(({ kind, own, permissions, ...info }) => ({
    ...info,
    // A newer server may know more of these.
    ...(KINDS.includes(kind) && { kind }),
    permissions: permissions.filter(isPermission),
    ...(own && { own }),
  }));
}
