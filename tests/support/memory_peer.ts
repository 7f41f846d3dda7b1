/**
 * Connections without sockets: the test is the peer.
 *
 * @module
 */

import { assert } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import { ConnectionDirectory } from "../../connection/connection_directory.ts";
import { TokenExpiry } from "../../connection/token_expiry.ts";
import { SessionOwners } from "../../connection/session_owners.ts";
import type { Clock } from "../../queue/clock.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { Heartbeats } from "../../connection/heartbeats.ts";
import { Queue } from "../../queue/queue.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import { SharedBudgets } from "../../budgets/shared_budgets.ts";
import type { Peer as ServerPeer } from "../../transports/peer.ts";
import type { Store } from "../../stores/store.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../protocol/limits.ts";

/** All permissions, for clients without a token. */
export const ALL_PERMISSIONS: Permissions = new Permissions("", {});

/** What connections over a store share; it ends with the queue. */
export async function openContext(
  store: Store,
  clock: Clock,
  limits: Partial<ServerLimits> = {},
): Promise<ServerContext & AsyncDisposable> {
  const queue = await Queue.open(store, clock, { write() {} });
  return {
    queue,
    welcome: {
      protocol: 1,
      server: "test",
      store: store.id,
      epoch: store.epoch,
      durability: store.durability,
      retention: 600_000,
      limits: { ...DEFAULT_LIMITS, ...limits },
    },
    errorsPerMinute: limits.errorsPerMinute ?? Infinity,
    accessControl: {
      check: () => Promise.resolve({ kind: "granted", permissions: ALL_PERMISSIONS }),
      permissionsOf: () => ALL_PERMISSIONS,
    },
    sessionOwners: new SessionOwners(),
    directory: new ConnectionDirectory(() => clock.now()),
    tokenExpiry: new TokenExpiry(clock),
    heartbeats: new Heartbeats(queue),
    budgets: new SharedBudgets({ ...DEFAULT_LIMITS, ...limits }),
    shutdown: undefined,
    onRefused: () => {},
    onClosed: () => {},
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

/** An item of a frame that a connection sends. */
export interface WireItem {
  readonly id?: number;
  readonly seq?: number;
  readonly body?: string;
  readonly sub?: number;
  readonly prev?: number;
  readonly error?: { readonly code: string };
  readonly seqs?: readonly number[];
  readonly bodies?: readonly string[];
}

/** A connection whose peer is the test. */
export class MemoryPeer {
  /** Items without an id: the frames of streams. */
  readonly streamed: WireItem[] = [];
  readonly #connection: ClientConnection;
  readonly #pending = new Map<number, (item: WireItem) => void>();
  #lastId = 0;

  /** Opens a connection. */
  constructor(host: ServerContext, start = 0) {
    const wire: ServerPeer = {
      send: (frame) => this.#receive(frame),
      buffered: 0,
      drained: () => Promise.resolve(),
      close: () => {},
      closeAndStopReading: () => {},
      drop: () => {},
    };
    this.#connection = new ClientConnection(host, wire, start, ALL_PERMISSIONS);
  }

  /** Sends one request in a frame; it gets an id here. */
  request(request: object): Promise<WireItem> {
    const { request: item, reply } = this.#named(request);
    this.#connection.receive(JSON.stringify(item));
    return reply;
  }

  /** Sends several requests in one frame. */
  requestAll(requests: readonly object[]): Promise<WireItem[]> {
    const named = requests.map((request) => this.#named(request));
    this.#connection.receive(JSON.stringify(named.map(({ request }) => request)));
    return Promise.all(named.map(({ reply }) => reply));
  }

  /** Sends a frame as it is. */
  send(frame: unknown): void {
    this.#connection.receive(JSON.stringify(frame));
  }

  /** Disconnects. */
  close(): void {
    this.#connection.end();
  }

  #named(request: object): { request: object; reply: Promise<WireItem> } {
    const id = ++this.#lastId;
    const { promise: reply, resolve } = Promise.withResolvers<WireItem>();
    this.#pending.set(id, resolve);
    return { request: { ...request, id }, reply };
  }

  #receive(frame: string): void {
    for (const item of [JSON.parse(frame)].flat() as WireItem[]) {
      if (item.id === undefined) {
        this.streamed.push(item);
        continue;
      }
      const reply = this.#pending.get(item.id);
      assert(reply, `an answer to no request, or a second one: ${frame}`);
      this.#pending.delete(item.id);
      reply(item);
    }
  }
}
