/**
 * Checks tokens that are in no list: by JWT, then by the program's own function, from which no token gets into the log. However
 * many clients come with tokens, and however long an answer takes, few checks run at a time, and each client gets an answer in
 * time.
 *
 * @module
 */

import type { Auth, TokenCheck, TokenVerifier, VerifiedGrant, Verify } from "../auth/auth.ts";
import { type Grant, Permissions } from "../auth/permissions.ts";
import type { Budget } from "../budgets/budget.ts";
import { loadJose } from "./jose_package.ts";
import { JwtCheck, type JwtContext } from "./jwt_check.ts";
import { OptionChecks } from "./option_checks.ts";
import { digestOf, identityOf } from "../auth/tokens.ts";
import { formatValue } from "../protocol/text.ts";
import { requireGrant } from "./auth_choice.ts";

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
async function callVerify(
  verify: Verify,
  token: string,
  signal: AbortSignal,
  now: () => number,
): Promise<TokenCheck> {
  // It may also be in an address that the program asked.
  const clean = (reason: string) =>
    withoutToken(unescaped(withoutToken(reason.slice(0, MAX_REASON), token)), token);
  const refused = (reason: string): TokenCheck => ({ kind: "refused", reason: clean(reason) });
  let grant: VerifiedGrant | undefined;
  try {
    grant = await verify(token, { signal });
  } catch (error) {
    // Such as a database that is away for a moment: it says nothing about the token, and a refusal would be final.
    return { kind: "unchecked", reason: clean(`auth.verify threw ${describeError(error)}`) };
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

/** What `fetch` throws says only in its cause what is wrong. */
function nameAndMessage({ name, message, cause }: Error): string {
  const why = cause instanceof Error ? cause.message : "";
  return [name, message, why].filter((text) => text !== "").join(": ");
}

/**
 * Removes from a text what may be a part of a token.
 *
 * @param text any text
 * @param token the token
 * @returns the text, with … where it had something of the token
 */
function withoutToken(text: string, token: string): string {
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

/** A text without the escapes that addresses have for what a token can have: visible ASCII. */
function unescaped(text: string): string {
  return text.replaceAll(/%(?:2[1-9a-f]|[3-6][\da-f]|7[\da-e])/gi, (escape) => {
    return String.fromCharCode(parseInt(escape.slice(1), 16));
  });
}

/** What the checks of a server share. */
export interface VerifierContext extends JwtContext {
  /** How long a check may take, in milliseconds. */
  readonly timeout: number;
  /** How many may run at a time. */
  readonly running: Budget;
  /** Something is wrong here, not with a token: a sentence for the log. */
  onFault(sentence: string): void;
}

/** Asks one after another. */
export class AskingVerifier implements TokenVerifier {
  readonly #context: VerifierContext;
  readonly #jwts: readonly JwtCheck[];
  readonly #verify: Verify | undefined;

  private constructor(
    context: VerifierContext,
    jwts: readonly JwtCheck[],
    verify: Verify | undefined,
  ) {
    this.#context = context;
    this.#jwts = jwts;
    this.#verify = verify;
  }

  /**
   * Prepares the keys.
   *
   * @param auth with `jwt`, `verify` or both, checked
   * @param context what the checks of a server share
   * @param check how options are named in errors
   * @param stop ends waiting for the package
   * @throws {RangeError | DsmqError} if a key cannot be used, or `npm:jose` does not load
   */
  static async create(
    { jwt, verify }: Auth,
    context: VerifierContext,
    check: OptionChecks,
    stop: AbortSignal | undefined,
  ): Promise<AskingVerifier> {
    const jose = jwt && await loadJose(stop);
    const entries = jwt === undefined ? [] : Array.isArray(jwt) ? jwt : [jwt];
    const jwts = await Promise.all(entries.map((entry, i) => {
      const name = Array.isArray(jwt) ? `auth.jwt[${i}]` : "auth.jwt";
      return JwtCheck.create(jose!, entry, name, context, check);
    }));
    return new AskingVerifier(context, jwts, verify);
  }

  vouchesFor({ source, expires = Infinity }: Permissions): boolean {
    const isKnown = source === this.#verify || this.#jwts.some((jwt) => jwt.source === source);
    return isKnown && this.#context.clock.now() < expires;
  }

  async check(token: string, holder: string): Promise<TokenCheck> {
    const { clock, timeout, running, onFault } = this.#context;
    const account = running.open(holder);
    if (!account.take()) {
      account.close();
      return { kind: "unchecked", reason: "too many tokens are being checked" };
    }
    const controller = new AbortController();
    const late = Promise.withResolvers<TokenCheck>();
    const cancelTimer = clock.after(timeout, () => {
      const reason = `no answer came within ${timeout / 1000} s`;
      late.resolve({ kind: "unchecked", reason });
      controller.abort(new DOMException(reason, "TimeoutError"));
    });
    // One that never ends keeps its place: otherwise there would be more and more of them.
    const answer = this.#ask(token, controller.signal).finally(() => account.close());
    try {
      const check = await Promise.race([answer, late.promise]);
      if (check.kind === "unchecked") onFault(check.reason);
      return check;
    } finally {
      cancelTimer();
    }
  }

  async #ask(token: string, signal: AbortSignal): Promise<TokenCheck> {
    const checks = await this.#checkJwts(token);
    let granted = checks.find(({ kind }) => kind === "granted");
    if (!granted && this.#verify && !signal.aborted) {
      const check = await callVerify(this.#verify, token, signal, () => this.#context.clock.now());
      if (check.kind === "granted") granted = check;
      checks.push(check);
    }
    const refusals = checks.flatMap((check) => check.kind === "refused" ? check.reason ?? [] : []);
    return granted ?? checks.find(({ kind }) => kind === "unchecked") ??
      {
        kind: "refused",
        reason: refusals.filter((reason, i) => refusals.indexOf(reason) === i).join("; "),
      };
  }

  /** All at the same time: the keys of one may be long in coming, and another one accepts the token. */
  async #checkJwts(token: string): Promise<TokenCheck[]> {
    const granted = Promise.withResolvers<TokenCheck[]>();
    const checks = this.#jwts.map(async (jwt) => {
      const check = await jwt.check(token);
      if (check.kind === "granted") granted.resolve([check]);
      return check;
    });
    return await Promise.race([granted.promise, Promise.all(checks)]);
  }
}
