/**
 * The reads of one connection that are answered at once. They move its cursors.
 *
 * @module
 */

import {
  errorReply,
  LEGACY_REPLY_HEAD,
  legacyErrorReply,
  legacyReadReply,
  readReply,
  readReplyHead,
} from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import { largestMessage } from "../protocol/frame_sizes.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { GetRequest, TopicFilter, WireRequest, WireRequestOf } from "../protocol/requests.ts";
import type { TopicMessage } from "../stores/store.ts";
import { hasRoom, mustWait, type Peer } from "../transports/peer.ts";
import type { Cursors, CursorsOptions } from "../queue/cursors.ts";
import { replyError, type ServerContext } from "./server_context.ts";
import type { LargeBodyCache } from "../queue/large_body_cache.ts";
import { ReadBatch, type TopicPage } from "../queue/read_batch.ts";
import type { Gap } from "../queue/positions.ts";
import type { TopicCursor } from "../queue/topic_cursor.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { toWireError } from "../queue/store_failure.ts";

/** At most this many `get`s are answered before it is checked again how much the peer has not read yet. */
const MAX_GETS = 1024;

/** At most this many cursors are created at once. */
const MAX_OPENED = 128;

/** What reads and streams need to know about their connection. */
export interface ReadVerbOptions extends CursorsOptions {
  readonly replies: ReplyWriter;
  /** Why a topic may not be read (any more). Asked before each message. */
  readonly refusal: (topic: string) => WireError | undefined;
  /** The same of a topic, or of all topics that begin with a prefix. */
  readonly streamRefusal: (filter: TopicFilter) => WireError | undefined;
  /** Whether a topic may be read. */
  readonly mayRead: (topic: string) => boolean;
}

/** How far a run of `get`s is answered, and for how many bytes there has to be room before it continues. */
interface BatchProgress {
  next: number;
  roomNeeded: number;
}

/** The reads of a connection. */
export class ReadVerb {
  readonly replies: ReplyWriter;
  readonly largeBodies: LargeBodyCache;
  readonly #context: ServerContext;
  readonly #peer: Peer;
  readonly #refusal: ReadVerbOptions["refusal"];
  readonly #cursors: Cursors;
  #closed = false;

  /**
   * Starts without reads.
   *
   * @param context what all connections share
   * @param cursors the cursors that reads move
   * @param options the rest of the connection
   */
  constructor(
    context: ServerContext,
    cursors: Cursors,
    { peer, replies, refusal }: ReadVerbOptions,
  ) {
    this.#context = context;
    this.#cursors = cursors;
    this.#peer = peer;
    this.replies = replies;
    this.largeBodies = context.queue.largeBodies;
    this.#refusal = refusal;
  }

