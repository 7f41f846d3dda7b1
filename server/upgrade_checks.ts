/**
 * Requests for a WebSocket whose token is being checked, which may take long: they hold slots of connections that wait to be
 * admitted, so that nobody can hold them all.
 *
 * @module
 */

import type { AccessControl, Verdict } from "../auth/access_control.ts";
import { addressHolder } from "../budgets/address_key.ts";
import type { WireError } from "../protocol/errors.ts";
import { ADVICE } from "./advice.ts";
import { textResponse } from "./pages.ts";
import type { PendingLimiter } from "./pending_limiter.ts";

/** Why one is given up. */
const GIVEN_UP = {
  evicted: "too many connections wait to be admitted, and most of them are from its address",
  stopping: "the server is stopping",
} as const;

/** A request that is refused before the upgrade. */
export type RefusedUpgrade = Omit<Extract<Verdict, { readonly kind: "refused" }>, "kind">;

const CODES = { 401: "unauthorized", 403: "permission_denied", 503: "unavailable" } as const;

/** The error of a refused request, for the log; its response; and what the operator can do. */
export function refusal(
  { status, reason, detail }: RefusedUpgrade,
): { readonly error: WireError; readonly response: Response; readonly advice?: string } {
  const text = `Cannot connect: ${reason}`;
  const error = {
    code: CODES[status],
    message: detail === undefined ? text : `${text}: ${detail}`,
  };
  const headers: HeadersInit = status === 401 ? { "www-authenticate": "Bearer" } : {};
  const response = textResponse(status, text, headers);
  // The reason of a Host or an Origin names the option already.
  return { error, response, ...(status === 401 && { advice: ADVICE.token }) };
}

type GiveUp = (why: keyof typeof GIVEN_UP) => void;

/** Checks requests for WebSockets. */
export class UpgradeChecks {
  readonly #access: AccessControl;
  readonly #slots: PendingLimiter;
  readonly #checking = new Set<GiveUp>();

  /** Takes slots here. */
  constructor(access: AccessControl, slots: PendingLimiter) {
    this.#access = access;
    this.#slots = slots;
  }

  /** Checks a request, see {@linkcode AccessControl.checkUpgrade}. */
  async check(request: Request, from: string): Promise<Verdict> {
    const checked = this.#access.checkUpgrade(request, addressHolder(from));
    // Otherwise it takes no longer than a digest.
    if (!this.#access.asksVerifier) return await checked;
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const giveUp: GiveUp = (why) =>
      resolve({ kind: "refused", status: 503, reason: GIVEN_UP[why] });
    this.#checking.add(giveUp);
    const release = this.#slots.acquire(from, () => giveUp("evicted"));
    try {
      const verdict = await Promise.race([checked, promise]);
      release(verdict.kind === "admitted" && verdict.check?.kind !== "unchecked");
      return verdict;
    } finally {
      release(false);
      this.#checking.delete(giveUp);
    }
  }

  /** Waits for no check any more. */
  stop(): void {
    for (const giveUp of this.#checking) giveUp("stopping");
  }
}
