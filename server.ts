/**
 * The server: one port, and the life and death of what is behind it.
 *
 * @module
 */

import deno from "./deno.json" with { type: "json" };
import { Door } from "./door/door.ts";
import { isLoopback } from "./door/hosts.ts";
import type { Grant, Right, TokenGrant } from "./door/leave.ts";
import {
  DEFAULT_HOST,
  largestFrame,
  type Limits,
  patience,
  PROTOCOL,
  type ServerLimits,
} from "./protocol/limits.ts";
import { Claims } from "./queue/claims.ts";
import type { Clock } from "./queue/clock.ts";
import { Pulses } from "./queue/pulses.ts";
import { type Log, Queue } from "./queue/queue.ts";
import { Complaints } from "./server/complaints.ts";
import {
  checked,
  type Durability,
  type EngineChoice,
  type Overflow,
  type ServeOptions,
  type Settings,
  type StoreChoice,
  type TransportChoice,
} from "./server/options.ts";
import { type EntryOptions, requireGrant, requireTokens } from "./server/door_options.ts";
import { Sessions } from "./server/sessions.ts";
import type { Store } from "./stores/store.ts";
import type { Listener, Transport } from "./transports/transport.ts";

export type {
  Clock,
  Durability,
  EngineChoice,
  EntryOptions,
  Grant,
  Limits,
  Log,
  Overflow,
  Right,
  ServeOptions,
  ServerLimits,
  StoreChoice,
  TokenGrant,
  TransportChoice,
};

/** The version of this software. */
export const VERSION: string = deno.version;

/** What a server has done so far. */
export interface Stats {
  /** Connections open now. */
  readonly connections: number;
  /** Messages stored since the start. */
  readonly stored: number;
  /** Messages delivered since the start, once for each reader. */
  readonly delivered: number;
  /** Requests refused or failed since the start. */
  readonly refused: number;
  /** Connections given up since the start: their peers read nothing, or did not answer, for too long. */
  readonly dropped: number;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  /** The address it listens on. */
  readonly host: string;
  /** The port it listens on. */
  readonly port: number;
  /** Where clients of this machine find it, such as `ws://127.0.0.1:30008`; with TLS it begins with `wss:`. */
  readonly url: string;
  /** How peers arrive. */
  readonly transport: TransportChoice;
  /** How messages are kept, such as `memory on node:sqlite`. */
  readonly store: string;
  /** Resolves once the server has stopped, however it came to it. */
  readonly finished: Promise<void>;
  /** Tells what it has done so far. */
  stats(): Stats;
  /**
   * Has other tokens count from now on. Who is connected by one that is none of them any more is told
   * (`unauthorized`) and closed with code 4401 at once; others go on, with the rights that they have now.
   *
   * @param tokens all that are good
   * @param anonymous what those may do who bring none. Default: as `serve` was told; nothing, if it was not
   * @throws {TypeError | RangeError} if one of these is wrong; then nothing changes
   *
   * @example Take a token back
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0, tokens: [{ token: "reader-1", rights: ["read"] }] });
   * await using reader = await connect({ url: server.url, token: "reader-1" });
   * await server.setTokens([{ token: "reader-2", rights: ["read"] }]);
   * await reader.get("t").catch(({ code }) => console.log(code)); // unauthorized
   * ```
   */
  setTokens(tokens: readonly TokenGrant[], anonymous?: Grant): Promise<void>;
  /**
   * Stops: takes nothing new, finishes what was accepted, and closes every connection with code 1012. A
   * peer that does not answer the goodbye within 2 s is given up. May be called twice.
   */
  shutdown(): Promise<void>;
}

/**
 * Starts a server.
 *
 * @param options see {@linkcode ServeOptions}
 * @returns the server, once it listens
 * @throws {TypeError} if an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 * @throws {Error} if the address cannot be listened on, or the store cannot be opened; nothing is left running
 *
 * @example A server of a test's own
 * ```ts
 * import { connect, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * ```
 */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const { entry, ...settings } = checked(options);
  settings.signal?.throwIfAborted();
  const [{ listen }, store] = await Promise.all([
    loadTransport(settings.transport),
    openStore(settings),
  ]);
  const queue = await Queue.open(store, settings.clock, settings.log);
  try {
    const { tls } = entry;
    const door = await Door.of({ ...entry, host: settings.host, secure: tls !== undefined });
    // Without the tokens, which nobody needs any more.
    const server = new RunningServer(queue, store, door, { ...settings, tls });
    await server.open(listen);
    return server;
  } catch (error) {
    await queue[Symbol.asyncDispose]();
    throw error;
  }
}

async function openStore(settings: Omit<Settings, "entry">): Promise<Store> {
  const { store, durability, retention, clock, overflow } = settings;
  const { storedBytes, topics, inFlight: window } = settings.limits;
  // Loaded here and not above: importing this file touches no native code.
  const { loadEngine } = await import("./stores/engine.ts");
  const limits = { storedBytes, topics, window, overflow };
  const options = { engine: await loadEngine(settings.engine), retention, clock, limits };
  if (store === "memory") return new (await import("./stores/memory.ts")).MemoryStore(options);
  const path = store.slice("sqlite:".length);
  return new (await import("./stores/file.ts")).FileStore({ ...options, path, durability });
}

/** What a server that runs has to remember of its options. */
type Running = Omit<Settings, "entry"> & Pick<Settings["entry"], "tls">;
/** How long the headers of a request may take, in milliseconds: with what passes between two looks, not 10 s. */
const HEADER_TIME = 8000;

