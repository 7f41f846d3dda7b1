/**
 * A running server: one port, and the start and stop of everything behind it.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import type { AccessControl } from "../auth/access_control.ts";
import { isLoopback } from "../auth/allowed_hosts.ts";
import { forwardingSign } from "../auth/forwarded.ts";
import type { Auth } from "../auth/auth.ts";
import {
  clientLimits,
  DEFAULT_HOST,
  maxRequestFrameBytes,
  PROTOCOL_VERSION,
  SLOW_READER_TIMEOUT,
} from "../protocol/limits.ts";
import { ConnectionDirectory } from "../connection/connection_directory.ts";
import { SessionOwners } from "../connection/session_owners.ts";
import { Heartbeats } from "../connection/heartbeats.ts";
import type { Queue } from "../queue/queue.ts";
import { SharedBudgets } from "../budgets/shared_budgets.ts";
import type { Listener, Transport } from "../transports/transport.ts";
import { connectHost, hostAndPort, toListenError } from "./addresses.ts";
import type { Server, Stats } from "./api.ts";
import { OptionChecks } from "./option_checks.ts";
import { RateLimitedLog } from "./rate_limited_log.ts";
import { AUTH_FORM, parseAuth } from "./auth_choice.ts";
import { requireTlsPair, type Tls } from "./auth_options.ts";
import { fitToHeap, heapLimit, MIN_HEAP } from "./heap_limits.ts";
import type { ServerSettings, TransportChoice } from "./options.ts";
import { Connections } from "./connections.ts";
import type { StopSignals } from "./stop_signals.ts";

/** The version of this software. */
export const VERSION: string = deno.version;

/** What a running server needs of its options. */
export interface RunningOptions
  extends Omit<ServerSettings, "auth">, Pick<ServerSettings["auth"], "tls"> {
  /** The names of certificate and key in errors. */
  readonly names: Tls;
  /** The signals of the system, if it handles them. */
  readonly signals: StopSignals | undefined;
}

/** How long the headers of a request may take, in milliseconds: with the time between two checks less than 10 s. */
const HEADER_TIMEOUT = 8000;

/** How long a peer may be idle before it is pinged, in milliseconds: some proxies cut idle connections after 60 s, others after 30. */
const PING_INTERVAL = 20_000;

/** One port, and everything behind it. */
export class RunningServer implements Server {
  readonly storeDescription: string;
  readonly #queue: Queue;
  readonly #access: AccessControl;
  readonly #connections: Connections;
  readonly #refusals: RateLimitedLog;
  readonly #droppedPeers: RateLimitedLog;
  readonly #notices: RateLimitedLog;
  readonly #heartbeats: Heartbeats;
  readonly #budgets: SharedBudgets;
  readonly #settings: RunningOptions;
  readonly #finished = Promise.withResolvers<void>();
  readonly #stopListening = new AbortController();
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;
  #mayWarnOfProxy: boolean;
  #certificateUpdate: Promise<void> = Promise.resolve();

