/**
 * What a connection asks for, done: each request by its verb, with the cursors, waits, streams and puts that belong to
 * the connection.
 *
 * @module
 */

import { successReply } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import type {
  GetRequest,
  PutRequest,
  RefusedRequest,
  WireRequest,
  WireRequestOf,
} from "../protocol/requests.ts";
import type { SlotTakeover } from "./session_owners.ts";
import { Cursors } from "../queue/cursors.ts";
import { type HelloConnection, HelloVerb } from "./hello_verb.ts";
import { reply, replyError, type ServerContext, toWireError } from "./server_context.ts";
import { authorize, listReadableTopics, permissionDenied, TOKEN_NEEDED } from "./authorize.ts";
import { PutVerb } from "./put_verb.ts";
import { ReadVerb, type ReadVerbOptions } from "./read_verb.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What asks for these only the peer itself would hear of: once it is gone they are not done. */
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
]);

/** Who asks. */
export interface DispatchConnection extends HelloConnection {
  /** The peer is gone, and what it said before is being done. */
  readonly peerGone: boolean;
  /** Waits for a slow peer, and lets others have their turn. */
  pause(): Promise<void> | undefined;
}

/** What verbs need of their connection. */
export interface DispatcherOptions extends Pick<ReadVerbOptions, "peer" | "replies" | "budgets"> {
  /** The last sequence number before it was accepted. */
  readonly start: number;
  /** How it can have a place, if it has none. */
  readonly slotTakeover: SlotTakeover | undefined;
}

/** Does the requests of one connection. */
export class Dispatcher {
  readonly #context: ServerContext;
  readonly #connection: DispatchConnection;
  readonly #options: ReadVerbOptions;
  readonly #helloVerb: HelloVerb;
  readonly #putVerb: PutVerb;
  readonly #cursors: Cursors;
  readonly #readVerb: ReadVerb;
  /** There once something was subscribed to: most connections at rest have nothing to stream. */
  #openSubscriptions: Subscriptions | undefined;

