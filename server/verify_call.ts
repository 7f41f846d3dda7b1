/**
 * Calls the program's own `auth.verify`. Whatever it does, the token does not get into the log.
 *
 * @module
 */

import type { TokenCheck, VerifiedGrant, Verify } from "../auth/auth.ts";
import { type Grant, Permissions } from "../auth/permissions.ts";
import { digestOf, identityOf } from "../auth/tokens.ts";
import { formatValue } from "../protocol/text.ts";
import { requireGrant } from "./auth_choice.ts";
import { OptionChecks } from "./option_checks.ts";

/** How much of an error of the program is logged, in characters. */
const MAX_REASON = 300;

/** A text that has so many characters in a row of the token reveals a part of it. */
const REVEALING = 8;

/** How the sentences about what it returned begin. */
const CHECK = new OptionChecks((name) => name, "use what auth.verify returned");

/**
 * Asks the program about a token.
 *
 * @param verify its function
 * @param token the token
 * @param signal aborts when the answer would come too late
 * @param now the time, in milliseconds since 1970
 * @returns its answer; never rejects
 */
export async function callVerify(
  verify: Verify,
  token: string,
  signal: AbortSignal,
  now: () => number,
): Promise<TokenCheck> {
  const refused = (reason: string): TokenCheck => {
    const text = withoutToken(reason.slice(0, MAX_REASON), token);
    return { kind: "refused", reason: text };
  };
  let grant: VerifiedGrant | undefined;
  try {
    grant = await verify(token, { signal });
  } catch (error) {
    return refused(`auth.verify threw ${describeError(error)}`);
  }
  if (grant === undefined) return { kind: "refused", reason: "auth.verify does not know it" };
  try {
    const { identity, expires, granted } = requireVerified(grant);
    if (expires !== undefined && expires <= now()) {
      return refused(`it expired at ${new Date(expires).toJSON()}, says auth.verify`);
    }
    const digest = await digestOf(identity ?? token);
    const kind = identity === undefined ? "token" : "own";
    const permissions = new Permissions(`${kind}:${identityOf(digest)}`, granted, {
      expires,
      source: verify,
    });
    return { kind: "granted", permissions };
  } catch (error) {
    return refused(describeError(error, (error) => error.message));
  }
}

/** Checks what it returned. */
function requireVerified(grant: VerifiedGrant): {
  readonly identity: string | undefined;
  readonly expires: number | undefined;
  readonly granted: Grant;
} {
  const more = ["identity", "expires"];
  const granted = requireGrant("the grant", grant, CHECK, { more, mustPermit: true });
  const { identity, expires } = grant;
  if (identity !== undefined) {
    CHECK.text("identity", identity, "a text that is not empty", identity !== "");
  }
  const time = expires instanceof Date ? expires.getTime() : expires;
  if (time !== undefined && !(typeof time === "number" && Math.abs(time) <= 8.64e15)) {
    throw new TypeError(
      `Cannot use what auth.verify returned: expires must be a date or milliseconds since 1970, got ${
        expires instanceof Date ? "an invalid date" : formatValue(expires)
      }`,
    );
  }
  return { identity, expires: time, granted };
}

/** Whatever the program throws, or throws when it is looked at: all clients would see that as a failure of the server. */
function describeError(error: unknown, describe = nameAndMessage): string {
  try {
    return error instanceof Error ? describe(error) : formatValue(error);
  } catch {
    return "something that cannot be shown";
  }
}

function nameAndMessage({ name, message }: Error): string {
  return message === "" ? name : `${name}: ${message}`;
}

/**
 * Removes from a text what may be a part of a token.
 *
 * @param text any text
 * @param token the token
 * @returns the text, with … where it had something of the token
 */
export function withoutToken(text: string, token: string): string {
  const size = Math.min(REVEALING, token.length);
  const clean: string[] = [];
  let end = 0;
  for (let i = 0; i + size <= text.length; i++) {
    if (!token.includes(text.slice(i, i + size))) continue;
    if (i > end) clean.push(text.slice(end, i));
    if (i >= end) clean.push("…");
    end = i + size;
  }
  return clean.join("") + text.slice(end);
}
