/**
 * How a connection is admitted that has yet to send its token, lacks a slot, or both.
 *
 * @module
 */

import type { AccessControl } from "../auth/access_control.ts";
import type { TokenCheck } from "../auth/auth.ts";
import { addressHolder } from "../budgets/address_key.ts";
import type { FirstHello } from "../protocol/first_hello.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { SessionOwner, SlotTakeover } from "../connection/session_owners.ts";
import type { Clock } from "../queue/clock.ts";
import type { ServerContext } from "../connection/server_context.ts";
import { type Permissions, TOKEN_NEEDED } from "../auth/permissions.ts";
import { tokenRefusal } from "../connection/authorize.ts";
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

/** How long a connection without a slot has to send `hello`, in milliseconds. */
const HELLO_TIMEOUT = 2000;

/** A new connection. */
export interface AcceptedPeer {
  readonly peer: Peer;
  /** The address of its peer. */
  readonly from: string;
  /** The last sequence number before it was accepted. */
  readonly start: number;
  /** What came of checking the token of its request, if there was one. */
  readonly check: TokenCheck | undefined;
  /** Its request seems to come through a proxy, or from a page of another machine. */
  readonly isForwarded: boolean;
}

/** The server that it connects to. */
export interface AdmissionContext {
  readonly shared: ServerContext;
  readonly access: AccessControl;
  readonly authTimeout: number;
  /** Takes a slot among the connections. */
  acquireConnection(from: string, permissions: Permissions): (() => void) | LimitExceeded;
  /** Takes a slot among those that wait, for a connection that is being closed. It may be evicted. */
  acquirePending(from: string, evict: () => void): () => void;
  /** A connection is admitted. */
  onAdmitted(connection: ClientConnection): void;
  /** The admitted connection of a session owner. */
  connectionOf(owner: SessionOwner): ClientConnection | undefined;
  /** A connection has ended. */
  onDisconnected(connection: ClientConnection): void;
  /** An unexpected error. */
  onError(error: unknown): void;
}

/** Starts a connection: with its slot, or with the way to get one. */
export function createConnection(
  context: AdmissionContext,
  { peer, start, from, isForwarded }: AcceptedPeer,
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
  connection.isForwarded = isForwarded;
  connection.onEnded = () => context.onDisconnected(connection);
  return connection;
}

/** Admits one connection. */
export class PendingAdmission implements HandshakePolicy {
  readonly clock: Clock;
  readonly timeout: number;
  readonly #context: AdmissionContext;
  readonly #accepted: AcceptedPeer;
  readonly #releaseSlot: (admitted: boolean) => void;
  readonly #onGone: () => void;
  /** Why there is no slot, as far as that is known. */
  #exceeded: LimitExceeded | undefined;
  #connection: ClientConnection | undefined;

  /**
   * Starts to wait.
   *
   * @param context the server
   * @param accepted the connection
   * @param exceeded why there is no slot for it; `undefined` if it has yet to send a token
   * @param releaseSlot is called when it waits no more, with whether it was admitted; later calls do nothing
   * @param onGone is called when it waits no more, and perhaps again when it is gone
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

  checkToken(token: string): Promise<TokenCheck> {
    return this.#context.access.check(token, addressHolder(this.#accepted.from));
  }

  checkHello(
    pending: PendingConnection,
    { token }: FirstHello,
    helloCheck: TokenCheck | undefined,
  ): HelloResult {
    const { access, shared } = this.#context;
    // Looked up now: the tokens may have changed since it connected.
    const check = helloCheck ?? this.#accepted.check;
    const permissions = access.permissionsOf(check);
    if (!permissions) {
      const { error, logged, close } = tokenRefusal(check);
      // No option makes a token valid that could not be checked.
      const advice = check?.kind === "unchecked" ? undefined : ADVICE.token;
      shared.onRefused(logged, this.#accepted.from, advice);
      return close ? { error, close } : { error };
    }
    const handler = this.#admit(pending, permissions);
    if (token !== undefined && helloCheck) handler.checkedToken = { token, check: helloCheck };
    return { handler };
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

  /** Its token is valid. Whether there is a slot for it is known now, or when its `hello` is handled. */
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

  /** How its connection can get a slot. */
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
        // The old connection has yet to close: until then it needs a slot among those that wait.
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
