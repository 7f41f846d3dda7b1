/**
 * Why an attempt to connect failed.
 *
 * @module
 */

import type { ConnectReason } from "../protocol/connect_reason.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { escapeControls } from "../protocol/text.ts";

/** What is known of a failure besides its message. */
export interface ConnectErrorDetails extends ErrorOptions {
  /** The code of the error that a caller gets. Default: `"unreachable"`. */
  readonly code?: ErrorCode;
  /** Why, as a word. Default: `"unknown"`, if the code is `"unreachable"`. */
  readonly reason?: ConnectReason | undefined;
  /** The HTTP status of the response, if that is the reason. */
  readonly status?: number | undefined;
  /** Another attempt would not help. Default: false. */
  readonly final?: boolean;
  /** How long to wait before the next attempt, in milliseconds, if the server said so. */
  readonly retryAfter?: number;
}

/** The failure of one attempt. Its message is what follows "Cannot connect to ADDRESS: ". */
export class ConnectError extends Error {
  /** The name of the class, for logs. */
  override readonly name = "ConnectError";
  readonly code: ErrorCode;
  readonly reason: ConnectReason | undefined;
  readonly status: number | undefined;
  readonly final: boolean;
  readonly retryAfter: number;

  /** Makes one from a message and what else is known. */
  constructor(message: string, details: ConnectErrorDetails = {}) {
    const { cause, code = "unreachable", reason, status, final = false, retryAfter = 0 } = details;
    // It may contain text of the other end.
    super(escapeControls(message), cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = reason ?? (code === "unreachable" ? "unknown" : undefined);
    this.status = status;
    this.final = final;
    this.retryAfter = retryAfter;
  }
}
