/**
 * `hello`: the token of a connection, the session that it resumes, the slot that it gets if it has none, and the
 * heartbeats that it asks for.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { announcementThreshold, MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { HelloRequest, WireRequestOf, WireSince } from "../protocol/requests.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import { StoreError } from "../stores/store.ts";
import type { SessionOwner, SlotTakeover } from "./session_owners.ts";
import type { Cursors } from "../queue/cursors.ts";
import { reply, replyError, type ServerContext } from "./server_context.ts";
import type { CheckedToken, TokenCheck } from "../auth/auth.ts";
import { type Permissions, TOKEN_NEEDED } from "../auth/permissions.ts";
import { locateStart } from "../queue/positions.ts";
import { toWireError } from "../queue/store_failure.ts";
import type { HeartbeatTarget } from "./heartbeats.ts";
import type { PutVerb } from "./put_verb.ts";
import { tokenRefusal } from "./authorize.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/** The connection that sends `hello`. */
export interface HelloConnection extends SessionOwner {
  /** Sends the heartbeats that a hello asks for. */
  readonly liveness: HeartbeatTarget;
  /** What it may do; `undefined` until it has sent a token. */
  permissions: Permissions | undefined;
  /** What came of checking the token of the `hello` that admits it, until that is handled. */
  checkedToken: CheckedToken | undefined;
  readonly closed: boolean;
  /** Closes it because its token is invalid. */
  rejectToken(error: WireError): void;
  /** Closes it with a close code and a reason. */
  closeGracefully(code: number, reason: string): void;
}

/** The parts of the connection that a `hello` changes. */
export interface HelloState {
  readonly putVerb: PutVerb;
  readonly cursors: Cursors;
  readonly replies: ReplyWriter;
}

const NOTHING = () => {};

/** The `hello` requests of a connection, and what it holds because of them. */
export class HelloVerb {
  readonly #context: ServerContext;
  readonly #connection: HelloConnection;
  readonly #state: HelloState;
  /** Set while the connection has no slot. */
  #slotTakeover: SlotTakeover | undefined;
  #stopHeartbeats: () => void = NOTHING;
  /** The token of a connection is being replaced. */
  #renewing: Promise<void> | undefined;

  /** Holds nothing yet. `slotTakeover` is set if the connection has no slot. */
  constructor(
    context: ServerContext,
    connection: HelloConnection,
    state: HelloState,
    slotTakeover: SlotTakeover | undefined,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#state = state;
    this.#slotTakeover = slotTakeover;
  }

  /** It has no slot, and may send nothing but `hello`. */
  get lacksSlot(): boolean {
    return this.#slotTakeover !== undefined;
  }