  /** Replies with the oldest unread message, or the newest, if there is one. */
  async get(request: GetRequest): Promise<void> {
    const { fence } = this.#context.queue;
    if (fence) await fence();
    const cursor = await this.readerFor(request);
    if (!cursor) return;
    if (cursor.hasWaiters) await cursor.serveWaiters();
    // There are still waiters: so there is nothing to read, and the next message is theirs.
    if (cursor.hasWaiters) return this.refuses(request) ? undefined : this.#reply(request, cursor);
    // If there is no room for a message, it is read again once there is.
    for (let roomNeeded; (roomNeeded = await this.#replyNext(request, cursor)) > 0;) {
      await this.#peer.waitForRoom?.(roomNeeded);
    }
  }

  /** Replies with what is there, or returns how much room it needs. Until there is room the message is not held in memory. */
  async #replyNext(request: GetRequest, cursor: TopicCursor): Promise<number> {
    const page = await cursor.peek(request.action === "get_latest");
    // The permissions can have changed while the store was reading.
    if (this.refuses(request)) return 0;
    const roomNeeded = page.messages[0]?.bytes ?? 0;
    if (!hasRoom(this.#peer, roomNeeded)) return roomNeeded;
    this.#reply(request, cursor, cursor.take(page));
    return 0;
  }

  /** Replies to many `get`s, with as few reads of the store as possible. `pause` waits for a slow peer, and lets others have their turn. */
  async getMany(
    run: readonly GetRequest[],
    pause: () => Promise<void> | undefined,
  ): Promise<void> {
    const { queue, welcome: { limits } } = this.#context;
    if (queue.fence) await queue.fence();
    const missing = this.#cursors.missing(run);
    for (let i = 0; i < missing.length && !this.#closed; i += MAX_OPENED) {
      await this.#cursors.open(missing.slice(i, i + MAX_OPENED));
      await pause();
    }
    const cursors = this.#cursorsOf(run);
    const progress: BatchProgress = { next: 0, roomNeeded: 0 };
    while (progress.next < run.length && !this.#closed) {
      try {
        // If there is no room for a message, it is read again once there is.
        if (progress.roomNeeded > 0) await this.#peer.waitForRoom?.(progress.roomNeeded);
        const gets = cursors.slice(progress.next, progress.next + MAX_GETS);
        const batch = await ReadBatch.read(queue, gets, largestMessage(limits));
        this.#replyFrom(progress, run, cursors, batch);
      } catch (error) {
        for (const request of run.slice(progress.next)) {
          replyError(this.#context, request, toWireError(error, queue.log), this.replies);
        }
        return;
      }
      if (progress.next < run.length) await pause();
    }
  }

  /** The cursor of each request; `undefined` beyond the limit of cursors. */
  #cursorsOf(run: readonly GetRequest[]): readonly (TopicCursor | undefined)[] {
    const cursors: (TopicCursor | undefined)[] = [];
    let cursor: TopicCursor | undefined;
    for (const { topic } of run) {
      // Mostly all have the same topic.
      if (cursor?.topic !== topic) cursor = this.#cursors.find(topic);
      cursors.push(cursor);
    }
    return cursors;
  }

  /** Replies to `get`s from an index on, as far as pages and room allow. */
  #replyFrom(
    progress: BatchProgress,
    run: readonly GetRequest[],
    cursors: readonly (TopicCursor | undefined)[],
    batch: ReadBatch,
  ): void {
    let last: TopicCursor | undefined;
    let page: TopicPage | undefined;
    progress.roomNeeded = 0;
    for (let i = progress.next; i < run.length; i++) {
      progress.next = i;
      const request = run[i]!;
      const cursor = cursors[i];
      if (this.refuses(request)) continue;
      if (!cursor) {
        replyError(this.#context, request, this.#cursors.limitError(), this.replies);
        continue;
      }
      if (this.#repliesGap(request, cursor)) continue;
      if (cursor !== last) {
        last = cursor;
        page = batch.of(cursor);
      }
      if (!page?.canServe) return;
      const message = page.next;
      if (message && !hasRoom(this.#peer, message.bytes)) {
        progress.roomNeeded = message.bytes;
        return;
      }
      page.take();
      this.#reply(request, cursor, message);
      if (!mustWait(this.#peer, this.replies.pending)) continue;
      // A message that was read may expire before the peer is ready for it: so it is read again then.
      progress.next = i + 1;
      return;
    }
    progress.next = run.length;
  }

  /** The cursor for a request; `undefined` if the reply was an error or a gap instead. */
  async readerFor(
    request: GetRequest | WireRequestOf<"get_wait">,
  ): Promise<TopicCursor | undefined> {
    const { topic, since } = request;
    const cursor = this.#cursors.find(topic) ?? await this.#cursors.cursorFor(topic, since);
    if (this.refuses(request)) return undefined;
    if (!cursor) {
      return void replyError(this.#context, request, this.#cursors.limitError(), this.replies);
    }
    return this.#repliesGap(request, cursor) ? undefined : cursor;
  }

  /** No more is read. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Ends all reads, for good. */
  end(): void {
    this.#closed = true;
    this.#cursors.clear();
  }

  /** Refuses a read that is not permitted. After the end there is no reply. */
  refuses(request: GetRequest | WireRequestOf<"get_wait">): boolean {
    if (this.#closed) return true;
    const refusal = this.#refusal(request.topic);
    if (refusal) replyError(this.#context, request, refusal, this.replies);
    return refusal !== undefined;
  }

  /** Reports missing messages, once, in place of a read. */
  #repliesGap(request: GetRequest | WireRequestOf<"get_wait">, cursor: TopicCursor): boolean {
    const gap = cursor.takeGap();
    if (gap) replyGap(request, gap, this.replies);
    return gap !== undefined;
  }

  #reply({ id }: GetRequest, cursor: TopicCursor, message?: TopicMessage): void {
    if (message && message.bytes >= REPLY_FRAME_BYTES) return this.#replyLarge(id, cursor, message);
    if (id === undefined) return this.replies.addLegacy(legacyReadReply(message));
    const text = readReply(id, message, cursor.position);
    this.replies.add(text, message && text.length + multibyteExcess(message));
  }

  #replyLarge(id: number | undefined, { position }: TopicCursor, message: TopicMessage): void {
    const { replies, largeBodies } = this;
    if (id === undefined) replies.addLegacyLarge(LEGACY_REPLY_HEAD, message, largeBodies);
    else replies.addLarge(readReplyHead(id, message, position), message, largeBodies);
  }
}

/** How many more bytes than characters a message has. */
function multibyteExcess({ bytes, body, attributes }: TopicMessage): number {
  return bytes - body.length - (attributes === undefined ? 0 : attributes.length);
}

/** Replies to a read with a gap, and from where reading continues. That is no failure of the client. */
export function replyGap({ id }: WireRequest, { error, through }: Gap, replies: ReplyWriter): void {
  if (typeof id === "number") replies.add(errorReply(id, error, through));
  else replies.addLegacy(legacyErrorReply(error));
}
