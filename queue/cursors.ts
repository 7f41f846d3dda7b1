/**
 * The cursors of one connection: how far it has read each topic.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import { NameMap, NameSet } from "../protocol/name_map.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { WireSince } from "../protocol/requests.ts";
import {
  locateFromStart,
  locatePositions,
  type Position,
  type StartPosition,
} from "./positions.ts";
import type { Queue } from "./queue.ts";
import { TopicCursor } from "./topic_cursor.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import type { Peer } from "../transports/peer.ts";

/** At the limit of cursors: how often to check which of them can be forgotten, in milliseconds. */
const FORGET_EVERY = 1000;

/** What cursors need to know about their connection. */
export interface CursorsOptions {
  /** Tells how much the peer has not read yet. */
  readonly peer: Peer;
  /** Its share of what all connections share. */
  readonly budgets: ConnectionBudgets;
}

/** A topic to be read, and from where if that is given. */
interface MissingTopic {
  readonly topic: string;
  readonly since: WireSince | undefined;
}

/** The cursors of a connection, each with its waiters. */
export class Cursors {
  readonly #queue: Queue;
  readonly #limits: Limits;
  readonly #peer: Peer;
  readonly #budgets: ConnectionBudgets;
  #start: StartPosition;
  /** By topic. Created by the first read: most connections are idle. */
  #cursors: NameMap<TopicCursor> | undefined;
  /** Topics whose gap at the start was reported before their cursor was forgotten. They count as cursors. */
  #reportedTopics: NameSet | undefined;
  /** When cursors were last checked for forgetting, and with which floor. */
  #lastForget = { time: -Infinity, floor: -1 };

  /**
   * Starts without cursors.
   *
   * @param queue where messages come from
   * @param limits what the connection is held to
   * @param start where topics start that were not read yet
   * @param options what belongs to this connection
   */
  constructor(
    queue: Queue,
    limits: Limits,
    start: StartPosition,
    { peer, budgets }: CursorsOptions,
  ) {
    this.#queue = queue;
    this.#limits = limits;
    this.#start = start;
    this.#peer = peer;
    this.#budgets = budgets;
  }

  /** Where topics start that were not read yet. */
  get start(): StartPosition {
    return this.#start;
  }

  set start(start: StartPosition) {
    this.#start = start;
    if (this.#reportedTopics) this.#budgets.of("totalCursors").release(this.#reportedTopics.size);
    this.#reportedTopics = undefined;
  }

  /** The cursor of a topic, if it was read. */
  find(topic: string): TopicCursor | undefined {
    return this.#cursors?.get(topic);
  }

  /** The cursor of a topic, created if there is none; `undefined` at the limit. */
  async cursorFor(topic: string, since: WireSince | undefined): Promise<TopicCursor | undefined> {
    const existing = this.#cursors?.get(topic);
    if (existing) return existing;
    await this.open([{ topic, since }]);
    return this.#cursors?.get(topic);
  }

  /** The topics of these reads that have no cursor, each once. */
  missing(run: readonly MissingTopic[]): MissingTopic[] {
    const missing: MissingTopic[] = [];
    let seen: NameSet | undefined;
    let last: string | undefined;
    for (const { topic, since } of run) {
      // Mostly all have the same topic.
      if (topic === last) continue;
      last = topic;
      if (this.#cursors?.has(topic) || seen?.has(topic)) continue;
      (seen ??= new NameSet()).add(topic);
      missing.push({ topic, since });
    }
    return missing;
  }

  /** Creates the cursors of topics that have none, up to the limit. */
  async open(topics: readonly MissingTopic[]): Promise<void> {
    const queue = this.#queue;
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
        const positions = await locatePositions(queue, named);
        named.forEach(({ topic }, i) => openAt(topic, positions[i]!));
      }
      if (unnamed.length === 0) return;
      const positions = await locateFromStart(
        queue.store,
        this.#start,
        unnamed.map((topic) => ({ topic })),
      );
      unnamed.forEach((topic, i) => {
        const reported = this.#reportedTopics?.has(topic);
        openAt(topic, reported ? { after: this.#start.after, gap: undefined } : positions[i]!);
      });
    } finally {
      this.#budgets.of("totalCursors").release(room - (cursors.size - size));
    }
  }

  /** The error of a read beyond the limit of cursors. */
  limitError(): WireError {
    const { cursors } = this.#limits;
    if ((this.#cursors?.size ?? 0) < cursors) {
      return this.#budgets.budgetError("totalCursors", "read topic");
    }
    return limitExceeded("read topic", cursors, `${cursors} topics were read on this connection`);
  }

  /** Drops all cursors. */
  clear(): void {
    this.#cursors?.clear();
  }

  /** Reserves room for this many more cursors, or for as many as there is room for. */
  async #reserve(wanted: number): Promise<number> {
    let room = this.#take(wanted);
    if (room === wanted) return room;
    await this.#forget();
    room += this.#take(wanted - room, room);
    return room;
  }

  #take(wanted: number, taken = 0): number {
    const { cursors } = this.#limits;
    const account = this.#budgets.of("totalCursors");
    const max = Math.min(wanted, cursors - (this.#cursors?.size ?? 0) - taken);
    if (max > 0 && account.take(max)) return max;
    let room = 0;
    while (room < max && account.take()) room++;
    return room;
  }

  /** Forgets cursors that make no difference: after them come the same messages as after the start. */
  async #forget(): Promise<void> {
    const { store, clock } = this.#queue;
    const { floor } = await store.bounds();
    const { time: lastTime, floor: previousFloor } = this.#lastForget;
    const now = clock.now();
    // Checking all takes time. While the floor stays the same, hardly more of them can be forgotten.
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
    // These are limited, too. Beyond the limit gaps at the start may be reported again: rather that than not at all.
    if ((this.#reportedTopics?.size ?? 0) > this.#limits.cursors) this.start = this.#start;
  }
}
