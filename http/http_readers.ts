/**
 * Requests that last: those that wait for a message, and those that follow a topic. They are connections like any other: an
 * administrator sees them, a token that expires ends them, and so does the end of the server.
 *
 * @module
 */

import type { Permissions } from "../auth/permissions.ts";
import { TOKEN_EXPIRED } from "../auth/permissions.ts";
import { afterNetworkPoll } from "../budgets/after_network_poll.ts";
import { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { revocation, streamRefusal } from "../connection/authorize.ts";
import type { ListedConnection } from "../connection/connection_directory.ts";
import type { WireError } from "../protocol/errors.ts";
import type { SharedLimit } from "../protocol/limits.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { SlowPeerMonitor } from "../transports/slow_peer_monitor.ts";
import { SLOW_READER_TIMEOUT } from "../protocol/limits.ts";
import type { HttpContext } from "./http_context.ts";
import { HttpProblem } from "./problem.ts";

/** How often a stream that has nothing else to send shows that it is there, in milliseconds: proxies cut idle ones. */
const HEARTBEAT_INTERVAL = 10_000;

/** How long readers of the store keep others waiting at a time, in milliseconds. */
const SLICE_MS = 4;

/** How long to wait before it is checked again whether there is room, in milliseconds. */
const ROOM_CHECK = 20;

const DISCONNECTED: WireError = {
  code: "shutting_down",
  message: "Cannot go on: an administrator has disconnected it",
};

/** Whose a reader is. */
export interface ReaderOwner {
  /** The address of the client. */
  readonly from: string;
  /** To whom what it holds is charged. */
  readonly holder: string;
  readonly permissions: Permissions;
}

/** What a reader does. */
export interface ReaderEvents {
  /** It has to end, with this error; without one its client is gone. Called once at most. */
  onEnd(error: WireError | undefined): void;
  /** It shows that it is there. */
  sendHeartbeat?(): void;
  /** How many bytes were sent to it and not read yet. */
  unreadBytes?(): number;
  /** Why its client may not go on with what it may do now. Default: if it may not read that. */
  refusal?(permissions: Permissions): WireError | undefined;
}

/** A request that lasts. */
export class HttpReader implements ListedConnection {
  readonly address: string;
  readonly filter: TopicFilter;
  readonly budgets: ConnectionBudgets;
  readonly isStream: boolean;
  permissions: Permissions;
  closed = false;
  readonly #context: HttpContext;
  readonly #readers: HttpReaders;
  readonly #events: ReaderEvents;
  #unwatchExpiry: () => void = () => {};

  /** {@linkcode HttpReaders.open} makes it. */
  constructor(
    context: HttpContext,
    readers: HttpReaders,
    { from, holder, permissions }: ReaderOwner,
    filter: TopicFilter,
    isStream: boolean,
    events: ReaderEvents,
  ) {
    this.#context = context;
    this.#readers = readers;
    this.#events = events;
    this.address = from;
    this.filter = filter;
    this.isStream = isStream;
    this.permissions = permissions;
    this.budgets = new ConnectionBudgets(context.shared.budgets, holder);
    this.#watchExpiry();
  }

  describe(): ReturnType<ListedConnection["describe"]> {
    return {
      kind: this.isStream ? "http_stream" : "http_wait",
      address: this.address,
      identity: this.permissions.identity,
      permissions: this.permissions.names,
      subscriptions: this.isStream ? 1 : 0,
      workers: 0,
      ...this.budgets.usage,
      unreadBytes: this.#events.unreadBytes?.() ?? 0,
    };
  }

  disconnect(): void {
    this.#context.shared.onClosed("an administrator has disconnected it", this.address);
    this.end(DISCONNECTED);
  }

  /** Its client may do something else from now on, or nothing. */
  changePermissions(permissions: Permissions | undefined): void {
    if (permissions === this.permissions) return;
    if (!permissions) {
      const { error, logged } = revocation(this.permissions.identity);
      this.#context.shared.onClosed(logged, this.address);
      return this.end(error);
    }
    this.permissions = permissions;
    this.#watchExpiry();
    const forbidden = this.#events.refusal
      ? this.#events.refusal(permissions)
      : streamRefusal(permissions, this.filter);
    if (forbidden) this.end(forbidden);
  }

  /** Ends it; may be called twice. */
  end(error: WireError | undefined): void {
    if (this.closed) return;
    this.release();
    this.#events.onEnd(error);
  }

  /** It has ended by itself; may be called twice. */
  release(): void {
    if (this.closed) return;
    this.closed = true;
    this.#unwatchExpiry();
    this.budgets.close();
    this.#readers.delete(this);
  }

  sendHeartbeat(): void {
    this.#events.sendHeartbeat?.();
  }

  #watchExpiry(): void {
    this.#unwatchExpiry();
    this.#unwatchExpiry = this.#context.shared.tokenExpiry.watch(this.permissions.expires, () => {
      this.#context.shared.onClosed("its token has expired", this.address);
      this.end(TOKEN_EXPIRED);
    });
  }
}

