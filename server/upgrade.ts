/**
 * Requests for a WebSocket: whether one is valid by RFC 6455, and whether it is admitted. To check a token may take long:
 * meanwhile a request holds a slot of the connections that wait to be admitted, so that nobody can hold them all.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import type { AccessControl, Verdict } from "../auth/access_control.ts";
import { addressHolder } from "../budgets/address_key.ts";
import type { WireError } from "../protocol/errors.ts";
import { ADVICE } from "./advice.ts";
import { textResponse } from "./pages.ts";
import type { PendingLimiter } from "./pending_limiter.ts";

/** The key of a client: 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** The only version. */
const WEBSOCKET_VERSION = "13";

/** How many subprotocols may be offered: our clients offer two, and searching thousands takes long. */
const MAX_PROTOCOLS = 32;

/** Whether a request is for a WebSocket, valid or not. */
export function isUpgradeRequest({ headers }: Pick<Request, "headers">): boolean {
  return hasWord(headers.get("upgrade"), "websocket");
}

/**
 * Why a request for a WebSocket is invalid.
 *
 * @param request a request for a WebSocket
 * @returns an HTTP status and a sentence; `undefined` if it is valid
 */
export function upgradeFault(
  { method, headers }: Pick<Request, "method" | "headers">,
):
  | { readonly status: 400 | 426; readonly reason: string; readonly headers?: HeadersInit }
  | undefined {
  const bad = (reason: string) => ({
    status: 400 as const,
    reason: `Cannot open a WebSocket: ${reason}`,
  });
  if (method !== "GET") return bad(`the method must be GET, got ${method}`);
  if (!hasWord(headers.get("connection"), "upgrade")) {
    return bad("the header Connection: Upgrade is missing");
  }
  const version = headers.get("sec-websocket-version");
  if (version !== WEBSOCKET_VERSION) {
    const { status, reason } = version === null
      ? bad("the header Sec-WebSocket-Version is missing")
      : {
        ...bad(`Sec-WebSocket-Version must be ${WEBSOCKET_VERSION}, got ${quoted(version)}`),
        status: 426 as const,
      };
    return {
      status,
      reason,
      headers: { upgrade: "websocket", "sec-websocket-version": WEBSOCKET_VERSION },
    };
  }
  if (!KEY.test(headers.get("sec-websocket-key") ?? "")) {
    return bad("Sec-WebSocket-Key must be 16 bytes in base64");
  }
  const offered = headers.get("sec-websocket-protocol")?.split(",", MAX_PROTOCOLS + 1) ?? [];
  if (offered.length > MAX_PROTOCOLS) {
    return bad(`Sec-WebSocket-Protocol may offer at most ${MAX_PROTOCOLS} subprotocols`);
  }
  return undefined;
}

/** Whether a header has this word, in any case. */
function hasWord(header: string | null, word: string): boolean {
  return header?.split(",").some((one) => one.trim().toLowerCase() === word) ?? false;
}

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
