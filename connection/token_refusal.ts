/**
 * What a client is told whose token does not admit it, and what the log is.
 *
 * @module
 */

import type { TokenCheck } from "../auth/auth.ts";
import { TOKEN_INVALID, TOKEN_NEEDED, TOKEN_UNCHECKED } from "../auth/permissions.ts";
import type { WireError } from "../protocol/errors.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";

/** How a client is refused. */
export interface TokenRefusal {
  /** For the client: it does not tell what is wrong with a token. */
  readonly error: WireError;
  /** For the log: it does, without the token. */
  readonly logged: WireError;
  /** Close code and reason; `undefined` if it may try again on the same connection. */
  readonly close: readonly [code: number, reason: string] | undefined;
}

/**
 * Says how a client is refused.
 *
 * @param check what came of checking its token; `undefined` if it gave none
 */
export function tokenRefusal(check: TokenCheck | undefined): TokenRefusal {
  if (!check) return { error: TOKEN_NEEDED, logged: TOKEN_NEEDED, close: undefined };
  const isUnchecked = check.kind === "unchecked";
  const error = isUnchecked ? TOKEN_UNCHECKED : TOKEN_INVALID;
  const reason = check.kind === "granted" ? undefined : check.reason;
  const logged = reason === undefined
    ? error
    : { ...error, message: `${error.message}: ${reason}` };
  const close = isUnchecked
    ? [CLOSE_CODE.tryAgainLater, "the token cannot be checked now"] as const
    : [CLOSE_CODE.unauthorized, "the token is not valid"] as const;
  return { error, logged, close };
}
