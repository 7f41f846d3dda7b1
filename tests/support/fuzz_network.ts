/**
 * The network of the fuzzers, in memory: frames take time, connections are cut at any byte, and either end may learn of
 * it late.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import type { FuzzServer } from "./fuzz_server.ts";
import type { VirtualTime } from "./fuzz_time.ts";
import { ALL_PERMISSIONS } from "./memory_peer.ts";
import { FuzzDirection } from "./fuzz_direction.ts";
import type { Random } from "../../testing/seeded.ts";

/** What happens to a connection. Times are in milliseconds. */
export interface ConnectionFaults {
  /** Each frame takes up to this long. */
  readonly delay: number;
  /** Cuts it when this many bytes have gone down, or up. */
  readonly cutAfterDown?: number;
  readonly cutAfterUp?: number;
  /** From this many bytes on, what goes down, or up, is lost, and neither end is told. */
  readonly dropAfterDown?: number;
  readonly dropAfterUp?: number;
  /** Cuts it after a time. */
  readonly cutAfter?: number;
  /** When each end learns of a cut; `Infinity`: never, other than by silence. */
  readonly clientNotices?: number;
  readonly serverNotices?: number;
  /** A connection attempt is neither answered nor refused. */
  readonly unanswered?: boolean;
}

/** Observes what passes between the ends. */
export interface NetworkObserver {
  /** A client sent a frame. */
  sent?(connection: FuzzConnection, frame: string): void;
  /** A server sent a frame. */
  sentDown?(connection: FuzzConnection, frame: string): void;
  /** A frame arrived at a client. */
  arrived?(connection: FuzzConnection, frame: string): void;
  /** Something else happened. */
  happened?(connection: FuzzConnection, what: string): void;
}

/** Where clients find servers. */
export class FuzzNetwork {
  /** All connections that were ever opened. */
  readonly connections: FuzzConnection[] = [];
  /** What happens to the next one. */
  faults: (client: string) => ConnectionFaults = () => ({ delay: 1 });
  observer: NetworkObserver = {};
  readonly time: VirtualTime;
  readonly random: Random;
  readonly #servers = new Map<string, FuzzServer>();

  /** There is no server yet. */
  constructor(time: VirtualTime, random: Random) {
    this.time = time;
    this.random = random;
  }

  /** Gives a server an address. */
  join(host: string, server: FuzzServer): string {
    const url = `ws://${host}:80`;
    this.#servers.set(url, server);
    server.onEnd = (orderly) => {
      for (const connection of this.connections) {
        if (connection.server === server) connection.serverEnds(orderly);
      }
    };
    return url;
  }

  /** For the option `dial` of a client. */
  dial(client: string): (url: string) => Socket {
    return (url) => {
      const server = this.#servers.get(url.replace(/\/$/, ""))!;
      const connection = new FuzzConnection(this, client, server, this.faults(client));
      this.connections.push(connection);
      return connection.socket;
    };
  }

  /** Cuts all open connections; or those to one server. */
  cut(server?: FuzzServer): void {
    for (const connection of this.connections) {
      if (server === undefined || connection.server === server) connection.cut();
    }
  }
}

/** A connection from the attempt to its end. */
export class FuzzConnection {
  readonly client: string;
  readonly server: FuzzServer;
  readonly socket: Socket;
  readonly number: number;
  /** When the last frame arrived at the client. */
  lastArrival = -Infinity;
  /** Nothing more passes. */
  over = false;
  /** The store behind it, by the number of its opening; -1 before it was accepted. */
  opening = -1;
  readonly #network: FuzzNetwork;
  readonly #faults: ConnectionFaults;
  readonly #down: FuzzDirection;
  readonly #up: FuzzDirection;
  #connection: ClientConnection | undefined;
  #clientOpen = true;
  #serverOpen = false;