/** Loaded here and not above: importing this file touches neither Deno nor npm. */
function loadTransport(choice: TransportChoice): Promise<{ listen: Transport }> {
  return choice === "builtin" ? import("./transports/deno.ts") : import("./transports/node.ts");
}

class RunningServer implements Server {
  readonly store: string;
  readonly #queue: Queue;
  readonly #door: Door;
  readonly #sessions: Sessions;
  readonly #complaints: Complaints;
  readonly #givenUp: Complaints;
  readonly #pulses: Pulses;
  readonly #settings: Running;
  readonly #finished = Promise.withResolvers<void>();
  readonly #stopListening = new AbortController();
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;

  constructor(queue: Queue, store: Store, door: Door, settings: Running) {
    const { clock, log, retention, limits, allowShutdown } = settings;
    this.store = store.description;
    this.#queue = queue;
    this.#door = door;
    this.#settings = settings;
    this.#complaints = new Complaints(clock, log, "refused a request");
    this.#givenUp = new Complaints(clock, log, "gave up a peer");
    this.#pulses = new Pulses(queue);
    const server = `dsmq/${VERSION}`;
    this.#sessions = new Sessions({
      queue,
      door,
      welcome: {
        protocol: PROTOCOL,
        server,
        epoch: store.epoch,
        kept: store.kept,
        retention,
        limits: told(limits),
      },
      errorsPerMinute: limits.errorsPerMinute,
      claims: new Claims(),
      pulses: this.#pulses,
      shutdown: allowShutdown ? () => void this.shutdown() : undefined,
      refused: ({ message }) => this.#complaints.note(message),
    }, {
      door,
      limits,
      gaveUp: (why) => this.#givenUp.note(why),
      banner: `${server}: a message queue. Connect with a WebSocket.`,
    });
  }

  /** Opens the port, and from then on heeds signals. */
  async open(listen: Transport): Promise<void> {
    const { host, port, tls, signal, handleSignals, log, limits, clock } = this.#settings;
    const bounds = {
      frameBytes: largestFrame(limits),
      headerTime: HEADER_TIME,
      patience: patience(limits),
      after: clock.after.bind(clock),
    };
    try {
      this.#listener = await listen({ host, port, tls }, this.#sessions, bounds);
    } catch (error) {
      throw cannotListen(host, port, error as Error);
    }
    if (!isLoopback(host) && !this.#door.asksForToken) {
      log.warn(
        `dsmq: everybody who reaches ${host} may read and write here: ask for a token, or serve on ${DEFAULT_HOST}`,
      );
    }
    const stop = () => void this.shutdown();
    signal?.addEventListener("abort", stop, { signal: this.#stopListening.signal });
    if (handleSignals) this.#heedSignals(stop);
    // It may have aborted while the store was opened.
    if (signal?.aborted) stop();
  }

  get transport(): TransportChoice {
    return this.#settings.transport;
  }

  get host(): string {
    return this.#listener!.host;
  }

  get port(): number {
    return this.#listener!.port;
  }

  get url(): string {
    const scheme = this.#settings.tls ? "wss" : "ws";
    return `${scheme}://${authority(localName(this.host), this.port)}`;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  stats(): Stats {
    const connections = this.#sessions.count;
    const [refused, dropped] = [this.#complaints.count, this.#givenUp.count];
    return { connections, ...this.#queue.counts, refused, dropped };
  }

  async setTokens(tokens: readonly TokenGrant[], anonymous?: Grant): Promise<void> {
    requireTokens(tokens);
    if (anonymous !== undefined) requireGrant("anonymous", anonymous);
    await this.#door.change(tokens, anonymous);
    this.#sessions.tokensChanged();
  }

  shutdown(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #stop(): Promise<void> {
    this.#stopListening.abort();
    try {
      // Peers first: closing the port would cut them off with a close code of its own.
      await this.#sessions.stop();
      await this.#listener?.stop();
      this.#complaints.stop();
      this.#pulses.stop();
      this.#givenUp.stop();
      await this.#queue[Symbol.asyncDispose]();
    } catch (error) {
      this.#settings.log.error("dsmq: cannot stop cleanly:", error);
    } finally {
      this.#finished.resolve();
    }
  }

  #heedSignals(stop: () => void): void {
    // Windows knows no SIGTERM.
    const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
    for (const signal of signals) Deno.addSignalListener(signal, stop);
    // Taken back at once when the server stops, so that a second signal ends the process.
    this.#stopListening.signal.addEventListener("abort", () => {
      for (const signal of signals) Deno.removeSignalListener(signal, stop);
    });
  }
}

/** What clients need to know of the limits. */
function told(limits: ServerLimits): Limits {
  const {
    messageBytes,
    topicBytes,
    frameRequests,
    inFlight,
    inFlightBytes,
    waits,
    subscriptions,
    cursors,
    creditMessages,
    creditBytes,
  } = limits;
  return {
    messageBytes,
    topicBytes,
    frameRequests,
    inFlight,
    inFlightBytes,
    waits,
    subscriptions,
    cursors,
    creditMessages,
    creditBytes,
  };
}

function cannotListen(host: string, port: number, cause: Error): Error {
  const isTaken = "code" in cause && cause.code === "EADDRINUSE";
  const why = isTaken ? "the port is taken" : cause.message;
  return new Error(`Cannot serve on ${authority(host, port)}: ${why}`, { cause });
}

function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address that stands for all of a machine's is nothing to connect to. */
function localName(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
