/**
 * The streams of one connection, and the requests for them.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import { IdMap } from "../protocol/name_map.ts";
import type {
  CreditRequest,
  CreditTotals,
  SubscribeRequest,
  TopicFilter,
  WireRequestOf,
} from "../protocol/requests.ts";
import type { Cursors } from "../queue/cursors.ts";
import { reply, replyError, type ServerContext } from "./server_context.ts";
import { readDenied } from "./authorize.ts";
import { locateFromStart, locateStream, type StreamBeginning } from "../queue/positions.ts";
import type { TopicCursor } from "../queue/topic_cursor.ts";
import type { Queue } from "../queue/queue.ts";
import { type ReadVerbOptions, replyGap } from "./read_verb.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { ServerStream, type ServerStreamContext } from "./server_stream.ts";
import { StreamFrames } from "./stream_frames.ts";
import type { StreamSlots } from "./stream_slots.ts";
import { mustWait, type Peer } from "../transports/peer.ts";

/** Where a stream begins, and the cursor that it begins at. */
interface StreamStart extends StreamBeginning {
  readonly topicCursor?: TopicCursor;
}

/** The streams of a connection, by the id of the request that opened them. */
export class Subscriptions implements ServerStreamContext {
  readonly queue: Queue;
  readonly output: StreamFrames;
  readonly peer: Peer;
  readonly replies: ReplyWriter;
  readonly #context: ServerContext;
  readonly #cursors: Cursors;
  readonly #refusalOf: ReadVerbOptions["streamRefusal"];
  readonly #slots: StreamSlots;
  readonly #streams = new IdMap<ServerStream>();
  /** Streams that have to read from the store, the next one first. */
  #behind: ServerStream[] = [];
  #reading = false;
  #closed = false;

  /**
   * Starts without streams.
   *
   * @param context what all connections share
   * @param cursors where streams begin that do not name a position
   * @param slots how many streams there may be
   * @param options the rest of the connection
   */
  constructor(
    context: ServerContext,
    cursors: Cursors,
    slots: StreamSlots,
    options: ReadVerbOptions,
  ) {
    const { peer, replies, streamRefusal } = options;
    this.#context = context;
    this.#cursors = cursors;
    this.#refusalOf = streamRefusal;
    this.#slots = slots;
    this.queue = context.queue;
    this.peer = peer;
    this.replies = replies;
    this.output = new StreamFrames(peer, replies, context.queue.largeBodies);
  }

