/**
 * The cursors of one connection: up to where it has read each topic.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import { NameMap, NameSet } from "../protocol/name_map.ts";
import type { GetRequest, WireRequest, WireSince } from "../protocol/requests.ts";
import { replyError, type ServerContext } from "../connection/server_context.ts";
import {
  locateFromStart,
  locatePositions,
  type Position,
  type StartPosition,
} from "./positions.ts";
import { TopicCursor } from "./topic_cursor.ts";
import type { ReplyWriter } from "../connection/reply_writer.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import type { Peer } from "../transports/peer.ts";

/** How often to look which cursors can be forgotten, when there may be no more, in milliseconds. */
const FORGET_EVERY = 1000;

/** A read that names a topic, and may say from where it is read. */
export type TopicReadRequest = WireRequest & { readonly topic: string };

/** What cursors need of their connection. */
export interface CursorsOptions {
  /** Tells how much the peer has yet to read. */
  readonly peer: Peer;
  readonly replies: ReplyWriter;
  /** What it has of what all connections share. */
  readonly budgets: ConnectionBudgets;
}

/** A topic that has no cursor yet, and from where it is read if that is said. */
interface MissingTopic {
  readonly topic: string;
  readonly since: WireSince | undefined;
}

/** The cursors of a connection, each with those who wait on it. */
export class Cursors {
  readonly #context: ServerContext;
  readonly #peer: Peer;
  readonly #replies: ReplyWriter;
  readonly #budgets: ConnectionBudgets;
  #start: StartPosition;
  /** By topic; there once something was read: connections at rest are many. */
  #cursors: NameMap<TopicCursor> | undefined;
  /** Topics whose cursor was forgotten after they had been told what was missing at the start; they count as if it were there. */
  #reportedTopics: NameSet | undefined;
  /** When it was last looked which readers can be forgotten, and with which floor. */
  #lastForget = { time: -Infinity, floor: -1 };

  /**
   * Nothing is read yet.
   *
   * @param context what is shared with other connections
   * @param start where topics start that have not been read
   * @param options what belongs to this connection
   */
  constructor(
    context: ServerContext,
    start: StartPosition,
    { peer, replies, budgets }: CursorsOptions,
  ) {
    this.#context = context;
    this.#start = start;
    this.#peer = peer;
    this.#replies = replies;
    this.#budgets = budgets;
  }

  /** Where topics start that have not been read. */
  get start(): StartPosition {
    return this.#start;
  }

  set start(start: StartPosition) {
    this.#start = start;
    if (this.#reportedTopics) this.#budgets.of("totalCursors").release(this.#reportedTopics.size);
    this.#reportedTopics = undefined;
  }

  /** The reader of a topic, if it was read. */
  find(topic: string): TopicCursor | undefined {
    return this.#cursors?.get(topic);
  }

  /** The reader of a request's topic; or there may be no more, and the request fails. */
  async cursorFor(
    request: TopicReadRequest,
    since: WireSince | undefined,
  ): Promise<TopicCursor | undefined> {
    const { topic } = request;
    const existing = this.#cursors?.get(topic);
    if (existing) return existing;
    await this.open([{ topic, since }]);
    const cursor = this.#cursors?.get(topic);
    if (!cursor) replyError(this.#context, request, this.limitError(), this.#replies);
    return cursor;
  }

  /** The topics of these reads that have no reader, each once. */
  missing(run: readonly GetRequest[]): MissingTopic[] {
    const missing: MissingTopic[] = [];
    let seen: NameSet | undefined;
    let last: string | undefined;
    for (const { topic, since } of run) {
      // Mostly all are of one topic.
      if (topic === last) continue;
      last = topic;
      if (this.#cursors?.has(topic) || seen?.has(topic)) continue;
      (seen ??= new NameSet()).add(topic);
      missing.push({ topic, since });
    }
    return missing;
  }

  /** Makes the readers of topics that have none, as far as there is room. */
  async open(topics: readonly MissingTopic[]): Promise<void> {
    const { queue } = this.#context;
    const room = await this.#reserve(topics.length);
    const cursors = this.#cursors ??= new NameMap();
    const { size } = cursors;
    const named: { topic: string; since: WireSince }[] = [];
    const unnamed: string[] = [];
    for (const { topic, since } of topics.slice(0, room)) {
      if (since === undefined) unnamed.push(topic);
      else named.push({ topic, since });
    }
    const openAt = (topic: string, position: Position) =>
      cursors.set(topic, new TopicCursor(queue, this.#peer, topic, position));
    try {
      if (named.length > 0) {
        const positions = await locatePositions(queue.store, named);
        named.forEach(({ topic }, i) => openAt(topic, positions[i]!));
      }
      if (unnamed.length === 0) return;
      const positions = await locateFromStart(queue.store, this.#start, unnamed);
      unnamed.forEach((topic, i) => {
        const reported = this.#reportedTopics?.has(topic);
        openAt(topic, reported ? { after: this.#start.after, gap: undefined } : positions[i]!);
      });
    } finally {
      this.#budgets.of("totalCursors").release(room - (cursors.size - size));
    }
  }

  /** Why there may be no more readers. */
  limitError(): WireError {
    const { cursors } = this.#context.welcome.limits;
    if ((this.#cursors?.size ?? 0) < cursors) {
      return this.#budgets.budgetError("totalCursors", "read topic");
    }
    return limitExceeded("read topic", cursors, `${cursors} topics were read on this connection`);
  }

  /** Nothing more is read, and nobody waits. */
  clear(): void {
    this.#cursors?.clear();
  }

  /** Takes room for so many more cursors, or for as many as there is. */
  async #reserve(wanted: number): Promise<number> {
    let room = this.#take(wanted);
    if (room === wanted) return room;
    await this.#forget();
    room += this.#take(wanted - room, room);
    return room;
  }

  #take(wanted: number, taken = 0): number {
    const { cursors } = this.#context.welcome.limits;
    const account = this.#budgets.of("totalCursors");
    const max = Math.min(wanted, cursors - (this.#cursors?.size ?? 0) - taken);
    if (max > 0 && account.take(max)) return max;
    let room = 0;
    while (room < max && account.take()) room++;
    return room;
  }

  /** Forgets cursors that nobody would miss: what comes after them is what comes after the start. */
  async #forget(): Promise<void> {
    const { queue: { store, clock }, welcome: { limits } } = this.#context;
    const { floor } = await store.bounds();
    const { time: lastTime, floor: previousFloor } = this.#lastForget;
    const now = clock.now();
    // To look through them all takes time: without another floor seldom more can be forgotten.
    if (
      this.#start.after > floor ||
      (floor === previousFloor && Math.abs(now - lastTime) < FORGET_EVERY)
    ) {
      return;
    }
    this.#lastForget = { time: now, floor };
    const reportsGap = this.#start.gap !== undefined || this.#start.asOf < Infinity;
    for (const [topic, cursor] of this.#cursors ?? []) {
      if (!cursor.isRedundant(floor)) continue;
      this.#cursors!.delete(topic);
      if (!reportsGap) this.#budgets.of("totalCursors").release();
      else (this.#reportedTopics ??= new NameSet()).add(topic);
    }
    // There is a limit to that, too: from then on nobody is told what was missing at the start.
    if ((this.#reportedTopics?.size ?? 0) > limits.cursors) {
      this.start = { after: this.#start.after, gap: undefined, asOf: Infinity };
    }
  }
}
