/**
 * What serves, however its connections arrive: the start and stop of everything behind a port.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import type { AccessControl } from "../auth/access_control.ts";
import { forwardingSign } from "../auth/forwarded.ts";
import { isLoopback } from "../auth/allowed_hosts.ts";
import type { Auth } from "../auth/auth.ts";
import { maxRequestFrameBytes } from "../protocol/frame_sizes.ts";
import { SLOW_READER_TIMEOUT } from "../protocol/limits.ts";
import { ConnectionDirectory } from "../connection/connection_directory.ts";
import { SessionOwners } from "../connection/session_owners.ts";
import { TokenExpiry } from "../connection/token_expiry.ts";
import { Heartbeats } from "../connection/heartbeats.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Queue } from "../queue/queue.ts";
import { SharedBudgets } from "../budgets/shared_budgets.ts";
import type { ConnectionHandler, PeerLimits } from "../transports/transport.ts";
import type { MessageServer, Stats } from "./api.ts";
import type { CreateMetrics, Metrics, OperationSources } from "./metrics/sources.ts";
import { operationOf } from "./operation.ts";
import { serverSource } from "./server_source.ts";
import { OptionChecks } from "./option_checks.ts";
import { parseAuth } from "./auth_choice.ts";
import { LimitsInForce } from "./limits_in_force.ts";
import { fitToHeap, heapLimit, MIN_HEAP } from "./heap_limits.ts";
import type { AuthPreparation } from "./prepare_auth.ts";
import type { ServerSettings } from "./options.ts";
import { Connections } from "./connections.ts";
import type { StopSignals } from "./stop_signals.ts";
import { watchStore } from "./store_watch.ts";
import { welcomeOf } from "./welcome.ts";

/** The version of this software. */
export const VERSION: string = deno.version;

/** What it needs of its options. */
export interface RunningOptions extends
  Pick<
    ServerSettings,
    "path" | "clock" | "log" | "retention" | "limits" | "setLimits" | "allowShutdown" | "signal"
  > {
  /** Prepares another `auth`. */
  readonly preparation: AuthPreparation;
  /** The signals of the system, if it handles them. */
  readonly signals?: StopSignals | undefined;
  /** What its store tells of itself. */
  readonly storeSource: OperationSources["store"];
  /** What it is. */
  readonly description: OperationSources["description"];
  /** Makes its metrics, if it is asked for them. */
  readonly createMetrics?: CreateMetrics | undefined;
  /**
   * Where connections are safe only if they come from this machine: the warning if one seems to come from elsewhere.
   *
   * @param sign what gives it away
   */
  readonly floodWarning?: ((sign: string) => string) | undefined;
}

/**
 * For so long after its start a server does nothing that can wait, in milliseconds: those who have waited for it come first.
 */
export const START_PHASE = 50;

/** A way in, such as a port. */
export interface Entrance {
  /** Closes it and all connections. */
  stop(): Promise<void> | void;
}

/** How long the headers of a request may take, in milliseconds: with the time between two checks less than 10 s. */
const HEADER_TIMEOUT = 8000;

/** How long a peer may be idle before it is pinged, in milliseconds: some proxies cut idle connections after 60 s, others after 30. */
const PING_INTERVAL = 20_000;

/** Everything behind a way in. */
export class RunningServer implements MessageServer {
  readonly storeDescription: string;
  /** What it counts and measures, if it is asked for that. */
  readonly metrics: Metrics | undefined;
  readonly #queue: Queue;
  readonly #access: AccessControl;
  readonly #connections: Connections;
  readonly #heartbeats: Heartbeats;
  readonly #tokenExpiry: TokenExpiry;
  readonly #budgets: SharedBudgets;
  readonly #settings: RunningOptions;
  readonly #finished = Promise.withResolvers<void>();
  readonly #stopListening = new AbortController();
  #entrance: Entrance | undefined;
  #stopping: Promise<void> | undefined;
  #floodWarning: RunningOptions["floodWarning"];
  readonly #totals = { refused: 0, dropped: 0, slowReaders: 0 };