  /**
   * Nothing has been asked for.
   *
   * @param context what the connection shares with others
   * @param connection who asks
   * @param options the rest
   */
  constructor(
    context: ServerContext,
    connection: DispatchConnection,
    { peer, replies, budgets, start, slotTakeover }: DispatcherOptions,
  ) {
    this.#context = context;
    this.#connection = connection;
    const putVerb = this.#putVerb = new PutVerb(context, replies, budgets);
    const options = this.#options = {
      ...{ peer, replies, budgets },
      refusal: (topic: string) => this.#readRefusal(topic),
      mayRead: (topic: string) => connection.permissions?.mayRead(topic) ?? false,
    };
    const startPosition = { after: start, gap: undefined, asOf: Infinity };
    const cursors = this.#cursors = new Cursors(context, startPosition, options);
    this.#readVerb = new ReadVerb(context, cursors, options);
    this.#helloVerb = new HelloVerb(
      context,
      connection,
      { putVerb, cursors, replies },
      slotTakeover,
    );
  }

  /** The connection has no place, and may do nothing but say hello. */
  get lacksSlot(): boolean {
    return this.#helloVerb.lacksSlot;
  }

  /** There is no place for the connection. */
  rejectOverLimit(): void {
    this.#helloVerb.rejectOverLimit();
  }

  /** Does a run of requests of one kind, and answers them in order; or throws, and has answered none. */
  dispatch(run: readonly WireRequest[]): Promise<void> | void {
    const { permissions, peerGone } = this.#connection;
    if (peerGone && PEER_ONLY.has(run[0]!.action)) return;
    // Once for a run: who may do everything pays nothing for those who may not.
    return permissions?.full && !this.lacksSlot
      ? this.#dispatchRun(run)
      : this.#dispatchChecked(run);
  }

  /** Doing it threw: answers them all with that. */
  failAll(run: readonly WireRequest[], error: unknown): void {
    const failure = toWireError(error, this.#context.queue.log);
    for (const request of run) {
      const requestError = request.action === "refused" ? request.error : failure;
      replyError(this.#context, request, requestError, this.#options.replies);
    }
  }

  /** Ends waits and streams of what may not be read any more. */
  endForbidden(): void {
    if (this.#connection.permissions?.full) return;
    this.#readVerb.endForbidden();
    this.#openSubscriptions?.endForbidden();
  }

  /**
   * Ends all waits and streams, for good; may be called twice.
   *
   * @param error what those who wait are told; nothing, if nobody can hear it
   * @returns when that is done, if it takes long
   */
  endReads(error: WireError | undefined): Promise<unknown> | void {
    const ends = [this.#openSubscriptions?.close(), this.#readVerb.end(error)].filter((end) => end);
    if (ends.length > 0) return Promise.all(ends);
  }

  /** The connection is over: others may go on with its session. */
  end(): void {
    this.#helloVerb.end();
  }

  /** The same as {@linkcode Dispatcher.dispatch}, but what may not be done is refused in its place. */
  async #dispatchChecked(run: readonly WireRequest[]): Promise<void> {
    if (this.lacksSlot && run[0]!.action !== "hello") return this.rejectOverLimit();
    for (const part of authorize(run, this.#connection.permissions)) {
      try {
        await this.#dispatchRun(part);
      } catch (error) {
        // Those before it are answered.
        this.failAll(part, error);
      }
    }
  }

  /** Does a run of requests of one kind; only `put`s (with refused ones among them) and `get`s come together. */
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
        return this.#readVerb.getWait(request);
      case "cancel":
        return this.#readVerb.cancel(request);
      case "subscribe":
        return this.#subscribe(request);
      case "credit":
        return this.#subscriptions.credit(request);
      case "unsubscribe":
        return this.#subscriptions.unsubscribe(request);
      case "hello":
        return this.#helloVerb.hello(request);
      case "heartbeat":
        return reply(request, {}, this.#options.replies);
      case "topics":
        return this.#topics(request);
      case "shutdown":
        return this.#shutdown(request);
      case "close":
        return this.#forgetSession(request);
      default:
        request satisfies never;
    }
  }

  get #subscriptions(): Subscriptions {
    return this.#openSubscriptions ??= new Subscriptions(
      this.#context,
      this.#cursors,
      this.#options,
    );
  }

  async #subscribe(request: WireRequestOf<"subscribe">): Promise<void> {
    const { permissions } = this.#connection;
    await this.#subscriptions.subscribe(request);
    // It may have become another while the stream was opened.
    if (this.#connection.permissions !== permissions) this.endForbidden();
  }

  /** Why a topic may not be read. */
  #readRefusal(topic: string): WireError | undefined {
    const { permissions } = this.#connection;
    if (!permissions) return TOKEN_NEEDED;
    return permissions.full || permissions.mayRead(topic)
      ? undefined
      : permissionDenied("read", topic);
  }

  /** Its client closes for good and will repeat nothing. */
  async #forgetSession(request: WireRequestOf<"close">): Promise<void> {
    await this.#helloVerb.forgetSession();
    reply(request, {}, this.#options.replies);
  }

  async #topics(request: WireRequestOf<"topics">): Promise<void> {
    const { peer } = this.#options;
    // Where there is no room for the answer, they are listed again once there is.
    for (let roomNeeded; (roomNeeded = await this.#listTopics(request)) > 0;) {
      await peer.waitForRoom?.(roomNeeded);
    }
  }

  /** Answers with the topics, or returns how much room that needs. */
  async #listTopics(request: WireRequestOf<"topics">): Promise<number> {
    const { peer, replies } = this.#options;
    const pause = () => this.#connection.pause();
    const { readable } = this.#connection.permissions ?? {};
    const topics = await listReadableTopics(this.#context.queue.store, request, readable, pause);
    // What it may read can have changed meanwhile.
    const listed = topics.filter(({ topic }) => !this.#readRefusal(topic));
    const text = successReply(request.id, {
      topics: listed,
      more: topics.length === request.count,
    });
    if (!(peer.hasRoom?.(text.length) ?? true)) return text.length;
    replies.add(text);
    return 0;
  }

  #shutdown(request: WireRequestOf<"shutdown">): void {
    const { shutdown } = this.#context;
    const { replies } = this.#options;
    if (!shutdown) {
      const message = "Cannot shut down: the server was started without leave for it";
      return replyError(this.#context, request, { code: "permission_denied", message }, replies);
    }
    if (!this.#connection.permissions?.admin) {
      return replyError(this.#context, request, permissionDenied("shut down"), replies);
    }
    reply(request, {}, replies);
    shutdown();
  }
}
