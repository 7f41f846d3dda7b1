/**
 * A connection handler for tests of transports: it accepts every peer, and records what happens.
 *
 * @module
 */

import { Budget } from "../../budgets/budget.ts";
import type { Peer, PeerEvents } from "../../transports/peer.ts";
import type {
  ConnectionHandler,
  DroppedPeer,
  ListenAddress,
  Listener,
  PeerLimits,
  Transport,
} from "../../transports/transport.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { withTimeout } from "./with_timeout.ts";

/** A peer that has arrived. */
export interface FakePeer {
  readonly peer: Peer;
  /** What it sent. */
  readonly received: unknown[];
  /** How often it was told that the connection had ended. */
  closed: number;
}

/** Accepts every peer. A test may replace what it does. */
export class RecordingHandler implements ConnectionHandler {
  readonly peers: FakePeer[] = [];
  readonly failures: unknown[] = [];
  readonly reasons: string[] = [];
  /** How many of these did not read. */
  slowReaders = 0;
  readonly refusals: string[] = [];
  readonly logged: string[] = [];
  readonly #waiting = new Set<() => void>();

  http: ConnectionHandler["http"] = () => new Response("hello\n");
  admit: ConnectionHandler["admit"] = () => Promise.resolve((peer: Peer) => this.connect(peer));
  /** How a peer reacts to what is sent to it. */
  receive: (fakePeer: FakePeer, data: unknown) => void = ({ received }, data) =>
    void received.push(data);

  connect(peer: Peer): PeerEvents {
    const fakePeer: FakePeer = { peer, received: [], closed: 0 };
    this.peers.push(fakePeer);
    this.#notify();
    return {
      receive: (data) => {
        this.receive(fakePeer, data);
        this.#notify();
      },
      end: () => {
        fakePeer.closed++;
        this.#notify();
      },
    };
  }

  onError(error: unknown): void {
    this.failures.push(error);
    this.#notify();
  }

  onPeerDropped({ reason, isSlowReader = false }: DroppedPeer): void {
    this.reasons.push(reason);
    if (isSlowReader) this.slowReaders++;
    this.#notify();
  }

  onRefused(reason: string): void {
    this.refusals.push(reason);
    this.#notify();
  }

  report(what: string): void {
    this.logged.push(what);
    this.#notify();
  }

  /** How many connections have not ended. */
  get present(): number {
    return this.peers.filter(({ closed }) => closed === 0).length;
  }

  /** Resolves once a condition holds, checked whenever something happens. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #notify(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A clock that knows how many timers are set. */
export class CountingClock extends ManualClock {
  waiting = 0;

  override after(ms: number, callback: () => void): () => void {
    this.waiting++;
    const callOff = super.after(ms, () => {
      this.waiting--;
      callback();
    });
    let off = false;
    return () => {
      if (!off) this.waiting--;
      off = true;
      callOff();
    };
  }
}

/** An open port with its handler and its clock. */
export class OpenPort implements AsyncDisposable {
  readonly handler: RecordingHandler = new RecordingHandler();
  readonly clock: CountingClock = new CountingClock();
  #listener: Listener | undefined;

  /** Opens a port. */
  static async with(
    listen: Transport,
    bounds: Partial<PeerLimits> = {},
    tls?: ListenAddress["tls"],
  ): Promise<OpenPort> {
    const opened = new OpenPort();
    opened.#listener = await listen({ host: "127.0.0.1", port: 0, tls }, opened.handler, {
      frameBytes: 4 * 1024 * 1024,
      partial: new Budget({ own: 8192, shared: 2 ** 27 }),
      unread: new Budget({ own: 16_384, shared: 2 ** 27 }),
      headerTimeout: 8000,
      idlePingInterval: Infinity,
      slowReaderTimeout: 8000,
      after: (ms, callback) => opened.clock.after(ms, callback),
      ...bounds,
    });
    return opened;
  }

  get port(): number {
    return this.#listener!.port;
  }

  stop(): Promise<void> {
    return this.#listener!.stop();
  }

  renew(tls: NonNullable<ListenAddress["tls"]>): Promise<void> {
    return this.#listener!.renew(tls);
  }

  /** Stops, and waits until the platform has noticed that all connections have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await withTimeout(this.handler.until(() => this.handler.present === 0));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
