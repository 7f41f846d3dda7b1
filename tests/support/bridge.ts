/**
 * The real client joined to real connections of the server in memory: the test sees each frame, holds it or loses it,
 * and cuts the connection when it likes. The server behind it can be replaced, as a restart does.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import type { ServerLimits } from "../../protocol/limits.ts";
import { type Clock, systemClock } from "../../queue/clock.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { MessagePage, MessageQuery, Store } from "../../stores/store.ts";
import { BridgeConnection, type BridgeRules } from "./bridge_connection.ts";
import { openContext } from "./memory_peer.ts";

/** For the option `reconnect`: a client that reconnects at once. */
export const reconnect = { minDelay: 1, maxDelay: 5 };

/** A store in memory. */
export function inMemory(
  clock: Clock = systemClock,
  retention = 600_000,
  limits: Partial<StoreLimits> = {},
): MemoryStore {
  return new MemoryStore({ engine: nodeSqlite, retention, clock, limits });
}

/** A store in memory whose reads of the topic `slow` wait for the test, like reads of a file that is being synced. */
export class GatedStore extends MemoryStore {
  /** Resolved by the test, to let them continue. */
  readonly gate = Promise.withResolvers<void>();

  /** Opens a new and empty store. */
  constructor(clock: Clock = systemClock, retention = 600_000) {
    super({ engine: nodeSqlite, retention, clock });
  }

  override async read(queries: readonly MessageQuery[]): Promise<readonly MessagePage[]> {
    if (queries.some(({ topic }) => topic === "slow")) await this.gate.promise;
    return await super.read(queries);
  }
}

/** What connections share; it ends with its queue. */
export type TestServer = ServerContext & AsyncDisposable;

/** A server without a port. */
export async function testServer(
  store: Store,
  clock: Clock = systemClock,
  limits: Partial<ServerLimits> = {},
): Promise<TestServer> {
  const host = await openContext(store, clock, limits);
  return {
    ...host,
    async [Symbol.asyncDispose]() {
      // What is in flight on connections in memory arrives, or is dropped, before the test ends.
      await turns(5);
      await host[Symbol.asyncDispose]();
    },
  };
}

/** Puts messages without a client. */
export async function store(
  host: ServerContext,
  topic: string,
  ...messages: string[]
): Promise<void> {
  const puts = messages.map((message) => {
    const body = JSON.stringify(message);
    return { type: "put" as const, topic, body, bytes: new TextEncoder().encode(body).length };
  });
  for (const result of await host.queue.apply(puts)) if (result instanceof Error) throw result;
}

/** Some turns of the event loop. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Waits for a condition; rejects if it does not hold within a time (ms). */
export async function until(condition: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`The condition does not hold: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What `settled` returns for a promise that did not settle. */
export const UNSETTLED = "(has not settled)";

/** The outcome of a promise: its value, `error` with its code, or that it did not settle within a time (ms). */
export async function settled<T>(work: Promise<T>, ms = 5000): Promise<T | string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(UNSETTLED), ms);
  });
  try {
    return await Promise.race([work.catch((error) => `error ${error?.code ?? error}`), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Joins a client to a server. */
export class Bridge implements BridgeRules {
  /** The server behind it; without one, nobody answers. */
  host: ServerContext | undefined;
  /** The frames sent down, on all connections, whether or not they arrived. */
  readonly down: string[] = [];
  /** The frames sent up. */
  readonly up: string[] = [];
  /** Whether a frame of the server arrives, or is lost. */
  passes: (frame: string) => boolean = () => true;
  /** Whether a frame of the client arrives, or is lost. */
  passesUp: (frame: string) => boolean = () => true;
  /** Whether what the server sends is held from now on, until it is released: this frame, and all behind it. */
  holds: (frame: string) => boolean = () => false;
  /** The same for what the client sends, its close included. */
  holdsUp: (frame: string) => boolean = () => false;
  /** The code with which an intermediary closes the connection instead of passing a frame on, if it does. */
  refuses: (frame: string, direction: "up" | "down") => number | undefined = () => undefined;
  /** How often it was dialled. */
  dials = 0;
  readonly #connections = new Set<BridgeConnection>();
  #newest: BridgeConnection | undefined;

  /** Joins to a server, or to none yet. */
  constructor(host: ServerContext | undefined) {
    this.host = host;
  }

  /** The address that is dialled. */
  readonly url = "ws://127.0.0.1:30008";

  /** For the option `dial`. */
  readonly dial = (): Socket => {
    this.dials++;
    const connection = new BridgeConnection(this, () => this.#connections.delete(connection));
    queueMicrotask(async () => {
      const { host } = this;
      if (!host) return connection.fail();
      // What a real server reads of its store before it accepts a connection.
      const { last } = await host.queue.store.bounds();
      if (!connection.open(host, last)) return;
      this.#connections.add(connection);
      this.#newest = connection;
    });
    return connection.socket;
  };

  /** Cuts the newest connection; both ends notice at once, and what was in flight is lost. */
  cut(): void {
    this.#newest?.cut();
  }

  /** Cuts the client's end of the newest connection: what it sent still arrives, and the server notices after that. */
  cutClient(): void {
    this.#newest?.cutClient();
  }

  /** Releases what was held; nothing more is held. */
  release(): void {
    this.holds = this.holdsUp = () => false;
    for (const connection of [...this.#connections]) connection.release();
  }
}
