/**
 * How a client brings its token: never in an address, which ends up in logs.
 *
 * @module
 */

import { kindOf } from "../protocol/text.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import { TOKEN_SUBPROTOCOL } from "../protocol/websocket.ts";

/**
 * Checks a token. What was given is not in the error: it may be a token with a slip in it.
 *
 * @param token what the caller gave
 * @param urls where it is to be brought
 * @throws {TypeError | RangeError} if it cannot be one, or an address has a name and a password
 */
export function requireToken(token: unknown, urls: readonly string[]): void {
  const invalid = (ErrorClass: typeof TypeError | typeof RangeError, got: string) =>
    new ErrorClass(`Cannot connect: token must be ${TOKEN_FORM}, got ${got}`);
  if (typeof token !== "string") throw invalid(TypeError, kindOf(token));
  const problem = tokenProblem(token);
  if (problem !== undefined) throw invalid(RangeError, problem);
  const hasUserInfo = urls.map((url) => new URL(url)).some((url) => url.username || url.password);
  if (!hasUserInfo) return;
  throw new TypeError(
    "Cannot connect: there is a token, and an address has a name or a password: only one of both can be brought",
  );
}

/**
 * Puts a token in the words of a subprotocol, for who cannot set a header: a page.
 *
 * @param token the token
 * @returns what to offer beside `dsmq`
 */
export function tokenSubprotocol(token: string): string {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(token)));
  return TOKEN_SUBPROTOCOL + base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
