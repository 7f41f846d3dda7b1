/**
 * The address of a server and the token for it, as tests of the wire take them.
 *
 * @module
 */

import { webSocketUrl } from "../../client/addresses.ts";
import { kindOf } from "../../protocol/text.ts";
import { TOKEN_FORM, tokenProblem } from "../../protocol/token.ts";

/**
 * Checks an address.
 *
 * @param action what cannot be done without it
 * @param address as the caller gave it: what `connect` takes
 * @returns that of a WebSocket
 * @throws {TypeError | RangeError} if it is invalid
 */
export function requireAddress(action: string, address: unknown): string {
  try {
    return webSocketUrl(address);
  } catch (error) {
    const ErrorClass = error instanceof RangeError ? RangeError : TypeError;
    throw new ErrorClass((error as Error).message.replace("Cannot connect", `Cannot ${action}`));
  }
}

/**
 * Checks a token. The error does not show it.
 *
 * @param action what cannot be done with a wrong one
 * @param token as the caller gave it, if at all
 * @throws {TypeError | RangeError} if it cannot be one
 */
export function requireToken(action: string, token: unknown): void {
  if (token === undefined) return;
  const problem = typeof token === "string" ? tokenProblem(token) : kindOf(token);
  if (problem === undefined) return;
  const ErrorClass = typeof token === "string" ? RangeError : TypeError;
  throw new ErrorClass(`Cannot ${action}: token must be ${TOKEN_FORM}, got ${problem}`);
}
