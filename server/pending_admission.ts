/**
 * What has to be settled before a connection is in: the token that it owes, the place that it lacks.
 *
 * @module
 */

import type { AccessControl } from "../auth/access_control.ts";
import type { Digest } from "../auth/tokens.ts";
import type { FirstHello } from "../protocol/first_hello.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { SessionOwner, SlotTakeover } from "../connection/session_owners.ts";
import type { Clock } from "../queue/clock.ts";
import type { ServerContext } from "../connection/server_context.ts";
import { type Permissions, TOKEN_INVALID, TOKEN_NEEDED } from "../auth/permissions.ts";
import { ClientConnection } from "../connection/client_connection.ts";
import type { Peer } from "../transports/peer.ts";
import type {
  CloseReason,
  HandshakePolicy,
  HelloResult,
  PendingConnection,
} from "./pending_connection.ts";
import type { LimitExceeded } from "./connection_limiter.ts";
import { ADVICE, limitAdvice } from "./advice.ts";

/** How long one that lacks a place has to say hello, in milliseconds. */
const HELLO_TIMEOUT = 2000;

/** One who has come. */
export interface AcceptedPeer {
  readonly peer: Peer;
  /** The address that it comes from. */
  readonly from: string;
  /** The last sequence number before it came. */
  readonly start: number;
  /** Of the token that it brought, if it brought one. */
  readonly digest: Digest | undefined;
}

/** Where it comes to. */
export interface AdmissionContext {
  readonly shared: ServerContext;
  readonly access: AccessControl;
  readonly authTimeout: number;
  /** Takes a place for who comes from an address. */
  acquireConnection(from: string, permissions: Permissions): (() => void) | LimitExceeded;
  /** Takes a seat among those who wait, for one who leaves; another may need it. */
  acquirePending(from: string, evict: () => void): () => void;
  /** One is in. */
  onAdmitted(connection: ClientConnection): void;
  /** The connection of a holder that is in. */
  connectionOf(owner: SessionOwner): ClientConnection | undefined;
  /** One is gone. */
  onDisconnected(connection: ClientConnection): void;
  /** Takes a defect. */
  onError(error: unknown): void;
}

/** The connection of one who has come: with how to give back its place, or how it can have one. */
export function createConnection(
  context: AdmissionContext,
  { peer, start, from }: AcceptedPeer,
  permissions: Permissions,
  acquired: (() => void) | SlotTakeover,
): ClientConnection {
  const pendingSlot = typeof acquired === "function" ? undefined : acquired;
  const connection = new ClientConnection(
    context.shared,
    peer,
    start,
    permissions,
    pendingSlot,
    from,
  );
  if (typeof acquired === "function") connection.releaseSlot = acquired;
  connection.onEnded = () => context.onDisconnected(connection);
  return connection;
}

/** How a connection is received that owes a token, lacks a place, or both. */
export class PendingAdmission implements HandshakePolicy {
  readonly clock: Clock;
  readonly timeout: number;
  readonly #context: AdmissionContext;
  readonly #accepted: AcceptedPeer;
  readonly #releaseSlot: (admitted: boolean) => void;
  readonly #onGone: () => void;
  /** Why there is no place, as far as that is known. */
  #exceeded: LimitExceeded | undefined;
  #connection: ClientConnection | undefined;

  /**
   * It waits.
   *
   * @param context where it wants to come to
   * @param accepted who it is
   * @param exceeded why there is no place for it; `undefined` if it owes a token
   * @param releaseSlot to be called when it waits no more, with whether it was admitted; later calls do nothing
   * @param onGone called when it waits no more, and perhaps once more when it is gone
   */
  constructor(
    context: AdmissionContext,
    accepted: AcceptedPeer,
    exceeded: LimitExceeded | undefined,
    releaseSlot: (admitted: boolean) => void,
    onGone: () => void,
  ) {
    this.#context = context;
    this.#accepted = accepted;
    this.#exceeded = exceeded;
    this.#releaseSlot = releaseSlot;
    this.#onGone = onGone;
    this.clock = context.shared.queue.clock;
    this.timeout = exceeded ? HELLO_TIMEOUT : context.authTimeout;
  }

  digestOf(token: string): Promise<Digest> {
    return this.#context.access.digestOf(token);
  }

  checkHello(
    pending: PendingConnection,
    { token }: FirstHello,
    digest: Digest | undefined,
  ): HelloResult {
    const { access, shared } = this.#context;
    // Looked up now: the tokens may have changed since it came.
    const permissions = access.permissionsOf(digest ?? this.#accepted.digest);
    if (!permissions) {
      const isInvalid = token !== undefined || this.#accepted.digest !== undefined;
      const error = isInvalid ? TOKEN_INVALID : TOKEN_NEEDED;
      shared.onRefused(error, this.#accepted.from, ADVICE.token);
      if (!isInvalid) return { error };
      return { error, close: [CLOSE_CODE.unauthorized, "the token is not valid"] };
    }
    return { handler: this.#admit(pending, permissions) };
  }

  rejection(): CloseReason {
    const exceeded = this.#exceeded;
    const advice = exceeded ? limitAdvice(exceeded) : ADVICE.token;
    this.#context.shared.onRefused(exceeded?.error ?? TOKEN_NEEDED, this.#accepted.from, advice);
    return exceeded
      ? [CLOSE_CODE.tryAgainLater, exceeded.error.message]
      : [CLOSE_CODE.unauthorized, "hello must bring a token"];
  }

  timedOut(): void {
    this.#connection?.rejectOverLimit();
  }

  closed(): void {
    this.#releaseSlot(false);
    this.#onGone();
  }

  onError(error: unknown): void {
    this.#context.onError(error);
  }

  /** Its token is good; whether there is a place for it is settled now, or when its hello is done. */
  #admit(pending: PendingConnection, permissions: Permissions): ClientConnection {
    const acquired = this.#context.acquireConnection(this.#accepted.from, permissions);
    const onAdmitted = typeof acquired === "function";
    const connection = this.#connection = createConnection(
      this.#context,
      this.#accepted,
      permissions,
      onAdmitted ? acquired : this.#pendingSlot(pending, acquired),
    );
    if (onAdmitted) this.#admitted(pending, connection);
    return connection;
  }

  /** What its session needs to find a place, in which it stays. */
  #pendingSlot(pending: PendingConnection, exceeded: LimitExceeded): SlotTakeover {
    this.#exceeded = exceeded;
    const context = this.#context;
    const settle = (acquired: () => void) => {
      const connection = this.#connection!;
      connection.releaseSlot = acquired;
      this.#admitted(pending, connection);
    };
    return {
      takeSlotFrom: (before) => {
        const previous = context.connectionOf(before);
        if (!previous) return false;
        const { releaseSlot, peer } = previous;
        // The old connection has yet to leave: until then it needs a seat.
        const drop = () => peer.drop("it did not answer the close frame");
        previous.releaseSlot = context.acquirePending(this.#accepted.from, drop);
        settle(releaseSlot);
        return true;
      },
      takeFreeSlot: () => {
        const permissions = this.#connection!.permissions;
        const acquired = permissions && context.acquireConnection(this.#accepted.from, permissions);
        if (typeof acquired !== "function") return false;
        settle(acquired);
        return true;
      },
      reject: () => {
        context.shared.onRefused(exceeded.error, this.#accepted.from, limitAdvice(exceeded));
        return exceeded.error.message;
      },
    };
  }

  #admitted(pending: PendingConnection, connection: ClientConnection): void {
    pending.admitted();
    this.#releaseSlot(true);
    this.#context.onAdmitted(connection);
    this.#onGone();
  }
}
