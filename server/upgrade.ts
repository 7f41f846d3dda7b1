/**
 * Requests for a WebSocket: whether one is valid by RFC 6455, and whether it is admitted. To check a token may take long:
 * meanwhile a request holds a slot of the connections that wait to be admitted, so that nobody can hold them all.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import type { AccessControl, Verdict } from "../auth/access_control.ts";
import type { TokenCheck } from "../auth/auth.ts";
import { addressHolder } from "../budgets/address_key.ts";
import type { ServerContext } from "../connection/server_context.ts";
import { ADVICE } from "./advice.ts";
import { textResponse } from "./text_response.ts";
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
function upgradeFault(
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
type RefusedUpgrade = Omit<Extract<Verdict, { readonly kind: "refused" }>, "kind">;

const CODES = { 401: "unauthorized", 403: "permission_denied", 503: "unavailable" } as const;

/** Records what was refused. */
type Refusals = Pick<ServerContext, "onRefused">;

/**
 * Refuses a malformed request for a WebSocket.
 *
 * @returns the response; `undefined` if it is not malformed
 */
export function refuseMalformed(
  request: Request,
  from: string,
  refusals: Refusals,
): Response | undefined {
  const fault = upgradeFault(request);
  if (!fault) return undefined;
  refusals.onRefused({ code: "bad_request", message: fault.reason }, from);
  return textResponse(fault.status, fault.reason, fault.headers);
}

/** Refuses a request before the upgrade. */
export function refuseUpgrade(
  { status, reason, detail }: RefusedUpgrade,
  from: string,
  refusals: Refusals,
): Response {
  const text = `Cannot connect: ${reason}`;
  const message = detail === undefined ? text : `${text}: ${detail}`;
  // The reason of a Host or an Origin names the option already.
  const advice = status === 401 ? ADVICE.token : undefined;
  refusals.onRefused({ code: CODES[status], message }, from, advice);
  const headers: HeadersInit = status === 401 ? { "www-authenticate": "Bearer" } : {};
  return textResponse(status, text, headers);
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
  check(request: Request, from: string): Promise<Verdict> {
    return this.#inSlot(
      from,
      this.#access.checkUpgrade(request, addressHolder(from)),
      (why) => ({ kind: "refused", status: 503, reason: GIVEN_UP[why] }),
      (verdict) => verdict.kind === "admitted" && verdict.check?.kind !== "unchecked",
    );
  }

  /** Checks the token of a request over plain HTTP, see {@linkcode AccessControl.check}. */
  checkToken(token: string, from: string): Promise<TokenCheck> {
    return this.#inSlot(
      from,
      this.#access.check(token, addressHolder(from)),
      (why) => ({ kind: "unchecked", reason: GIVEN_UP[why] }),
      ({ kind }) => kind !== "unchecked",
    );
  }

  /**
   * Waits for a check in a slot of its own.
   *
   * @param from the address of the client
   * @param checked what came of it
   * @param givenUp what has come of it if the wait is given up
   * @param isDone whether the client was admitted, or at least judged
   */
  async #inSlot<Checked>(
    from: string,
    checked: Promise<Checked>,
    givenUp: (why: keyof typeof GIVEN_UP) => Checked,
    isDone: (checked: Checked) => boolean,
  ): Promise<Checked> {
    // Otherwise it takes no longer than a digest.
    if (!this.#access.asksVerifier) return await checked;
    const { promise, resolve } = Promise.withResolvers<Checked>();
    const giveUp: GiveUp = (why) => resolve(givenUp(why));
    this.#checking.add(giveUp);
    const release = this.#slots.acquire(from, () => giveUp("evicted"));
    try {
      const result = await Promise.race([checked, promise]);
      release(isDone(result));
      return result;
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
