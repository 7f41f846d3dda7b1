/**
 * A server with a port of its own.
 *
 * @module
 */

import type { AccessControl } from "../auth/access_control.ts";
import { isLoopback } from "../auth/allowed_hosts.ts";
import type { Auth } from "../auth/auth.ts";
import { DEFAULT_HOST } from "../protocol/limits.ts";
import type { Queue } from "../queue/queue.ts";
import type { Listener, Transport } from "../transports/transport.ts";
import { connectHost, hostAndPort, toListenError } from "./addresses.ts";
import type { Server } from "./api.ts";
import { requireTlsPair, type Tls } from "./auth_options.ts";
import { OptionChecks } from "./option_checks.ts";
import type { ServerSettings, TransportChoice } from "./options.ts";
import { type RunningOptions, RunningServer } from "./running_server.ts";

/** What it needs of its options. */
export interface ListeningOptions
  extends
    RunningOptions,
    Pick<ServerSettings, "host" | "port" | "transport">,
    Pick<ServerSettings["auth"], "tls"> {
  /** The names of certificate and key in errors. */
  readonly names: Tls;
}

/** One port, and everything behind it. */
export class ListeningServer extends RunningServer implements Server {
  readonly #access: AccessControl;
  readonly #settings: ListeningOptions;
  #listener: Listener | undefined;
  /** What everybody may do, as the last warning said. */
  #warnedOf: string | undefined;
  #certificateUpdate: Promise<void> = Promise.resolve();

  /**
   * Creates a server that does not listen yet.
   *
   * @param queue the queue that it serves, and owns from then on
   * @param access who may connect
   * @param settings the rest
   */
  constructor(queue: Queue, access: AccessControl, settings: ListeningOptions) {
    const { host, transport } = settings;
    const isSafeAlone = isLoopback(host) && transport === "builtin";
    super(queue, access, { ...settings, floodWarning: isSafeAlone ? proxyWarning : undefined });
    this.#access = access;
    this.#settings = settings;
  }

  /** Opens the port. */
  async listen(listen: Transport): Promise<void> {
    const { host, port, tls } = this.#settings;
    this.#listener = await this.open(async (connections, limits) => {
      try {
        return await listen({ host, port, tls }, connections, limits);
      } catch (error) {
        throw toListenError(host, port, error as Error);
      }
    });
    this.#warnOfRisks();
  }

  override async setAuth(auth: string | Auth): Promise<void> {
    await super.setAuth(auth);
    this.#warnOfOpenness();
  }

  /** What clients without a token may do, in words; `undefined` if all clients need one. */
  get withoutToken(): string | undefined {
    return this.#access.permissionsOf(undefined)?.summary?.words;
  }

  /** Whoever lets everybody into certain topics means it. */
  #warnOfOpenness(): void {
    const { host, log } = this.#settings;
    if (isLoopback(host)) return;
    const { words, allTopics } = this.#access.permissionsOf(undefined)?.summary ?? {};
    const open = allTopics ? words : undefined;
    if (open !== undefined && open !== this.#warnedOf) {
      const message =
        `everyone who can reach ${host} may ${open}: require a token (--token-file, or auth in a program), or serve on ${DEFAULT_HOST}`;
      log.write({ event: "open_to_everyone", message });
    }
    this.#warnedOf = open;
  }

  #warnOfRisks(): void {
    const { host, log } = this.#settings;
    this.#warnOfOpenness();
    if (isLoopback(host)) return;
    if (this.transport === "builtin") {
      const message =
        `anyone who can reach ${host} can block this server with a flood of frames, which builtin cannot limit: use --transport hardened`;
      log.write({ event: "flood_risk", message });
    }
  }

  /** The name of the SQLite engine that its store uses. */
  get engineName(): string {
    return this.#settings.description.engine;
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
    return `${scheme}://${hostAndPort(connectHost(this.host), this.port)}${this.#settings.path}`;
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
      this.isStopping ? undefined : this.#listener!.renew(tls)
    );
    this.#certificateUpdate = update.catch(() => {});
    await update;
    for (const message of warnings) log.write({ event: "certificate_warning", message });
  }
}

function proxyWarning(sign: string): string {
  return `a request seems to come through a proxy (${sign}): if it lets untrusted clients connect, they can block this server with a flood of frames, which builtin cannot limit: use --transport hardened`;
}
