/**
 * Checks tokens that are in no list: by JWT, then by the program's own function. However many clients come with tokens, and
 * however long an answer takes, few checks run at a time, and each client gets an answer in time.
 *
 * @module
 */

import type { Auth, TokenCheck, TokenVerifier, Verify } from "../auth/auth.ts";
import type { Permissions } from "../auth/permissions.ts";
import type { Budget } from "../budgets/budget.ts";
import { loadJose } from "./jose_package.ts";
import { JwtCheck, type JwtContext } from "./jwt_check.ts";
import type { OptionChecks } from "./option_checks.ts";
import { callVerify } from "./verify_call.ts";

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
      const reason = `auth did not answer within ${timeout / 1000} s`;
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
    const refusals: string[] = [];
    let unchecked: TokenCheck | undefined;
    for (const jwt of this.#jwts) {
      const check = await jwt.check(token);
      if (check.kind === "granted") return check;
      if (check.kind === "unchecked") unchecked = check;
      else if (check.reason !== undefined) refusals.push(check.reason);
    }
    if (this.#verify && !signal.aborted) {
      const check = await callVerify(this.#verify, token, signal, () => this.#context.clock.now());
      if (check.kind === "granted") return check;
      if (check.reason !== undefined) refusals.push(check.reason);
    }
    return unchecked ??
      {
        kind: "refused",
        reason: refusals.filter((reason, i) => refusals.indexOf(reason) === i).join("; "),
      };
  }
}
