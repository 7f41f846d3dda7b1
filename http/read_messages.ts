/**
 * Reads from the store for one request: from where it says, and if it wants so, once there is something. It does not poll.
 *
 * @module
 */

import { readRefusal, streamRefusal } from "../connection/authorize.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicFilter, WireSince } from "../protocol/requests.ts";
import { type Gap, leftBeforeGap, locateStream, trimmedGap } from "../queue/positions.ts";
import { toWireError } from "../queue/store_failure.ts";
import type { Queue } from "../queue/queue.ts";
import type { HeapTimer } from "../queue/timer_heap.ts";
import type { TopicListener } from "../queue/topic_batch.ts";
import type { MessagePage } from "../stores/store.ts";
import type { HttpCall } from "./http_call.ts";
import type { HttpReader } from "./http_readers.ts";
import { HttpProblem } from "./problem.ts";

/** What a request reads. */
export interface ReadRequest {
  readonly filter: TopicFilter;
  readonly since: WireSince;
  /** At most this many messages, and bytes; but one message, however large. */
  readonly count: number;
  readonly bytes: number;
  /** How long it waits for the first message, in milliseconds. */
  readonly wait: number;
}

/** What there is to read. */
export type FoundPage = Pick<MessagePage, "messages" | "through">;

/**
 * Refuses what the client may not read.
 *
 * @throws {HttpProblem} `permission_denied`
 */
export function requireReadable(call: HttpCall, filter: TopicFilter): void {
  const refusal = filter.prefix === undefined
    ? readRefusal(call.permissions, filter.topic)
    : streamRefusal(call.permissions, filter);
  if (refusal) throw new HttpProblem(refusal);
}

/**
 * Reads the next messages.
 *
 * @param call the request
 * @param read what it reads
 * @returns the messages, perhaps none, and the number up to which there are no others
 * @throws {HttpProblem} 410 if messages are missing before the next one, with the position from which to go on
 */
export async function readMessages(call: HttpCall, read: ReadRequest): Promise<FoundPage> {
  const { context: { shared: { queue } } } = call;
  try {
    if (queue.fence) await queue.fence();
    const { after, gap, began } = await locateStream(queue, read.filter, read.since);
    if (gap) throw gapProblem(call, gap);
    let found = await readFrom(call, read, after, began);
    if (found.messages.length === 0 && read.wait > 0) {
      found = await waitAndRead(call, read, found.through, began);
    }
    // Not what the client may not read any more.
    requireReadable(call, read.filter);
    return found;
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(toWireError(error, queue.log));
  }
}

/** Reads what is there. */
async function readFrom(
  call: HttpCall,
  { filter, count, bytes }: ReadRequest,
  from: number,
  asOf: number | undefined,
): Promise<FoundPage> {
  const { readers, context: { shared: { queue: { store } } } } = call;
  for (let after = from;;) {
    const [page] = await store.read([{ ...filter, after, count, bytes, gone: true, asOf }]);
    const left = leftBeforeGap(page!, after, filter.prefix !== undefined);
    if (!left) {
      throw gapProblem(call, trimmedGap(after, page!.gone!.seq, await store.bounds()));
    }
    if (left.messages.length > 0 || !left.more) {
      return { messages: left.messages, through: Math.max(after, left.through) };
    }
    after = left.through;
    await readers.yieldTurn();
  }
}

/** The same once there is something, or the time is over. */
async function waitAndRead(
  call: HttpCall,
  read: ReadRequest,
  after: number,
  asOf: number | undefined,
): Promise<FoundPage> {
  const { readers, context: { shared: { queue } } } = call;
  using wait = new MessageWait(queue, read.filter, read.wait);
  let ended: { readonly error: WireError | undefined } | undefined;
  const onEnd = (error: WireError | undefined) => {
    ended = { error };
    wait.end();
  };
  const reader: HttpReader = readers.open(call, read.filter, "totalWaits", { onEnd });
  const stopWatching = call.onLeft(() => reader.end(undefined));
  try {
    for (let through = after;;) {
      const found = await readFrom(call, read, through, asOf);
      if (found.messages.length > 0) return found;
      through = found.through;
      if (await wait.next()) continue;
      // Its time is over; or its client has left, which is no error, and nobody gets this.
      if (!ended?.error) return { messages: [], through };
      throw new HttpProblem(ended.error);
    }
  } finally {
    stopWatching();
    reader.release();
  }
}

/** Messages are missing: what is known of them, and from where to go on. */
export function gapProblem(
  { context: { shared: { queue: { store } } } }: Pick<HttpCall, "context">,
  { error, through }: Gap,
): HttpProblem {
  const position = `${store.epoch}:${through}`;
  return new HttpProblem(error, {
    headers: { "dsmq-position": position },
    members: { position },
  });
}

/** Listens to a topic, or a prefix, from its creation on, until it is disposed of. */
class MessageWait implements TopicListener, HeapTimer, Disposable {
  due = 0;
  index = -1;
  readonly #queue: Queue;
  readonly #filter: TopicFilter;
  /** Something has come since the last call. */
  #isNew = false;
  #isOver = false;
  #wake: () => void = () => {};

  /**
   * Starts to listen. What is read from the store after that and what wakes this has no gap between.
   *
   * @param queue the queue
   * @param filter what is waited for
   * @param ms for how long, in milliseconds
   */
  constructor(queue: Queue, filter: TopicFilter, ms: number) {
    this.#queue = queue;
    this.#filter = filter;
    queue.readers.add(filter);
    queue.listen(filter, this);
    queue.timers.add(this, ms);
  }

  /**
   * Waits until something may be there that was not before the last call.
   *
   * @returns `false` if the time is over, or the wait was ended
   */
  async next(): Promise<boolean> {
    if (!this.#isNew && !this.#isOver) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    this.#isNew = false;
    return !this.#isOver;
  }

  onMessages(): void {
    this.#isNew = true;
    this.#wake();
  }

  resync(): void {
    this.onMessages();
  }

  onTimeout(): void {
    this.end();
  }

  /** Ends the wait. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.#queue.readers.remove(this.#filter);
    this.#queue.stopListening(this.#filter, this);
    if (this.index >= 0) this.#queue.timers.remove(this);
  }
}
