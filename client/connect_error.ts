/**
 * Why one try to connect failed.
 *
 * @module
 */

import type { ConnectReason, ErrorCode } from "../protocol/errors.ts";
import { escapeControls } from "../protocol/text.ts";

/** What is known of a failure beside its sentence. */
export interface ConnectErrorDetails extends ErrorOptions {
  /** The code of the error that a caller gets. Default: `"unreachable"`. */
  readonly code?: ErrorCode;
  /** Why, as a word. */
  readonly reason?: ConnectReason | undefined;
  /** The HTTP status of the answer, if it is that. */
  readonly status?: number | undefined;
  /** To try again would not help. Default: false. */
  readonly final?: boolean;
  /** How long not to come again, in milliseconds, if the server said so. */
  readonly retryAfter?: number;
}

/** A failure of one try. Its message is the part that follows "Cannot connect to ADDRESS: ". */
export class ConnectError extends Error {
  /** The name of the class, for logs. */
  override readonly name = "ConnectError";
  readonly code: ErrorCode;
  readonly reason: ConnectReason | undefined;
  readonly status: number | undefined;
  readonly final: boolean;
  readonly retryAfter: number;

  /** Makes one of a sentence and what else is known. */
  constructor(message: string, details: ConnectErrorDetails = {}) {
    const { cause, code = "unreachable", reason, status, final = false, retryAfter = 0 } = details;
    // Words of somebody else may be in it.
    super(escapeControls(message), cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = reason;
    this.status = status;
    this.final = final;
    this.retryAfter = retryAfter;
  }
}