  /** Handles a `hello`. Topics that were read before keep their cursors. */
  async hello(request: HelloRequest): Promise<void> {
    // In the order in which they came, since the last token counts.
    if (this.#renewing) await this.#renewing;
    if (!this.#isRenewal(request)) return await this.#handle(request);
    // Checking a token may take long, and the requests behind it are permitted by the one before.
    this.#renewing = this.#handle(request).catch((error) => {
      const failure = toWireError(error, this.#context.queue.log);
      replyError(this.#context, request, failure, this.#state.replies);
    }).finally(() => this.#renewing = undefined);
  }

  /** It does nothing but replace a token that would expire. */
  #isRenewal({ token, since, session, known, heartbeat, frameBytes }: HelloRequest): boolean {
    const others = [since, session, known, heartbeat, frameBytes];
    return token !== undefined && others.every((field) => field === undefined) &&
      this.#connection.permissions?.expires !== undefined && !this.#slotTakeover;
  }

  async #handle(request: HelloRequest): Promise<void> {
    if (!await this.#isAdmitted(request)) return;
    const { since, session, try: attempt, known, heartbeat, frameBytes, progress } = request;
    const { queue, welcome } = this.#context;
    const { store } = queue;
    const { cursors, replies } = this.#state;
    const start = since === undefined || this.#mayNotSeek(since)
      ? undefined
      : await locateStart(queue, since);
    if (session !== undefined && !await this.#open(session, attempt)) {
      return this.#connection.takenOver();
    }
    const dedupComplete = session !== undefined && known
      ? await store.isDedupComplete(session, known)
      : undefined;
    const bounds = await store.bounds();
    // A connection that was closed meanwhile, or belongs to an older attempt, must leave nothing behind.
    if (this.#connection.closed) return;
    if (this.#slotTakeover) {
      if (!this.#takeSlot(this.#slotTakeover, session, attempt)) return;
    } else if (session !== undefined && !this.#acquire(session, attempt)) {
      return this.#connection.takenOver();
    }
    if (start) cursors.start = start;
    if (heartbeat !== undefined) {
      this.#stopHeartbeats();
      this.#stopHeartbeats = this.#context.heartbeats.start(this.#connection.liveness, heartbeat);
      replies.announcesAbove = announcementThreshold(heartbeat, MIN_PEER_SPEED);
      replies.peerReportsProgress = progress;
    }
    if (frameBytes !== undefined) {
      replies.frameBytes = Math.min(frameBytes, REPLY_FRAME_BYTES);
      replies.announcesFrames = true;
    }
    reply(request, {
      ...welcome,
      start: cursors.start.after,
      ...bounds,
      dedupComplete,
      heartbeat,
      tokenExpiresIn: this.#tokenExpiresIn,
    }, replies);
  }

  get #tokenExpiresIn(): number | undefined {
    const { expires } = this.#connection.permissions ?? {};
    return expires === undefined ? undefined : this.#context.tokenExpiry.remaining(expires);
  }

  /** The store knows a session from now on. Returns `false` if a newer attempt has it, perhaps at another server. */
  async #open(session: string, attempt: number): Promise<boolean> {
    const { owner } = this.#state.putVerb;
    const opening = { type: "open_session" as const, session, owner, attempt };
    const [result] = await this.#context.queue.apply([opening]);
    if (!(result instanceof StoreError)) return true;
    if (result.code === "session_taken_over") return false;
    if (result.code !== "unknown_outcome") throw result;
    // Whether it is open does not matter: the next hello opens it again.
    const { message } = result.cause instanceof Error ? result.cause : result;
    throw new StoreError(`Cannot open the session: ${message}`, { cause: result });
  }

  /** A client that may read nothing must not learn how many messages were stored at what time. */
  #mayNotSeek(since: WireSince): boolean {
    return typeof since === "object" && ("time" in since || "ago" in since) &&
      this.#connection.permissions?.readable?.length === 0;
  }

  /** There is no slot for it. */
  rejectOverLimit(): void {
    const reason = this.#slotTakeover?.reject();
    if (reason !== undefined && !this.#connection.closed) {
      this.#connection.closeGracefully(CLOSE_CODE.tryAgainLater, reason);
    }
  }

  /** Its client closes for good and will repeat nothing: forgets its session. */
  async forgetSession(request: WireRequestOf<"close">): Promise<void> {
    const { putVerb, replies } = this.#state;
    const { session } = putVerb;
    if (session !== undefined) {
      putVerb.session = undefined;
      this.#context.sessionOwners.release(session, this.#connection);
      const [result] = await this.#context.queue.apply([{ type: "forget_session", session }]);
      if (result instanceof StoreError) throw result;
    }
    reply(request, {}, replies);
  }

  /** The connection has ended: another may resume its session. May be called twice. */
  end(): void {
    this.#stopHeartbeats();
    const { session } = this.#state.putVerb;
    if (session !== undefined) this.#context.sessionOwners.release(session, this.#connection);
  }

  /** Whether it may continue. The token of the `hello` counts from now on. */
  async #isAdmitted(request: HelloRequest): Promise<boolean> {
    const { accessControl } = this.#context;
    const { replies } = this.#state;
    if (request.token !== undefined) {
      const { checkedToken } = this.#connection;
      this.#connection.checkedToken = undefined;
      // The hello that admits it was checked when it arrived: a check may be costly, or count but once.
      const check = checkedToken?.token === request.token
        ? checkedToken.check
        : await accessControl.check(request.token, this.#connection.holder);
      const permissions = accessControl.permissionsOf(check);
      if (!permissions) {
        this.#refuseToken(request, check);
        return false;
      }
      this.#connection.permissions = permissions;
    }
    if (!this.#connection.permissions) replyError(this.#context, request, TOKEN_NEEDED, replies);
    return this.#connection.permissions !== undefined;
  }

  /** Its token is not accepted. A connection whose own token expires goes on with that until then. */
  #refuseToken(request: HelloRequest, check: TokenCheck): void {
    const { error, logged } = tokenRefusal(check);
    const { replies } = this.#state;
    replyError(this.#context, request, error, replies, logged);
    if (check.kind === "unchecked" || this.#connection.permissions?.expires !== undefined) return;
    this.#connection.rejectToken(error);
  }

  /** Becomes the owner of a session. Its name is a secret, and identifies it with any token. */
  #acquire(session: string, attempt: number): boolean {
    const { sessionOwners } = this.#context;
    const { putVerb } = this.#state;
    const previous = putVerb.session;
    if (!sessionOwners.acquire(session, this.#connection, attempt)) return false;
    if (previous !== undefined && previous !== session) {
      sessionOwners.release(previous, this.#connection);
    }
    putVerb.session = session;
    return true;
  }

  /**
   * Takes the slot of the connection that it takes over, if that has the same token; or, if its session has no owner, a slot
   * that is free by now. Otherwise it is closed.
   */
  #takeSlot(slotTakeover: SlotTakeover, session: string | undefined, attempt: number): boolean {
    const previous = session === undefined
      ? undefined
      : this.#context.sessionOwners.ownerOf(session);
    const canTakeSlot = previous
      ? previous.identity === this.#connection.identity
      : slotTakeover.takeFreeSlot();
    if (!canTakeSlot) this.rejectOverLimit();
    else if (session !== undefined && !this.#acquire(session, attempt)) {
      this.#connection.takenOver();
    } else if (previous && !slotTakeover.takeSlotFrom(previous)) this.rejectOverLimit();
    else {
      this.#slotTakeover = undefined;
      return true;
    }
    return false;
  }
}
