/**
 * What the server tells an administrator about its connections.
 *
 * @module
 */

import { isBoundedText, isCount } from "./request_fields.ts";
import { isPermission, type Permission } from "./token.ts";

/** One connection, in the answer to `connections`. */
export interface ConnectionInfo {
  /** Names it for `disconnect`. No other connection has ever had the same. */
  readonly id: string;
  /** When it was admitted, in milliseconds since 1970 by the server's clock. */
  readonly connectedAt: number;
  /** The address of its peer; that of the proxy, if there is one. */
  readonly address: string;
  /**
   * Tells one token from another; `""` without a token. It is a part of a digest, and shows no token that cannot be guessed.
   */
  readonly identity: string;
  /** What it may do: `read`, `write` and `admin`, perhaps for some topics only. Others, of a newer server, are left out. */
  readonly permissions: readonly Permission[];
  /** How many subscriptions it has. */
  readonly subscriptions: number;
  /** How many bytes were sent to it and not read yet, as far as the server knows. */
  readonly unreadBytes: number;
  /** `true`: it is the connection that asks. Absent for all others. */
  readonly own?: boolean;
}

/**
 * Takes the known fields of a list of connections.
 *
 * @param entries what the server has sent
 * @returns the connections; `undefined` if one of them is not of this form
 */
export function parseConnections(entries: readonly unknown[]): ConnectionInfo[] | undefined {
  const connections = entries.map(parseConnection);
  return connections.includes(undefined) ? undefined : connections as ConnectionInfo[];
}

function parseConnection(entry: unknown): ConnectionInfo | undefined {
  const { id, connectedAt, address, identity, permissions, subscriptions, unreadBytes, own } =
    Object(entry) as { readonly [field in keyof ConnectionInfo]?: unknown };
  const isValid = isText(id) && isCount(connectedAt) && isText(address) && isText(identity) &&
    Array.isArray(permissions) && permissions.every(isText) && isCount(subscriptions) &&
    isCount(unreadBytes) && (own === undefined || typeof own === "boolean");
  if (!isValid) return undefined;
  const info = {
    ...{ id, connectedAt, address, identity, subscriptions, unreadBytes },
    // A newer server may know more of them.
    permissions: permissions.filter(isPermission),
  };
  return own ? { ...info, own: true } : info;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && isBoundedText(value);
}