  /**
   * Creates a server that does not listen yet.
   *
   * @param queue the queue that it serves, and owns from then on
   * @param access who may connect
   * @param settings the rest
   */
  constructor(queue: Queue, access: AccessControl, settings: RunningOptions) {
    const { store } = queue;
    const { clock, log, retention, limits, allowShutdown } = settings;
    this.storeDescription = store.description;
    this.#queue = queue;
    this.#access = access;
    this.#settings = settings;
    this.#mayWarnOfProxy = isLoopback(settings.host) && settings.transport === "builtin";
    this.#refusals = new RateLimitedLog(clock, log, "refused a request");
    this.#droppedPeers = new RateLimitedLog(clock, log, "dropped a peer");
    this.#notices = new RateLimitedLog(clock, log, "");
    this.#heartbeats = new Heartbeats(queue);
    this.#budgets = new SharedBudgets(fitToHeap(limits, settings.setLimits, MIN_HEAP));
    const server = `dsmq/${VERSION}`;
    this.#connections = new Connections({
      queue,
      accessControl: access,
      welcome: {
        protocol: PROTOCOL_VERSION,
        server,
        store: store.id,
        epoch: store.epoch,
        durability: store.durability,
        retention,
        limits: clientLimits(limits),
      },
      errorsPerMinute: limits.errorsPerMinute,
      sessionOwners: new SessionOwners(),
      directory: new ConnectionDirectory(() => clock.now()),
      heartbeats: this.#heartbeats,
      budgets: this.#budgets,
      shutdown: allowShutdown ? () => void this.shutdown() : undefined,
      onRefused: ({ message }, from, advice) => this.#refusals.record(message, from, advice),
    }, {
      access,
      limits,
      peerDropped: (reason) => this.#droppedPeers.record(reason),
      notice: (what) => this.#notices.record(what),
      upgradeChecked: (request) => this.#warnOfProxy(request),
      banner: `${server}: a message queue. Connect with a WebSocket.`,
    });
  }

  /** Opens the port. */
  async open(listen: Transport): Promise<void> {
    const { host, port, tls, signal, signals, log, limits, setLimits, clock } = this.#settings;
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
    try {
      this.#listener = await listen({ host, port, tls }, this.#connections, peerLimits);
    } catch (error) {
      signal?.throwIfAborted();
      throw toListenError(host, port, error as Error);
    }
    if (!isLoopback(host) && !this.#access.requiresToken) {
      log.warn(
        `dsmq: everyone who can reach ${host} may read and write: require a token (--token-file, or auth in a program), or serve on ${DEFAULT_HOST}`,
      );
    }
    if (!isLoopback(host) && this.transport === "builtin") {
      log.warn(
        `dsmq: anyone who can reach ${host} can block this server with a flood of frames, which builtin cannot limit: use --transport hardened`,
      );
    }
    // Only now, because it takes some milliseconds, in which nobody can use up anything.
    void heapLimit().then((heap) => this.#budgets.limits = fitToHeap(limits, setLimits, heap));
    const stop = () => void this.shutdown();
    for (const stopping of [signal, signals?.signal]) {
      stopping?.addEventListener("abort", stop, { signal: this.#stopListening.signal });
      // It may have aborted while the store was opened.
      if (stopping?.aborted) stop();
    }
  }

  /** On this machine alone, `builtin` is safe; through a proxy anyone may reach it. Says so once. */
  #warnOfProxy(request: Pick<Request, "headers">): void {
    const sign = this.#mayWarnOfProxy ? forwardingSign(request) : undefined;
    if (sign === undefined) return;
    this.#mayWarnOfProxy = false;
    this.#settings.log.warn(
      `dsmq: a request seems to come through a proxy (${sign}): if it lets untrusted clients connect, they can block this server with a flood of frames, which builtin cannot limit: use --transport hardened`,
    );
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
    return `${scheme}://${hostAndPort(connectHost(this.host), this.port)}`;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  stats(): Stats {
    const { count: connections, pending } = this.#connections;
    const [refused, dropped] = [this.#refusals.count, this.#droppedPeers.count];
    return { connections, pending, ...this.#queue.counts, refused, dropped };
  }

  async setAuth(auth: string | Auth): Promise<void> {
    const check = new OptionChecks(undefined, "set auth");
    // A forgotten argument must not let everybody in.
    if (auth === undefined) {
      throw new TypeError(`Cannot set auth: auth must be ${AUTH_FORM}, got undefined`);
    }
    await this.#access.setAuth(parseAuth(auth, check));
    this.#connections.authChanged();
  }

  async setCertificate(cert: string, key: string): Promise<void> {
    const { tls: before, names, clock, log } = this.#settings;
    if (!before) {
      throw new TypeError("Cannot set the certificate: the server was started without TLS");
    }
    const pair = requireTlsPair(cert, key, new OptionChecks(undefined, "set the certificate"));
    if (!pair) throw new TypeError("Cannot set the certificate: cert and key are required");
    const { checkTls } = await import("./certificate.ts");
    const { tls, warnings } = checkTls(pair, names, clock.now());
    // If two are set at once, the later one counts in the end.
    const update = this.#certificateUpdate.then(() =>
      this.#stopping ? undefined : this.#listener!.renew(tls)
    );
    this.#certificateUpdate = update.catch(() => {});
    await update;
    for (const warning of warnings) log.warn(`dsmq: ${warning}`);
  }

  shutdown(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #stop(): Promise<void> {
    this.#stopListening.abort();
    this.#settings.signals?.[Symbol.dispose]();
    try {
      // Peers first: closing the port would end their connections with another close code.
      await this.#connections.stop();
      await this.#listener?.stop();
      this.#refusals.stop();
      this.#heartbeats.stop();
      this.#droppedPeers.stop();
      this.#notices.stop();
      await this.#queue[Symbol.asyncDispose]();
    } catch (error) {
      this.#settings.log.error("dsmq: cannot stop cleanly:", error);
    } finally {
      await this.#settings.log.stop();
      this.#finished.resolve();
    }
  }
}