  /**
   * Creates a server that has no way in yet.
   *
   * @param queue the queue that it serves, and owns from then on
   * @param access who may connect
   * @param settings the rest
   */
  constructor(queue: Queue, access: AccessControl, settings: RunningOptions) {
    const { store } = queue;
    const { clock, retention, limits, allowShutdown } = settings;
    this.storeDescription = store.description;
    this.#queue = queue;
    this.#access = access;
    this.#settings = settings;
    this.#floodWarning = settings.floodWarning;
    this.#heartbeats = new Heartbeats(queue);
    this.#tokenExpiry = new TokenExpiry(clock);
    this.#budgets = new SharedBudgets(fitToHeap(limits, settings.setLimits, MIN_HEAP));
    const server = `dsmq/${VERSION}`;
    const inForce = new LimitsInForce(limits, store);
    const sessionOwners = new SessionOwners();
    store.watchSessions?.((session, attempt) => sessionOwners.openedElsewhere(session, attempt));
    this.#connections = new Connections({
      queue,
      accessControl: access,
      welcome: welcomeOf(server, store, retention, inForce),
      errorsPerMinute: limits.errorsPerMinute,
      sessionOwners,
      directory: new ConnectionDirectory(() => store.now()),
      tokenExpiry: this.#tokenExpiry,
      heartbeats: this.#heartbeats,
      budgets: this.#budgets,
      shutdown: allowShutdown ? () => void this.shutdown() : undefined,
      onRefused: (error, address, advice) => this.#onRefused(error, address, advice),
      onClosed: (reason, address) => {
        const message = "closed a connection";
        settings.log.write({ event: "connection_closed", message, reason, address });
      },
    }, {
      access,
      limits,
      peerDropped: ({ reason, address, isSlowReader = false }) => {
        this.#totals.dropped++;
        if (isSlowReader) this.#totals.slowReaders++;
        const event = isSlowReader ? "slow_reader_dropped" : "peer_dropped";
        settings.log.write({ event, message: "dropped a peer", reason, address });
      },
      notice: (message) => settings.log.write({ event: "port_state", message }),
      upgradeChecked: (request, from) => this.#warnOfFloods(request, from),
      metrics: () => this.metrics,
      operation: () => operationOf(sources),
      path: settings.path,
      banner:
        `${server}: a message queue. Connect with a WebSocket, or put and read over plain HTTP: POST and GET topics/NAME.`,
    });
    const { storeSource, description } = settings;
    const parts = {
      queue,
      settings,
      inForce,
      connections: this.#connections,
      budgets: this.#budgets,
    };
    const sources: OperationSources = {
      server: serverSource({ ...parts, totals: this.#totals }),
      ...{ store: storeSource, description },
      startedAt: clock.now(),
    };
    this.metrics = settings.createMetrics?.(sources);
    watchStore(queue, this.#connections);
  }

  /**
   * Opens the way in.
   *
   * @param enter opens it, for these connections, with these limits
   * @returns what that returned; rejects as that did
   */
  async open<E extends Entrance>(
    enter: (connections: ConnectionHandler, limits: PeerLimits) => Promise<E>,
  ): Promise<E> {
    const { signal, signals, limits, setLimits, clock } = this.#settings;
    const peerLimits = {
      frameBytes: maxRequestFrameBytes(limits),
      partial: this.#budgets.of("totalPartialBytes"),
      unread: this.#budgets.of("totalUnreadBytes"),
      headerTimeout: HEADER_TIMEOUT,
      idlePingInterval: PING_INTERVAL,
      slowReaderTimeout: SLOW_READER_TIMEOUT,
      stop: signal,
      after: clock.after.bind(clock),
    };
    signal?.throwIfAborted();
    const entrance = await enter(this.#connections, peerLimits);
    this.#entrance = entrance;
    this.metrics?.start();
    // Only then, because it takes some milliseconds. Until then the limits are those of a small heap.
    const asking = setTimeout(async () => {
      this.#budgets.limits = fitToHeap(limits, setLimits, await heapLimit());
    }, START_PHASE);
    // It keeps no process alive.
    Deno.unrefTimer(asking);
    this.#stopListening.signal.addEventListener("abort", () => clearTimeout(asking));
    const stop = () => void this.shutdown();
    for (const stopping of [signal, signals?.signal]) {
      stopping?.addEventListener("abort", stop, { signal: this.#stopListening.signal });
      // It may have aborted while the store was opened.
      if (stopping?.aborted) stop();
    }
    return entrance;
  }

  #onRefused({ code, message }: WireError, address: string | undefined, advice?: string): void {
    this.#totals.refused++;
    this.metrics?.countRefusal(code);
    const refusal = { event: "request_refused", message: "refused a request" } as const;
    this.#settings.log.write({ ...refusal, reason: message, address, advice, fields: { code } });
  }

  /** On this machine alone, Deno's own WebSockets are safe; through a proxy anyone may reach them. Says so once. */
  #warnOfFloods(request: Pick<Request, "headers">, from: string): void {
    const warning = this.#floodWarning;
    if (!warning) return;
    // A Unix socket has no address, and is of this machine.
    const isElsewhere = /[.:]/.test(from) && !isLoopback(from);
    const sign = forwardingSign(request) ?? (isElsewhere ? `it is from ${from}` : undefined);
    if (sign === undefined) return;
    this.#floodWarning = undefined;
    this.#settings.log.write({ event: "flood_risk", message: warning(sign) });
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  stats(): Stats {
    const { count: connections, pendingCount: pendingConnections } = this.#connections;
    const { counts: { stored, delivered }, groups: { workers, counts: jobs } } = this.#queue;
    const { refused, dropped } = this.#totals;
    return {
      connections,
      pendingConnections,
      stored,
      delivered,
      refused,
      dropped,
      workers,
      jobs: { ...jobs },
    };
  }

  async setAuth(auth: string | Auth): Promise<void> {
    const { preparation, signal } = this.#settings;
    const check = new OptionChecks(preparation.nameOf, "set auth");
    await this.#access.setAuth(preparation.prepare(parseAuth(auth, check), check, signal));
    await this.#connections.authChanged();
  }

  /** Whether it stops, or has stopped. */
  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  shutdown(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #stop(): Promise<void> {
    this.#stopListening.abort();
    this.metrics?.stop();
    this.#settings.signals?.[Symbol.dispose]();
    try {
      // Peers first: closing a port would end their connections with another close code.
      await this.#connections.stop();
      await this.#entrance?.stop();
      this.#heartbeats.stop();
      this.#tokenExpiry.stop();
      await this.#queue[Symbol.asyncDispose]();
    } catch (error) {
      const message = "cannot stop cleanly";
      this.#settings.log.write({ event: "stop_failed", message, reason: error });
    } finally {
      await this.#settings.log.stop();
      this.#finished.resolve();
    }
  }
}
