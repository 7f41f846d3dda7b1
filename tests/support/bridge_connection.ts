/**
 * One connection of a bridge, in memory.
 *
 * @module
 */

import type { Socket } from "../../client.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { ALL_PERMISSIONS } from "./memory_peer.ts";

/** What a test decides about the frames of a bridge, and sees of them. */
export interface BridgeRules {
  /** The frames sent down, on all connections, whether or not they arrived. */
  readonly down: string[];
  /** The frames sent up. */
  readonly up: string[];
  /** Whether a frame of the server arrives, or is lost. */
  passes(frame: string): boolean;
  /** Whether a frame of the client arrives, or is lost. */
  passesUp(frame: string): boolean;
  /** Whether what the server sends is held from now on. */
  holds(frame: string): boolean;
  /** The same for what the client sends. */
  holdsUp(frame: string): boolean;
  /** The code with which an intermediary closes the connection instead of passing a frame on, if it does. */
  refuses(frame: string, direction: "up" | "down"): number | undefined;
}

/** One connection of a bridge. */
export class BridgeConnection {
  /** The client's end. */
  readonly socket: Socket;
  readonly #bridge: BridgeRules;
  readonly #onEnd: () => void;
  readonly #down = new Direction();
  readonly #up = new Direction();
  #connection: ClientConnection | undefined;
  /** The client has not been told that the connection has ended. */
  #clientOpen = true;
  /** The server has not. */
  #serverOpen = false;
  #refused = false;

  constructor(bridge: BridgeRules, onEnd: () => void) {
    this.#bridge = bridge;
    this.#onEnd = onEnd;
    this.socket = {
      send: (frame) => this.#sendUp(frame as string),
      close: () => {
        if (!this.#clientOpen) return;
        this.#up.pass(() => this.#endServer());
        // It is told in a turn of its own, as by a real socket, and receives nothing in between.
        this.#down.end();
        setTimeout(() => this.#endClient(1000), 0);
      },
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
    };
  }

  /** There is no server. */
  fail(): void {
    this.#endClient(1006);
  }

  /** The server accepts it; false if the client has gone meanwhile. */
  open(host: ServerContext, start: number): boolean {
    if (!this.#clientOpen || this.#down.ended) return false;
    this.#connection = new ClientConnection(
      host,
      {
        send: (frame) => this.#sendDown(frame),
        buffered: 0,
        drained: () => Promise.resolve(),
        close: (code) => this.#serverCloses(code),
        closeAndStopReading: () => {},
        drop: () => this.#serverCloses(1006),
      },
      start,
      ALL_PERMISSIONS,
    );
    this.#serverOpen = true;
    this.#dispatch("onopen", new Event("open"));
    return true;
  }

  cut(): void {
    this.#down.end();
    this.#up.end();
    this.#endServer();
    this.#endClient(1006);
  }

  cutClient(): void {
    this.#up.pass(() => this.#endServer());
    this.#down.end();
    this.#endClient(1006);
  }

  release(): void {
    this.#up.release();
    this.#down.release();
  }

  #sendDown(frame: string): void {
    if (!this.#serverOpen || this.#refused) return;
    this.#bridge.down.push(frame);
    if (!this.#bridge.passes(frame)) return;
    const refused = this.#bridge.refuses(frame, "down");
    if (refused !== undefined) return this.#refuse(refused);
    this.#down.pass(() => {
      if (this.#clientOpen) {
        this.#dispatch("onmessage", new MessageEvent("message", { data: frame }));
      }
    }, this.#bridge.holds(frame));
  }

  #sendUp(frame: string): void {
    if (!this.#clientOpen || !this.#connection) return;
    this.#bridge.up.push(frame);
    if (!this.#bridge.passesUp(frame)) return;
    const refused = this.#bridge.refuses(frame, "up");
    if (refused !== undefined) return this.#up.pass(() => this.#refuse(refused));
    this.#up.pass(() => {
      if (this.#serverOpen) this.#connection!.receive(frame);
    }, this.#bridge.holdsUp(frame));
  }

  #serverCloses(code: number): void {
    this.#down.pass(() => {
      this.#endServer();
      this.#endClient(code);
    });
  }

  /** An intermediary closes it: nothing passes any more, in either direction. */
  #refuse(code: number): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#down.pass(() => this.#endClient(code));
    this.#up.end();
    this.#endServer();
  }

  #endServer(): void {
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#onEnd();
    this.#connection!.end();
  }

  #endClient(code: number): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#dispatch("onclose", new CloseEvent("close", { code }));
  }

  #dispatch(handler: "onopen" | "onmessage" | "onclose", event: Event): void {
    (this.socket[handler] as ((event: Event) => void) | null)?.call(this.socket, event);
  }
}

/** Frames in flight in one direction: they arrive in order, each in a turn of its own, as from a network. */
class Direction {
  ended = false;
  readonly #moving: (() => void)[] = [];
  #held: (() => void)[] | undefined;

  /** Passes something on; or holds it, and all behind it. */
  pass(deliver: () => void, hold = false): void {
    if (this.ended) return;
    if (hold) this.#held ??= [];
    if (this.#held) this.#held.push(deliver);
    else this.#move(deliver);
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of held) this.#move(deliver);
  }

  /** What is in flight is lost. */
  end(): void {
    this.ended = true;
    this.#moving.length = 0;
    this.#held = undefined;
  }

  #move(deliver: () => void): void {
    this.#moving.push(deliver);
    setTimeout(() => this.#moving.shift()?.(), 0);
  }
}
