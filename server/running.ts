/**
 * A server that runs: one port, and the life and death of what is behind it.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import type { Door } from "../door/door.ts";
import { isLoopback } from "../door/hosts.ts";
import type { Grant, TokenGrant } from "../door/leave.ts";
import {
  clientLimits,
  DEFAULT_HOST,
  largestFrame,
  PATIENCE,
  PROTOCOL,
} from "../protocol/limits.ts";
import { Claims } from "../queue/claims.ts";
import { Pulses } from "../queue/pulses.ts";
import type { Queue } from "../queue/queue.ts";
import { Budgets } from "../queue/shares.ts";
import type { Listener, Transport } from "../transports/transport.ts";
import { authority, cannotListen, localName } from "./addresses.ts";
import type { Server, Stats } from "./api.ts";
import { checkedTls, type Tls } from "./certificate.ts";
import { Checks } from "./checks.ts";
import { Complaints } from "./complaints.ts";
import { requireBoth, requireGrant, requireTokens } from "./door_options.ts";
import { fitted, heapLimit, SMALL_HEAP } from "./memory.ts";
import type { Settings, TransportChoice } from "./options.ts";
import { Sessions } from "./sessions.ts";
import type { StopSignals } from "./signals.ts";

/** The version of this software. */
export const VERSION: string = deno.version;

/** What a server that runs has to remember of its options. */
export interface Running extends Omit<Settings, "entry">, Pick<Settings["entry"], "tls"> {
  /** What certificate and key are called. */
  readonly names: Tls;
  /** Those of the system, if it handles them. */
  readonly signals: StopSignals | undefined;
}

/** How long the headers of a request may take, in milliseconds: with what passes between two looks, not 10 s. */
const HEADER_TIME = 8000;

/** How long a peer may be at rest before it is pinged, in milliseconds: some proxies cut what rests for 60 s, others for 30. */
const REST = 20_000;

/** One port, and what is behind it. */
export class RunningServer implements Server {
  readonly store: string;
  readonly #queue: Queue;
  readonly #door: Door;
  readonly #sessions: Sessions;
  readonly #complaints: Complaints;
  readonly #givenUp: Complaints;
  readonly #news: Complaints;
  readonly #pulses: Pulses;
  readonly #budgets: Budgets;
  readonly #settings: Running;
  readonly #finished = Promise.withResolvers<void>();
  readonly #stopListening = new AbortController();
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;
  #renewed: Promise<void> = Promise.resolve();

  /**
   * Makes a server that does not listen yet.
   *
   * @param queue what it serves; it owns that from then on
   * @param door who may come in
   * @param settings the rest
   */
  constructor(queue: Queue, door: Door, settings: Running) {
    const { store } = queue;
    const { clock, log, retention, limits, allowShutdown } = settings;
    this.store = store.description;
    this.#queue = queue;
    this.#door = door;
    this.#settings = settings;
    this.#complaints = new Complaints(clock, log, "refused a request");
    this.#givenUp = new Complaints(clock, log, "gave up a peer");
    this.#news = new Complaints(clock, log, "");
    this.#pulses = new Pulses(queue);
    this.#budgets = new Budgets(fitted(limits, settings.setLimits, SMALL_HEAP));
    const server = `dsmq/${VERSION}`;
    this.#sessions = new Sessions({
      queue,
      door,
      welcome: {
        protocol: PROTOCOL,
        server,
        store: store.id,
        epoch: store.epoch,
        kept: store.kept,
        retention,
        limits: clientLimits(limits),
      },
      errorsPerMinute: limits.errorsPerMinute,
      claims: new Claims(),
      pulses: this.#pulses,
      budgets: this.#budgets,
      shutdown: allowShutdown ? () => void this.shutdown() : undefined,
      refused: ({ message }, from, advice) => this.#complaints.note(message, from, advice),
    }, {
      door,
      limits,
      gaveUp: (why) => this.#givenUp.note(why),
      tell: (what) => this.#news.note(what),
      banner: `${server}: a message queue. Connect with a WebSocket.`,
    });
  }

  /** Opens the port. */
  async open(listen: Transport): Promise<void> {
    const { host, port, tls, signal, signals, log, limits, setLimits, clock } = this.#settings;
    const bounds = {
      frameBytes: largestFrame(limits),
      partial: this.#budgets.of("totalPartialBytes"),
      unread: this.#budgets.of("totalUnreadBytes"),
      headerTime: HEADER_TIME,
      rest: REST,
      patience: PATIENCE,
      stop: signal,
      after: clock.after.bind(clock),
    };
    try {
      this.#listener = await listen({ host, port, tls }, this.#sessions, bounds);
    } catch (error) {
      signal?.throwIfAborted();
      throw cannotListen(host, port, error as Error);
    }
    if (!isLoopback(host) && !this.#door.asksForToken) {
      log.warn(
        `dsmq: everybody who reaches ${host} may read and write here: ask for a token (--token-file, or tokens in a program), or serve on ${DEFAULT_HOST}`,
      );
    }
    if (!isLoopback(host) && this.transport === "builtin") {
      log.warn(
        `dsmq: whoever reaches ${host} can keep this server busy with a flood of frames, which builtin cannot hold back: use --transport hardened`,
      );
    }
    // Only now, because it takes some milliseconds; nobody can hoard anything in that time.
    void heapLimit().then((heap) => this.#budgets.limits = fitted(limits, setLimits, heap));
    const stop = () => void this.shutdown();
    for (const stopping of [signal, signals?.signal]) {
      stopping?.addEventListener("abort", stop, { signal: this.#stopListening.signal });
      // It may have aborted while the store was opened.
      if (stopping?.aborted) stop();
    }
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
    const { count: connections, pending } = this.#sessions;
    const [refused, dropped] = [this.#complaints.count, this.#givenUp.count];
    return { connections, pending, ...this.#queue.counts, refused, dropped };
  }

  async setTokens(tokens: readonly TokenGrant[], anonymous?: Grant): Promise<void> {
    const check = new Checks(undefined, "set tokens");
    requireTokens(tokens, check);
    if (anonymous !== undefined) requireGrant("anonymous", anonymous, [], check);
    await this.#door.change(tokens, anonymous);
    this.#sessions.tokensChanged();
  }

  async setCertificate(cert: string, key: string): Promise<void> {
    const { tls: before, names, clock, log } = this.#settings;
    if (!before) {
      throw new TypeError("Cannot set the certificate: the server was started without TLS");
    }
    const pair = requireBoth(cert, key, new Checks(undefined, "set the certificate"));
    if (!pair) throw new TypeError("Cannot set the certificate: there are neither cert nor key");
    const { tls, warnings } = await checkedTls(pair, names, clock.now());
    // Two at once: the later one is what counts in the end.
    const renewed = this.#renewed.then(() =>
      this.#stopping ? undefined : this.#listener!.renew(tls)
    );
    this.#renewed = renewed.catch(() => {});
    await renewed;
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
      // Peers first: closing the port would cut them off with a close code of its own.
      await this.#sessions.stop();
      await this.#listener?.stop();
      this.#complaints.stop();
      this.#pulses.stop();
      this.#givenUp.stop();
      this.#news.stop();
      await this.#queue[Symbol.asyncDispose]();
    } catch (error) {
      this.#settings.log.error("dsmq: cannot stop cleanly:", error);
    } finally {
      await this.#settings.log.stop();
      this.#finished.resolve();
    }
  }
}
