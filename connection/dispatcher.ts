/**
 * The dispatch of one connection: each request goes to its verb.
 *
 * @module
 */

import type { Permissions } from "../auth/permissions.ts";
import type { WireError } from "../protocol/errors.ts";
import type {
  GetRequest,
  PutRequest,
  RefusedRequest,
  TopicFilter,
  WireRequest,
} from "../protocol/requests.ts";
import type { SlotTakeover } from "./session_owners.ts";
import { Cursors } from "../queue/cursors.ts";
import { type AdminConnection, administer } from "./admin_verbs.ts";
import { type HelloConnection, HelloVerb } from "./hello_verb.ts";
import { reply, replyError, type ServerContext } from "./server_context.ts";
import { authorize, readRefusal, streamRefusal, workRefusal } from "./authorize.ts";
import { handleGroupRequest } from "./group_verbs.ts";
import { JobStreams, type JobStreamsOptions } from "./job_streams.ts";
import { StreamSlots } from "./stream_slots.ts";
import type { RequestHandler } from "./request_pipeline.ts";
import { PendingGets } from "./pending_gets.ts";
import { PutVerb } from "./put_verb.ts";
import { ReadVerb, type ReadVerbOptions } from "./read_verb.ts";
import { listTopics, shutDownServer } from "./server_verbs.ts";
import { toWireError } from "../queue/store_failure.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Only the peer itself would notice the result of these: once it is gone they are skipped. */
const PEER_ONLY: ReadonlySet<WireRequest["action"]> = new Set([
  "get",
  "get_latest",
  "get_wait",
  "cancel",
  "subscribe",
  "credit",
  "unsubscribe",
  "heartbeat",
  "topics",
  "connections",
  "backup",
  "work",
  "groups",
  "dead",
]);

/** The connection of a dispatcher. */
export interface DispatchConnection extends HelloConnection, AdminConnection {
  /** The peer is gone, and its accepted requests are being finished. */
  readonly peerGone: boolean;
  permissions: Permissions | undefined;
  readonly closed: boolean;
  /** Waits for a slow peer, and lets others have their turn. */
  pause(): Promise<void> | undefined;
}

/** What a dispatcher needs to know about its connection. */
export interface DispatcherOptions extends Pick<ReadVerbOptions, "peer" | "replies" | "budgets"> {
  /** The last sequence number before the connection was accepted. */
  readonly start: number;
  /** How the connection can get a slot, if it has none. */
  readonly slotTakeover: SlotTakeover | undefined;
}

/** Handles the requests of one connection. */
export class Dispatcher implements RequestHandler {
  readonly hello: HelloVerb;
  readonly #context: ServerContext;
  readonly #connection: DispatchConnection;
  readonly #options: ReadVerbOptions & JobStreamsOptions;
  readonly #streamSlots: StreamSlots;
  readonly #putVerb: PutVerb;
  readonly #cursors: Cursors;
  readonly #readVerb: ReadVerb;
  /** Created when they are needed: most connections are idle. */
  #openPendingGets: PendingGets | undefined;
  #openSubscriptions: Subscriptions | undefined;
  #openJobStreams: JobStreams | undefined;