  /** Connects to a server. */
  constructor(network: FuzzNetwork, client: string, server: FuzzServer, faults: ConnectionFaults) {
    this.#network = network;
    this.client = client;
    this.server = server;
    this.number = network.connections.length;
    this.#faults = faults;
    const { delay, cutAfterDown, cutAfterUp, dropAfterDown, dropAfterUp } = faults;
    const cut = () => this.cut();
    this.#down = new FuzzDirection(network, delay, cutAfterDown, dropAfterDown, cut);
    this.#up = new FuzzDirection(network, delay, cutAfterUp, dropAfterUp, cut);
    this.socket = {
      send: (frame) => this.#sendUp(frame as string),
      close: () => this.#clientCloses(),
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
    };
    if (!faults.unanswered) network.time.after(network.random(2), () => void this.#accept());
  }

  /** Cuts it: some of what is in flight may still arrive; each end learns of it in its own time. */
  cut(): void {
    if (this.over) return;
    this.over = true;
    this.#network.observer.happened?.(this, "cut");
    const { random, time } = this.#network;
    this.#down.end(random);
    this.#up.end(random);
    const { clientNotices = 0, serverNotices = 0 } = this.#faults;
    const { delay } = this.#faults;
    // After what still arrives.
    if (clientNotices < Infinity) time.after(delay + clientNotices, () => this.#endClient(1006));
    if (serverNotices < Infinity) time.after(delay + serverNotices, () => this.#endServer());
  }

  /** The server behind it ends, and its connections with it; the client learns of it. */
  serverEnds(orderly: boolean): void {
    if (!this.#serverOpen) return;
    const error = {
      code: "shutting_down" as const,
      message: "Cannot wait: the server is stopping",
    };
    if (orderly && !this.over) void this.#connection!.finish(error, 1012, "the server is stopping");
    this.#endServer();
    this.cut();
  }

  async #accept(): Promise<void> {
    const { server } = this;
    const { host, opening } = server;
    if (!host || !opening || server.away) return this.#endClient(1006);
    let last: number;
    try {
      ({ last } = await host.queue.store.bounds());
    } catch {
      return this.#endClient(1006);
    }
    if (!this.#clientOpen || this.over) return;
    if (server.host !== host) return this.#endClient(1006);
    this.opening = opening.number;
    const down = this.#down;
    this.#connection = new ClientConnection(
      host,
      {
        send: (frame) => this.#sendDown(frame),
        get buffered() {
          return down.bytes;
        },
        drained: () => down.drained(),
        close: (code) => this.#serverCloses(code),
        closeAndStopReading: () => {},
        drop: () => this.cut(),
      },
      last,
      server.choice.tokens?.permissions() ?? ALL_PERMISSIONS,
    );
    this.#serverOpen = true;
    this.#network.observer.happened?.(this, `open to opening ${this.opening}`);
    const { cutAfter } = this.#faults;
    if (cutAfter !== undefined) this.#network.time.after(cutAfter, () => this.cut());
    down.pass(0, () => this.#dispatch("onopen", new Event("open")));
  }

  #sendDown(frame: string): void {
    if (!this.#serverOpen || this.over) return;
    this.#network.observer.sentDown?.(this, frame);
    this.#down.pass(frame.length, () => {
      if (!this.#clientOpen) return;
      this.lastArrival = this.#network.time.now;
      this.#network.observer.arrived?.(this, frame);
      this.#dispatch("onmessage", new MessageEvent("message", { data: frame }));
    });
  }

  #sendUp(frame: string): void {
    if (!this.#clientOpen) return;
    this.#network.observer.sent?.(this, frame);
    if (this.over) return;
    this.#up.pass(frame.length, () => {
      if (this.#serverOpen) this.#connection!.receive(frame);
    });
  }

  #clientCloses(): void {
    if (!this.#clientOpen) return;
    this.#network.observer.happened?.(this, "closed by the client");
    if (this.over) return;
    // What was sent before arrives before; what comes down meanwhile may still be received.
    this.#up.pass(8, () => {
      this.#endServer();
      this.#down.pass(8, () => {
        this.over = true;
        this.#endClient(1000);
      });
    });
  }

  #serverCloses(code: number): void {
    if (this.over) return;
    this.#down.pass(8, () => {
      this.over = true;
      this.#endServer();
      this.#endClient(code);
    });
  }

  #endServer(): void {
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#connection!.end();
  }

  #endClient(code: number): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#network.observer.happened?.(this, `the client learns that it is closed, ${code}`);
    this.#dispatch("onclose", new CloseEvent("close", { code }));
  }

  #dispatch(handler: "onopen" | "onmessage" | "onclose", event: Event): void {
    (this.socket[handler] as ((event: Event) => void) | null)?.call(this.socket, event);
  }
}
