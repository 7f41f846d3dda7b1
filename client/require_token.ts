/**
 * The token that a client is given: checked before it connects. It never goes into an address, which ends up in logs.
 *
 * @module
 */

import { kindOf } from "../protocol/text.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";

/**
 * Checks a token. The error does not show what was given: it may be a token with a typo.
 *
 * @param token what the caller gave
 * @param urls the addresses that it will be sent to
 * @throws {TypeError | RangeError} if it is invalid, or an address has a user name or a password
 */
export function requireToken(token: unknown, urls: readonly string[]): void {
  const invalid = (ErrorClass: typeof TypeError | typeof RangeError, got: string) =>
    new ErrorClass(
      `Cannot connect: token must be ${TOKEN_FORM}, or a function that returns one, got ${got}`,
    );
  if (typeof token !== "string" && typeof token !== "function") {
    throw invalid(TypeError, kindOf(token));
  }
  const problem = typeof token === "string" ? tokenProblem(token) : undefined;
  if (problem !== undefined) throw invalid(RangeError, problem);
  const hasUserInfo = urls.map((url) => new URL(url)).some((url) => url.username || url.password);
  if (!hasUserInfo) return;
  throw new RangeError(
    "Cannot connect: there is a token, and an address has a user name or a password: only one of both can be sent",
  );
}
