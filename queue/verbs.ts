/**
 * What a connection asks for, done: each request by its verb, with the cursors, waits, streams and puts that belong to
 * the connection.
 *
 * @module
 */

import { answer } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import type {
  GetRequest,
  PutRequest,
  RefusedRequest,
  Request,
  RequestOf,
} from "../protocol/requests.ts";
import type { Guest } from "./claims.ts";
import { Cursors } from "./cursors.ts";
import { type Greeter, Hello } from "./hello.ts";
import { done, fail, type Host, wireError } from "./host.ts";
import { allowed, noLeave, readableTopics, TOKEN_NEEDED } from "./leave.ts";
import { Puts } from "./puts.ts";
import { Reads, type ReadsOptions } from "./reads.ts";
import { Streams } from "./streams.ts";

/** What asks for these only the peer itself would hear of: once it is gone they are not done. */
const FOR_ITSELF: ReadonlySet<Request["action"]> = new Set([
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
export interface Asker extends Greeter {
  /** The peer is gone, and what it said before is being done. */
  readonly gone: boolean;
  /** Waits for a slow peer, and lets others have their turn. */
  pause(): Promise<void> | undefined;
}

/** What verbs need of their connection. */
export interface VerbsOptions extends Pick<ReadsOptions, "wire" | "replies" | "shares"> {
  /** The last sequence number before it was accepted. */
  readonly start: number;
  /** How it can have a place, if it has none. */
  readonly guest: Guest | undefined;
}

/** Does the requests of one connection. */
export class Verbs {
  readonly #host: Host;
  readonly #asker: Asker;
  readonly #options: ReadsOptions;
  readonly #hello: Hello;
  readonly #puts: Puts;
  readonly #cursors: Cursors;
  readonly #reads: Reads;
  /** There once something was subscribed to: most connections at rest have nothing to stream. */
  #openStreams: Streams | undefined;

  /**
   * Nothing has been asked for.
   *
   * @param host what the connection shares with others
   * @param asker who asks
   * @param options the rest
   */
  constructor(host: Host, asker: Asker, { wire, replies, shares, start, guest }: VerbsOptions) {
    this.#host = host;
    this.#asker = asker;
    const puts = this.#puts = new Puts(host, replies, shares);
    const options = this.#options = {
      ...{ wire, replies, shares },
      refusal: (topic: string) => this.#mayNotRead(topic),
      mayRead: (topic: string) => asker.leave?.mayRead(topic) ?? false,
    };
    const beginning = { after: start, gap: undefined, heard: Infinity };
    const cursors = this.#cursors = new Cursors(host, beginning, options);
    this.#reads = new Reads(host, cursors, options);
    this.#hello = new Hello(host, asker, { puts, cursors, replies }, guest);
  }

  /** The connection has no place, and may do nothing but say hello. */
  get lacksPlace(): boolean {
    return this.#hello.lacksPlace;
  }

  /** There is no place for the connection. */
  turnAway(): void {
    this.#hello.turnAway();
  }

  /** Does a run of requests of one kind, and answers them in order; or throws, and has answered none. */
  act(run: readonly Request[]): Promise<void> | void {
    const { leave, gone } = this.#asker;
    if (gone && FOR_ITSELF.has(run[0]!.action)) return;
    // Once for a run: who may do everything pays nothing for those who may not.
    return leave?.full && !this.lacksPlace ? this.#do(run) : this.#doAllowed(run);
  }

  /** Doing it threw: answers them all with that. */
  refuse(run: readonly Request[], error: unknown): void {
    const failure = wireError(error, this.#host.queue.log);
    for (const request of run) {
      const why = request.action === "refused" ? request.error : failure;
      fail(this.#host, request, why, this.#options.replies);
    }
  }

  /** Ends waits and streams of what may not be read any more. */
  endForbidden(): void {
    if (this.#asker.leave?.full) return;
    this.#reads.endForbidden();
    this.#openStreams?.endForbidden();
  }

  /**
   * Ends all waits and streams, for good; may be called twice.
   *
   * @param error what those who wait are told; nothing, if nobody can hear it
   * @returns when that is done, if it takes long
   */
  endReads(error: WireError | undefined): Promise<unknown> | void {
    const ends = [this.#openStreams?.close(), this.#reads.end(error)].filter((end) => end);
    if (ends.length > 0) return Promise.all(ends);
  }

  /** The connection is over: others may go on with its session. */
  end(): void {
    this.#hello.end();
  }

  /** The same as {@linkcode Verbs.act}, but what may not be done is refused in its place. */
  async #doAllowed(run: readonly Request[]): Promise<void> {
    if (this.lacksPlace && run[0]!.action !== "hello") return this.turnAway();
    for (const part of allowed(run, this.#asker.leave)) {
      try {
        await this.#do(part);
      } catch (error) {
        // Those before it are answered.
        this.refuse(part, error);
      }
    }
  }

  /** Does a run of requests of one kind; only `put`s (with refused ones among them) and `get`s come together. */
  #do(run: readonly Request[]): Promise<void> | void {
    const request = run[0]!;
    switch (request.action) {
      case "put":
      case "refused":
        return this.#puts.put(run as readonly (PutRequest | RefusedRequest)[]);
      case "get":
        if (run.length === 1) return this.#reads.get(request);
        return this.#reads.getMany(run as readonly GetRequest[], () => this.#asker.pause());
      case "get_latest":
        return this.#reads.get(request);
      case "get_wait":
        return this.#reads.getWait(request);
      case "cancel":
        return this.#reads.cancel(request);
      case "subscribe":
        return this.#subscribe(request);
      case "credit":
        return this.#streams.credit(request);
      case "unsubscribe":
        return this.#streams.unsubscribe(request);
      case "hello":
        return this.#hello.say(request);
      case "heartbeat":
        return done(request, {}, this.#options.replies);
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

  get #streams(): Streams {
    return this.#openStreams ??= new Streams(this.#host, this.#cursors, this.#options);
  }

  async #subscribe(request: RequestOf<"subscribe">): Promise<void> {
    const { leave } = this.#asker;
    await this.#streams.subscribe(request);
    // It may have become another while the stream was opened.
    if (this.#asker.leave !== leave) this.endForbidden();
  }

  /** Why a topic may not be read. */
  #mayNotRead(topic: string): WireError | undefined {
    const { leave } = this.#asker;
    if (!leave) return TOKEN_NEEDED;
    return leave.full || leave.mayRead(topic) ? undefined : noLeave("read", topic);
  }

  /** Its client closes for good and will repeat nothing. */
  async #forgetSession(request: RequestOf<"close">): Promise<void> {
    await this.#hello.forgetSession();
    done(request, {}, this.#options.replies);
  }

  async #topics(request: RequestOf<"topics">): Promise<void> {
    const { wire } = this.#options;
    // Where there is no room for the answer, they are listed again once there is.
    for (let needs; (needs = await this.#listTopics(request)) > 0;) await wire.room?.(needs);
  }

  /** Answers with the topics, or returns how much room that needs. */
  async #listTopics(request: RequestOf<"topics">): Promise<number> {
    const { wire, replies } = this.#options;
    const pause = () => this.#asker.pause();
    const { readable } = this.#asker.leave ?? {};
    const topics = await readableTopics(this.#host.queue.store, request, readable, pause);
    // What it may read can have changed meanwhile.
    const listed = topics.filter(({ topic }) => !this.#mayNotRead(topic));
    const text = answer(request.id, { topics: listed, more: topics.length === request.count });
    if (!(wire.hasRoom?.(text.length) ?? true)) return text.length;
    replies.add(text);
    return 0;
  }

  #shutdown(request: RequestOf<"shutdown">): void {
    const { shutdown } = this.#host;
    const { replies } = this.#options;
    if (!shutdown) {
      const message = "Cannot shut down: the server was started without leave for it";
      return fail(this.#host, request, { code: "not_allowed", message }, replies);
    }
    if (!this.#asker.leave?.admin) {
      return fail(this.#host, request, noLeave("shut down"), replies);
    }
    done(request, {}, replies);
    shutdown();
  }
}
