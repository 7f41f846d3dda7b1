/**
 * What plain HTTP needs of its server.
 *
 * @module
 */

import type { AccessControl } from "../auth/access_control.ts";
import type { TokenCheck } from "../auth/auth.ts";
import type { Permissions } from "../auth/permissions.ts";
import type { ServerContext } from "../connection/server_context.ts";
import type { WireError } from "../protocol/errors.ts";
import type { ServerOperation } from "./server_status.ts";

/** Why there is no slot for a request. */
export interface NoSlot {
  readonly error: WireError;
  /** Because of the limit of its address. */
  readonly isPerAddress: boolean;
  /** What the operator can do about it. */
  readonly advice?: string;
}

/** Metrics as text. */
export interface MetricsText {
  readonly contentType: string;
  /** All of them now. */
  text(): Promise<string>;
}

/** What plain HTTP needs of its server. */
export interface HttpContext {
  /** What it shares with all connections. */
  readonly shared: ServerContext;
  readonly access: AccessControl;
  /** The path below which everything is: empty, or such as `/mq`. */
  readonly path: string;
  /** What this is, in one line: the text of the page `/`. */
  readonly banner: string;
  /** What the server counts and measures; `undefined` if it is not asked for that. */
  readonly metrics: MetricsText | undefined;
  /** How the server does, for administrators; never rejects. */
  operation(): Promise<ServerOperation>;
  /** The server stops, or has stopped. */
  readonly isStopping: boolean;
  /** Why nothing is read or stored now, if the server is behind its log. */
  readonly behind: WireError | undefined;
  /** Checks a token, in a slot of those that wait to be admitted. */
  checkToken(token: string, from: string): Promise<TokenCheck>;
  /** Takes a slot among the connections, for as long as a request is handled. */
  acquire(from: string, permissions: Permissions): (() => void) | NoSlot;
  /** Records a request that was refused before anything was done. */
  onRefused(error: WireError, from: string, advice?: string): void;
  /** Records that a reader was cut off, why, and where it is. */
  onReaderCut(reason: string, from: string): void;
}