  /**
   * Starts without requests.
   *
   * @param context what all connections share
   * @param connection the connection
   * @param options the rest
   */
  constructor(
    context: ServerContext,
    connection: DispatchConnection,
    { peer, replies, budgets, start, slotTakeover }: DispatcherOptions,
  ) {
    this.#context = context;
    this.#connection = connection;
    const options = this.#options = {
      ...{ peer, replies, budgets },
      refusal: (topic: string) => readRefusal(connection.permissions, topic),
      streamRefusal: (filter: TopicFilter) => streamRefusal(connection.permissions, filter),
      mayRead: (topic: string) => connection.permissions?.mayRead(topic) ?? false,
      workRefusal: (filter: TopicFilter) => workRefusal(connection.permissions, filter),
    };
    const putVerb = this.#putVerb = new PutVerb(context, replies, budgets, connection, peer.turn);
    const startPosition = { after: start, gap: undefined, asOf: Infinity };
    const { limits } = context.welcome;
    this.#streamSlots = new StreamSlots(budgets, limits.subscriptions);
    const cursors = this.#cursors = new Cursors(context.queue, limits, startPosition, options);
    this.#readVerb = new ReadVerb(context, cursors, options);
    this.hello = new HelloVerb(context, connection, { putVerb, cursors, replies }, slotTakeover);
  }

  /**
   * Handles a run of requests of one kind, and replies in order. Requests that are not permitted are refused in their
   * places. If it throws, it has replied to none.
   */
  dispatch(run: readonly WireRequest[]): Promise<void> | void {
    const { permissions, peerGone } = this.#connection;
    if (peerGone && PEER_ONLY.has(run[0]!.action)) return;
    // Once for a run: connections with full permissions pay nothing for the others.
    return permissions?.full && !this.hello.lacksSlot
      ? this.#dispatchRun(run)
      : this.#dispatchChecked(run);
  }

  /** Handling a run threw: replies to all of it with that error. */
  failAll(run: readonly WireRequest[], error: unknown): void {
    const failure = toWireError(error, this.#context.queue.log);
    for (const request of run) {
      const requestError = request.action === "refused" ? request.error : failure;
      replyError(this.#context, request, requestError, this.#options.replies);
    }
  }

  /** Records refused requests that get no reply. */
  onUnanswered(refused: readonly RefusedRequest[]): void {
    for (const { error } of refused) this.#context.onRefused(error);
  }

  /** How many streams there are. */
  get subscriptions(): number {
    return this.#streamSlots.count;
  }

  /** How many of them bring jobs to a worker. */
  get workers(): number {
    return this.#openJobStreams?.count ?? 0;
  }

  /** Ends waits and streams of topics that may not be read any more. */
  endForbidden(): void {
    if (this.#connection.permissions?.full) return;
    this.#openPendingGets?.endForbidden();
    this.#openSubscriptions?.endForbidden();
    this.#openJobStreams?.endForbidden();
  }

  /**
   * Ends all waits and streams, for good. May be called twice.
   *
   * @param error the reply to those that wait; none if the peer is gone
   * @returns when that is done, if it takes long
   */
  endReads(error: WireError | undefined): Promise<unknown> | void {
    this.#readVerb.end();
    // What is still done may be part of another epoch, in which this connection has no positions.
    if (error?.code === "behind") this.#options.replies.end();
    const ends = [
      this.#openSubscriptions?.close(),
      this.#openJobStreams?.close(),
      this.#openPendingGets?.end(error),
    ].filter((end) => end);
    if (ends.length > 0) return Promise.all(ends);
  }

  async #dispatchChecked(run: readonly WireRequest[]): Promise<void> {
    if (this.hello.lacksSlot && run[0]!.action !== "hello") return this.hello.rejectOverLimit();
    for (const part of authorize(run, this.#connection.permissions)) {
      try {
        await this.#dispatchRun(part);
      } catch (error) {
        // The parts before it have their replies.
        this.failAll(part, error);
      }
    }
  }

  /** Handles a run of requests of one kind. Only `put`s (with refused requests among them) and `get`s come together. */
  #dispatchRun(run: readonly WireRequest[]): Promise<void> | void {
    const request = run[0]!;
    switch (request.action) {
      case "put":
      case "refused":
        return this.#putVerb.put(run as readonly (PutRequest | RefusedRequest)[]);
      case "get":
        if (run.length === 1) return this.#readVerb.get(request);
        return this.#readVerb.getMany(run as readonly GetRequest[], () => this.#connection.pause());
      case "get_latest":
        return this.#readVerb.get(request);
      case "get_wait":
        return this.#pendingGets.getWait(request);
      case "cancel":
        return this.#pendingGets.cancel(request);
      case "subscribe":
        return this.#subscriptions.subscribe(request);
      case "credit":
        return this.#subscriptions.credit(request);
      case "unsubscribe":
        this.#openJobStreams?.unsubscribe(request.sub);
        return this.#subscriptions.unsubscribe(request);
      case "hello":
        return this.hello.hello(request);
      case "heartbeat":
        return reply(request, {}, this.#options.replies);
      case "topics":
        return listTopics(this.#context, this.#connection, request, this.#options);
      case "shutdown":
        return shutDownServer(this.#context, this.#connection, request, this.#options.replies);
      case "connections":
      case "disconnect":
      case "purge":
      case "backup":
        return administer(this.#context, this.#connection, request, this.#options);
      case "close":
        return this.hello.forgetSession(request);
      case "work":
        return this.#jobStreams.work(request);
      case "finish":
        return this.#jobStreams.finish(request);
      case "extend":
        return this.#jobStreams.extend(request);
      case "groups":
      case "dead":
      case "redrive":
      case "create_group":
      case "delete_group":
        return handleGroupRequest(this.#context, this.#connection, request, this.#options);
      default:
        request satisfies never;
    }
  }

  get #pendingGets(): PendingGets {
    return this.#openPendingGets ??= new PendingGets(this.#context, this.#readVerb, this.#options);
  }

  get #subscriptions(): Subscriptions {
    return this.#openSubscriptions ??= new Subscriptions(
      this.#context,
      this.#cursors,
      this.#streamSlots,
      this.#options,
    );
  }

  get #jobStreams(): JobStreams {
    return this.#openJobStreams ??= new JobStreams(
      this.#context,
      this.#streamSlots,
      this.#options,
    );
  }
}
