/**
 * Follows a topic, or a prefix: a response that brings each message as it is stored.
 *
 * @module
 */

import {
  ServerStream,
  type ServerStreamContext,
  type StreamOutput,
} from "../connection/server_stream.ts";
import type { WireError } from "../protocol/errors.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { TopicFilter, WirePosition, WireSince } from "../protocol/requests.ts";
import { locateStream } from "../queue/positions.ts";
import type { Queue } from "../queue/queue.ts";
import { toWireError } from "../queue/store_failure.ts";
import type { TopicBatch } from "../queue/topic_batch.ts";
import type { HttpCall } from "./http_call.ts";
import type { HttpReader, HttpReaders } from "./http_readers.ts";
import { HttpProblem } from "./problem.ts";
import { requireReadable } from "./read_messages.ts";
import { ReaderBody } from "./reader_body.ts";
import { encodeText, type StreamFormat } from "./stream_format.ts";

/** Nothing but what the client takes limits a stream. */
const UNLIMITED = { messages: Infinity, bytes: Infinity };

/** A message of at most this many bytes needs no room. */
const SMALL_BYTES = 512;

/** For browsers, and for proxies, which must neither keep a stream nor hold it back. */
const STREAM_HEADERS = { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" };

/**
 * Follows.
 *
 * @param call the request
 * @param filter what it follows
 * @param since from where on
 * @param format the form of the messages
 * @returns the response, whose body ends with the stream
 * @throws {HttpProblem} if the stream cannot begin
 */
export async function followMessages(
  call: HttpCall,
  filter: TopicFilter,
  since: WireSince,
  format: StreamFormat,
): Promise<Response> {
  const { queue } = call.context.shared;
  const { store, log } = queue;
  const start = await locateStream(queue, filter, since).catch((error) => {
    throw new HttpProblem(toWireError(error, log));
  });
  requireReadable(call, filter);
  const { after, gap, began } = start;
  const headers = {
    ...STREAM_HEADERS,
    "content-type": format.contentType,
    "dsmq-position": gap ? askedPosition(since, store.epoch) : `${store.epoch}:${after}`,
  };
  if (call.isHead) return new Response(null, { headers });
  const stream = new FollowedStream(call, filter, format, began);
  stream.begin(after, gap?.error);
  return new Response(stream.body, { headers });
}

/** From where a client wanted to read that has not been told of the gap there yet: its connection may break before it is. */
function askedPosition(since: WireSince, present: string): string {
  const { epoch = present, after } = since as WirePosition;
  return `${epoch}:${after}`;
}

/** One response. */
class FollowedStream implements ServerStreamContext, StreamOutput {
  readonly queue: Queue;
  readonly frameBytes: number = REPLY_FRAME_BYTES;
  closed = false;
  readonly #filter: TopicFilter;
  readonly #format: StreamFormat;
  /** What was gone by this time is no gap, also after another one. */
  readonly #began: number | undefined;
  readonly #epoch: string;
  readonly #readers: HttpReaders;
  readonly #reader: HttpReader;
  readonly #body: ReaderBody;
  #stream: ServerStream | undefined;
  /** The stream has to read from the store. */
  #isBehind = false;
  #isReading = false;
  /** It has sent something since the last heartbeat. */
  #hasSent = true;
  /** After a gap: it goes on behind this number. */
  #through: number | undefined;

  constructor(
    call: HttpCall,
    filter: TopicFilter,
    format: StreamFormat,
    began: number | undefined,
  ) {
    this.#filter = filter;
    this.#format = format;
    this.#began = began;
    this.queue = call.context.shared.queue;
    this.#epoch = this.queue.store.epoch;
    this.#readers = call.readers;
    this.#reader = call.readers.open(call, filter, "totalSubscriptions", {
      onEnd: (error) => this.#end(error),
      sendHeartbeat: () => this.#sendHeartbeat(),
      unreadBytes: () => this.#body.unreadBytes,
    });
    this.#body = new ReaderBody(call, {
      onDrained: () => void this.#readOn(),
      onOver: () => this.#close(),
    });
  }

  /** What the response carries. */
  get body(): ReadableStream<Uint8Array> {
    return this.#body.stream;
  }

  get output(): StreamOutput {
    return this;
  }

  /** Begins after a number, which is behind a gap if there is an error. */
  begin(after: number, gap: WireError | undefined): void {
    const position = `${this.#epoch}:${after}`;
    this.#send(gap ? this.#format.gap(gap, position) : this.#format.begin(position));
    this.#open(after);
  }

  #open(after: number): void {
    this.#stream = new ServerStream(this, {
      sub: 0,
      filter: this.#filter,
      after,
      began: this.#began,
      onGap: undefined,
      credit: UNLIMITED,
    });
    this.#stream.start();
  }

  get isFull(): boolean {
    return this.#body.isFull;
  }

  hasRoom(bytes: number): boolean {
    return bytes <= SMALL_BYTES || this.#body.hasRoom(bytes);
  }

  async waitForRoom(bytes: number): Promise<void> {
    while (!this.closed && !this.hasRoom(bytes)) {
      await this.#readers.roomChecked();
    }
  }

  sendMessages(_sub: number, _previous: number, batch: TopicBatch): void {
    this.#hasSent = true;
    this.#body.send(this.#format.messages(batch, this.#epoch));
  }

  sendError(_sub: number, error: WireError, through: number | undefined): void {
    this.#through = through;
    if (through === undefined) this.#end(error);
    else this.#send(this.#format.gap(error, `${this.#epoch}:${through}`));
  }

  onEnded(): void {
    if (this.closed || this.#through === undefined) return;
    const through = this.#through;
    this.#through = undefined;
    this.#open(through);
  }

  requestRead(): void {
    this.#isBehind = true;
    void this.#readOn();
  }

  /** Reads from the store while the client takes it. */
  async #readOn(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    // Whoever asks for this may have more to do first.
    await undefined;
    while (this.#isBehind && !this.closed && !this.#body.isFull) {
      await this.#readers.yieldTurn();
      if (this.closed) break;
      this.#isBehind = false;
      await this.#stream!.readMore();
    }
    this.#isReading = false;
  }

  #send(text: string): void {
    this.#hasSent = true;
    this.#body.send(encodeText(text));
  }

  #sendHeartbeat(): void {
    if (!this.#hasSent && this.#body.unreadBytes === 0) {
      this.#body.send(encodeText(this.#format.heartbeat));
    }
    this.#hasSent = false;
  }

  #end(error: WireError | undefined): void {
    if (this.closed) return;
    if (error) this.#send(this.#format.end(error));
    this.#close();
    this.#body.finish();
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#stream?.end();
    this.#reader.release();
  }
}