  /**
   * Opens a stream. If it names no position, it begins at the cursor of the connection; with a prefix, which has no
   * cursor, where the connection starts to read.
   */
  async subscribe(request: SubscribeRequest): Promise<void> {
    const { id: sub, onGap, messages, bytes } = request;
    const filter = filterOf(request);
    const { store } = this.queue;
    const credit = { messages, bytes };
    const refusal = this.#slots.refusal(sub, "subscribe") ??
      this.#creditError("subscribe", credit);
    if (refusal) return replyError(this.#context, request, refusal, this.replies);
    const start = await this.#locate(request, filter);
    if (this.#closed) return;
    if (!start) return replyError(this.#context, request, this.#cursors.limitError(), this.replies);
    const { after: oldest, gap, began, topicCursor } = start;
    const last = gap && onGap === "now" ? (await store.bounds()).last : undefined;
    if (this.#closed) return;
    // Checked only now: the permissions can have changed while the store answered.
    const forbidden = this.#refusalOf(filter);
    if (forbidden) return replyError(this.#context, request, forbidden, this.replies);
    const endsAtGap = gap && onGap === undefined;
    const noSlot = endsAtGap ? undefined : this.#slots.take(sub, "subscribe");
    if (noSlot) return replyError(this.#context, request, noSlot, this.replies);
    if (endsAtGap) {
      // Who subscribes again goes on behind it, as who reads again does.
      topicCursor?.takeGap();
      return replyGap(request, gap, this.replies);
    }
    const after = last ?? oldest;
    // A gap that this stream passes over is still to be told to reads: their position is before it.
    const through = gap ? undefined : topicCursor?.position;
    const stream = new ServerStream(this, { sub, filter, after, began, onGap, credit });
    this.#streams.set(sub, stream);
    reply(request, { sub, start: after, through, began }, this.replies);
    stream.start();
  }

  /**
   * Raises the credit of a stream. For a stream that has ended it changes nothing. If it is refused and has no reply, the
   * stream ends: its client would wait for messages without end.
   */
  credit(request: CreditRequest): void {
    const stream = this.#streams.get(request.sub);
    const refusal = request.refusal ??
      (stream && this.#creditError("credit", stream.remainingWith(request)));
    if (refusal) {
      replyError(this.#context, request, refusal, this.replies);
      if (request.id === undefined) stream?.endWithError(refusal);
      return;
    }
    stream?.grant(request);
    reply(request, {}, this.replies);
  }

  /** Ends a stream, if it has not ended by itself. */
  unsubscribe(request: WireRequestOf<"unsubscribe">): void {
    const stream = this.#streams.get(request.sub);
    stream?.end();
    if (stream) this.onEnded(stream);
    reply(request, {}, this.replies);
  }

  requestRead(stream: ServerStream): void {
    this.#behind.push(stream);
    if (!this.#reading) void this.#readInTurn();
  }

  onEnded({ sub }: ServerStream): void {
    if (this.#streams.delete(sub)) this.#slots.release(sub);
  }

  /** Ends the streams of topics that may not be read any more. */
  endForbidden(): void {
    const forbidden: ServerStream[] = [];
    for (const stream of this.#streams.values()) {
      if (!this.#refusalOf(stream.filter)) continue;
      // None of them sends anything while the others are ended.
      stream.end();
      forbidden.push(stream);
    }
    void this.queue.cleanup.forEach(forbidden, forbidden.length, (stream) => {
      // It may have been unsubscribed meanwhile.
      if (this.#streams.get(stream.sub) !== stream) return;
      stream.endWithError(readDenied(stream.filter));
    });
  }

  /** Ends all, without a frame. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    this.#closed = true;
    this.#behind = [];
    const streams = this.#streams;
    return this.queue.cleanup.forEach(streams.values(), streams.size, (stream) => {
      stream.end();
      streams.delete(stream.sub);
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Lets one stream after another read while the peer has room. If each checked for itself, a thousand of them would find
   * the same room, and fill it a thousand times.
   */
  async #readInTurn(): Promise<void> {
    this.#reading = true;
    // The reply to `subscribe` comes first.
    await undefined;
    while (this.#behind.length > 0) {
      if (mustWait(this.peer)) await this.peer.drained();
      const batch = this.#behind;
      this.#behind = [];
      for (let i = 0; i < batch.length; i++) {
        // Before the first, too: a purge or a lost feed can have thousands of connections read at once.
        const others = this.#yieldTurn();
        if (others) await others;
        await batch[i]!.readMore();
        if (!mustWait(this.peer)) continue;
        this.#behind = [...batch.slice(i + 1), ...this.#behind];
        break;
      }
    }
    this.#reading = false;
  }

  /** Lets others have their turn, if it is time for that. */
  #yieldTurn(): Promise<void> | undefined {
    const { turn } = this.peer;
    return turn?.isOver ? new Promise((resolve) => void turn.next(resolve)) : undefined;
  }

  /** Where a stream begins; `undefined` at the limit of cursors. */
  async #locate(
    { topic, since, cursor }: SubscribeRequest,
    filter: TopicFilter,
  ): Promise<StreamStart | undefined> {
    const { store } = this.queue;
    if (since !== undefined) return await locateStream(this.queue, filter, since);
    if (topic === undefined) {
      const { gap, asOf } = this.#cursors.start;
      const [start] = await locateFromStart(store, this.#cursors.start, [filter]);
      // After a position all is missing that was not gone by its time, also behind what is left before it.
      if (!gap && asOf < Infinity) return { ...start!, began: asOf > 0 ? asOf : undefined };
      // What is gone by now belongs to a gap that is there.
      return { ...await locateStream(this.queue, filter, start!.after), gap: start!.gap };
    }
    const topicCursor = await this.#cursors.cursorFor(topic, cursor);
    if (!topicCursor || this.#closed) return undefined;
    const { gap, position } = topicCursor;
    if (gap) return { after: position, gap, topicCursor };
    return { ...await locateStream(this.queue, filter, position), topicCursor };
  }

  /** Why a stream cannot be granted this much ahead. */
  #creditError(what: string, { messages, bytes }: CreditTotals): WireError | undefined {
    const { creditMessages, creditBytes } = this.#context.welcome.limits;
    if (messages > creditMessages) {
      return limitExceeded(what, creditMessages, `${messages} messages would be granted ahead`);
    }
    if (bytes > creditBytes) {
      return limitExceeded(what, creditBytes, `${bytes} bytes would be granted ahead`);
    }
  }
}

/** What a request asks for, alone: the request is not held as long as its stream. */
function filterOf({ topic, prefix }: TopicFilter): TopicFilter {
  return prefix === undefined ? { topic } : { prefix };
}
