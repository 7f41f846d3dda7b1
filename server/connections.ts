/**
 * The connections of a server: from the request for a WebSocket to the end.
 *
 * @module
 */

import { addressHolder } from "../budgets/address_key.ts";
import type { AccessControl } from "../auth/access_control.ts";
import { isFromElsewhere } from "../auth/forwarded.ts";
import type { WireError } from "../protocol/errors.ts";
import { CLOSE_CODE, offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import type { SessionOwner } from "../connection/session_owners.ts";
import type { ServerContext } from "../connection/server_context.ts";
import { revocation, tokenRefusal } from "../connection/authorize.ts";
import type { Permissions } from "../auth/permissions.ts";
import type { ClientConnection } from "../connection/client_connection.ts";
import { isBelow } from "../http/page_paths.ts";
import { HttpApi, type WatchClient } from "../http/http_api.ts";
import type { Peer, PeerEvents } from "../transports/peer.ts";
import type { ConnectionHandler, DroppedPeer } from "../transports/transport.ts";
import {
  type AcceptedPeer,
  type AdmissionContext,
  createConnection,
  PendingAdmission,
} from "./pending_admission.ts";
import { BEHIND, CLOSE_TIMEOUT, OpenConnections, STOPPING } from "./open_connections.ts";
import { type CloseReason, PendingConnection } from "./pending_connection.ts";
import { httpContext, watchSignal } from "./http_context.ts";
import { textResponse } from "./text_response.ts";
import { ConnectionLimiter, type LimitExceeded } from "./connection_limiter.ts";
import type { ConnectionsOptions } from "./connections_options.ts";
import { ADVICE, limitAdvice } from "./advice.ts";
import { isUpgradeRequest, refuseMalformed, refuseUpgrade, UpgradeChecks } from "./upgrade.ts";
import { PendingLimiter } from "./pending_limiter.ts";

/** How many connections get their new permissions in one go: each may have ten thousand waits. */
const RECHECK_BATCH = 1;

/** When a client that was refused because the server is behind may ask it again. */
const RETRY_LATER = { "retry-after": "1" };

/** The reason for closing a connection that waits to be admitted, when another needs its slot. */
const EVICTED_CLOSE: CloseReason = [
  CLOSE_CODE.tryAgainLater,
  "too many connections wait to be admitted, and most of them are from its address",
];

/** Opens and closes connections. */
export class Connections implements ConnectionHandler, AdmissionContext {
  readonly shared: ServerContext;
  readonly access: AccessControl;
  readonly #options: ConnectionsOptions;
  readonly limiter: ConnectionLimiter;
  readonly #open = new OpenConnections();
  readonly #pendingLimiter: PendingLimiter;
  readonly #upgradeChecks: UpgradeChecks;
  readonly #http: HttpApi;

  /**
   * Starts without connections.
   *
   * @param shared what all connections share
   * @param options the rest
   */
  constructor(shared: ServerContext, options: ConnectionsOptions) {
    this.shared = shared;
    this.access = options.access;
    this.#options = options;
    this.limiter = new ConnectionLimiter(options.limits);
    this.#pendingLimiter = new PendingLimiter(options.limits.pendingConnections);
    this.#upgradeChecks = new UpgradeChecks(options.access, this.#pendingLimiter);
    this.#http = new HttpApi(httpContext(this, this.#upgradeChecks, options));
  }

  get authTimeout(): number {
    return this.#options.limits.authTimeout;
  }

  /** How many connections are open. */
  get count(): number {
    return this.#open.count;
  }

  /** All of them, and requests of plain HTTP, by their kind. */
  get kinds(): Readonly<Record<string, number>> {
    return { websocket: this.count, ...this.#http.counts };
  }

  get isStopping(): boolean {
    return this.#open.closing === STOPPING;
  }

  /** Why nothing is served as fresh now, if that is so. */
  get behind(): WireError | undefined {
    const { closing } = this.#open;
    return closing === BEHIND ? closing.error : undefined;
  }

  /** What can be read may be old: has all clients go to other servers. */
  fallBehind(): void {
    void this.#open.closeAll(BEHIND);
    this.#http.readers.endAll(BEHIND.error);
  }

  /** Everything can be read again: takes clients again. */
  catchUp(): void {
    this.#open.reopen();
  }

  /** How many connections are not admitted. */
  get pendingCount(): number {
    return this.#pendingLimiter.count;
  }

  http(
    request: Request,
    from: string,
    watch: WatchClient = watchSignal,
  ): Response | Promise<Response> {
    if (isUpgradeRequest(request)) {
      return refuseMalformed(request, from, this.shared) ?? textResponse(400, "Bad request");
    }
    return this.#http.handle(request, from, watch);
  }

  async admit(request: Request, from: string): Promise<Response | ((peer: Peer) => PeerEvents)> {
    const fault = refuseMalformed(request, from, this.shared);
    if (fault) return fault;
    if (!isBelow(request, this.#options.path)) return textResponse(404, "Not found");
    const verdict = await this.#upgradeChecks.check(request, from);
    if (verdict.kind !== "refused" || verdict.status !== 403) {
      this.#options.upgradeChecked(request, from);
    }
    if (this.isStopping) return textResponse(503, "The server is stopping");
    if (verdict.kind === "refused") return refuseUpgrade(verdict, from, this.shared);
    const { check } = verdict;
    const accepted = { from, check, isForwarded: isFromElsewhere(request) };
    // A client with our subprotocol sees a close code, but not the status of a refused upgrade.
    const seesCloseCode = offeredProtocols(request.headers).includes(SUBPROTOCOL);
    const refuseBehind = () => {
      if (!seesCloseCode) return textResponse(503, BEHIND.error.message, RETRY_LATER);
      return (peer: Peer) => this.#refuseBehind({ ...accepted, peer, start: 0 });
    };
    if (this.behind) return refuseBehind();
    const hasInvalidToken = check?.kind === "refused";
    const permissions = this.access.permissionsOf(check);
    // It takes its slot here, and not when it is open: many may be on their way.
    const slot = permissions && this.acquireConnection(from, permissions);
    const exceeded = slot && "error" in slot ? slot : undefined;
    // It may have a slot already, in the session that it is about to name.
    if (exceeded && !seesCloseCode) {
      this.shared.onRefused(exceeded.error, from, limitAdvice(exceeded));
      return textResponse(exceeded.isPerAddress ? 429 : 503, exceeded.error.message);
    }
    const release = typeof slot === "function" ? slot : undefined;
    if (hasInvalidToken) return (peer) => this.#rejectToken({ ...accepted, peer, start: 0 });
    try {
      const { store, fence } = this.shared.queue;
      // What anybody was told of before is nothing that it may read.
      if (fence) await fence();
      // Before the response to the upgrade: what the client puts once it is connected comes after this number.
      const { last: start } = await store.bounds();
      const { epoch } = store;
      return (peer) => {
        const acceptedPeer = { ...accepted, peer, start };
        const isPresent = store.epoch === epoch && !this.behind;
        if (isPresent) return this.#accept(acceptedPeer, release, exceeded);
        release?.();
        return this.#refuseBehind(acceptedPeer);
      };
    } catch (error) {
      release?.();
      if (Object(error).code === BEHIND.error.code) return refuseBehind();
      this.onError(error);
      return textResponse(503, "The store does not answer");
    }
  }

  /** Applies a changed `auth`: connections without permissions get an error and are closed, the others continue. Returns when that is done, if it takes long. */
  authChanged(): Promise<void> | void {
    const { all } = this.#open;
    const { urgentTasks } = this.shared.queue;
    void this.#http.authChanged();
    return urgentTasks.forEach(all, all.length, (connection) => {
      if (this.#open.has(connection)) this.#recheck(connection);
    }, RECHECK_BATCH);
  }

  #recheck(connection: ClientConnection): void {
    const permissions = this.access.currentPermissions(connection.permissions);
    if (!permissions && connection.permissions) {
      const { error, reason, logged } = revocation(connection.identity);
      this.shared.onClosed(logged, connection.address);
      connection.rejectToken(error, reason);
    }
    if (permissions && permissions !== connection.permissions) connection.permissions = permissions;
  }

  onError(error: unknown): void {
    const { log } = this.shared.queue;
    log.write({ event: "unexpected_error", message: "unexpected error", reason: error });
  }

  onPeerDropped(dropped: DroppedPeer): void {
    this.#options.peerDropped(dropped);
  }

  onRefused(reason: string, from?: string): void {
    this.shared.onRefused({ code: "bad_request", message: reason }, from);
  }

  report(what: string): void {
    this.#options.notice(what);
  }

  /** Admits no more connections, lets each finish, and drops those that take too long. */
  async stop(): Promise<void> {
    this.#upgradeChecks.stop();
    const closed = this.#open.closeAll(STOPPING);
    await Promise.all([closed, this.#http.stop(STOPPING.error, CLOSE_TIMEOUT)]);
  }

  #accept(
    accepted: AcceptedPeer,
    slot: (() => void) | undefined,
    exceeded: LimitExceeded | undefined,
  ): PeerEvents {
    const { check } = accepted;
    // Looked up now: the token may have been revoked since it was checked.
    const permissions = this.access.permissionsOf(check);
    if (permissions && slot) {
      const connection = createConnection(this, accepted, permissions, slot);
      this.onAdmitted(connection);
      return connection;
    }
    slot?.();
    return check && check.kind !== "unchecked" && !permissions
      ? this.#rejectToken(accepted)
      : this.#acceptPending(accepted, exceeded);
  }

  /** A connection that has yet to send its token, or has no slot. */
  #acceptPending(accepted: AcceptedPeer, exceeded?: LimitExceeded): PendingConnection {
    const { from } = accepted;
    const releaseSlot = this.#pendingLimiter.acquire(from, () => {
      const [, message] = EVICTED_CLOSE;
      this.shared.onRefused({ code: "limit_exceeded", message }, from, ADVICE.pendingConnections);
      pendingConnection.evict(...EVICTED_CLOSE);
    });
    const admission = new PendingAdmission(this, accepted, exceeded, releaseSlot, () => {
      this.#open.deletePending(pendingConnection);
    });
    const pendingConnection = new PendingConnection(accepted.peer, admission);
    this.#open.addPending(pendingConnection);
    return pendingConnection;
  }

  /** Closes a new connection, which learns the reason by the close code. */
  #rejectToken(accepted: AcceptedPeer): PeerEvents {
    this.shared.onRefused(tokenRefusal(accepted.check).logged, accepted.from, ADVICE.token);
    const pendingConnection = this.#acceptPending(accepted);
    pendingConnection.reject(CLOSE_CODE.unauthorized, "the token is not valid");
    return pendingConnection;
  }

  #refuseBehind(accepted: AcceptedPeer): PeerEvents {
    const pendingConnection = this.#acceptPending(accepted);
    pendingConnection.refuse(BEHIND.error, BEHIND.close);
    return pendingConnection;
  }

  acquireConnection(
    from: string,
    { identity }: Pick<Permissions, "identity">,
  ): (() => void) | LimitExceeded {
    const owner = identity || addressHolder(from);
    return this.limiter.acquire(from, this.access.requiresToken ? owner : undefined);
  }

  acquirePending(from: string, evict: () => void): () => void {
    const release = this.#pendingLimiter.acquire(from, evict);
    return () => release(true);
  }

  onAdmitted(connection: ClientConnection): void {
    this.shared.directory.add(connection);
    // Tokens may have changed while it got its slot.
    if (this.#open.admit(connection)) this.#recheck(connection);
  }

  connectionOf(owner: SessionOwner): ClientConnection | undefined {
    return this.#open.has(owner as ClientConnection) ? owner as ClientConnection : undefined;
  }

  onDisconnected(connection: ClientConnection): void {
    this.#open.delete(connection);
    this.shared.directory.delete(connection);
  }
}