/** What its client may leave half done. */
export interface Unfinished {
  /** Ends it: the server stops, and has waited long enough. */
  abandon(): void;
}

/** All of a server. */
export class HttpReaders {
  readonly slowReaders: SlowPeerMonitor;
  /** Bodies that clients have not sent or not read to their end. */
  readonly unfinished = new Set<Unfinished>();
  readonly #context: HttpContext;
  readonly #open = new Set<HttpReader>();
  #streams = 0;
  #roomCheck: Promise<void> | undefined;
  /** When the network was polled for readers last; and while it is about to be, until then. */
  #polledAt = -Infinity;
  #polling: Promise<void> | undefined;
  #endedWith: WireError | undefined;
  #cancelHeartbeats: () => void = () => {};

  /** Starts without readers. */
  constructor(context: HttpContext) {
    this.#context = context;
    const { clock } = context.shared.queue;
    this.slowReaders = new SlowPeerMonitor({
      slowReaderTimeout: SLOW_READER_TIMEOUT,
      after: clock.after.bind(clock),
    });
  }

  /** How many follow a topic, and how many wait for a message. */
  get counts(): { readonly streams: number; readonly waits: number } {
    return { streams: this.#streams, waits: this.#open.size - this.#streams };
  }

  /**
   * Adds one.
   *
   * @param owner whose it is
   * @param filter what it reads
   * @param limit what it takes one of: the limit of waits, or of streams
   * @param events what it does
   * @throws {HttpProblem} `limit_exceeded`, if there are too many; `shutting_down`; `behind`
   */
  open(
    owner: ReaderOwner,
    filter: TopicFilter,
    limit: Extract<SharedLimit, "totalWaits" | "totalSubscriptions">,
    events: ReaderEvents,
  ): HttpReader {
    const isStream = limit === "totalSubscriptions";
    const ended = this.#endedWith ?? this.#context.behind;
    if (ended) throw new HttpProblem(ended);
    const reader = new HttpReader(this.#context, this, owner, filter, isStream, events);
    if (!reader.budgets.of(limit).take()) {
      const error = reader.budgets.budgetError(limit, isStream ? "follow" : "wait");
      reader.release();
      throw new HttpProblem(error);
    }
    this.#open.add(reader);
    this.#context.shared.directory.add(reader);
    if (isStream && this.#streams++ === 0) this.#scheduleHeartbeats();
    return reader;
  }

  /** Resolves when those who wait for room may look again whether there is some: one timer is for all of them. */
  roomChecked(): Promise<void> {
    return this.#roomCheck ??= new Promise((resolve) => {
      this.#context.shared.queue.clock.after(ROOM_CHECK, () => {
        this.#roomCheck = undefined;
        resolve();
      });
    });
  }

  /**
   * Lets others have their turn, if it is time for that. A reader passes over page after page of other topics, and a lost feed
   * has thousands of them read at once.
   */
  async yieldTurn(): Promise<void> {
    // Of those that have waited together, the first ones may use up the time.
    while (this.#polling || performance.now() - this.#polledAt >= SLICE_MS) {
      await (this.#polling ??= this.#pollNetwork());
    }
  }

  async #pollNetwork(): Promise<void> {
    await new Promise<void>((resolve) => afterNetworkPoll(resolve));
    this.#polledAt = performance.now();
    this.#polling = undefined;
  }

  /** One has ended. */
  delete(reader: HttpReader): void {
    if (!this.#open.delete(reader)) return;
    this.#context.shared.directory.delete(reader);
    if (reader.isStream && --this.#streams === 0) this.#cancelHeartbeats();
  }

  /** Applies a changed `auth`. Returns when that is done, if it takes long. */
  authChanged(): Promise<void> | void {
    const { access, shared: { queue } } = this.#context;
    return queue.urgentTasks.forEach([...this.#open], this.#open.size, (reader) => {
      if (!reader.closed) reader.changePermissions(access.currentPermissions(reader.permissions));
    });
  }

  /** Ends all, and those that would come. */
  stop(error: WireError): void {
    this.#endedWith = error;
    this.endAll(error);
    this.slowReaders.stop();
  }

  /** Ends all that there are. */
  endAll(error: WireError): void {
    for (const reader of [...this.#open]) reader.end(error);
  }

  /** Ends what clients have still not sent or read. */
  abandonRest(): void {
    for (const one of [...this.unfinished]) one.abandon();
  }

  #scheduleHeartbeats(): void {
    const { clock, urgentTasks } = this.#context.shared.queue;
    this.#cancelHeartbeats = clock.after(HEARTBEAT_INTERVAL, () => {
      void urgentTasks.forEach([...this.#open], this.#open.size, (reader) => {
        if (!reader.closed) reader.sendHeartbeat();
      });
      if (this.#streams > 0) this.#scheduleHeartbeats();
    });
  }
}
