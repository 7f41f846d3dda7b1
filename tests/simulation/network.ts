/**
 * The network of a simulation: who listens where, and what happens to connections.
 *
 * @module
 */

import type { Dial } from "../../client.ts";
import { CLOSE_CODE } from "../../protocol/websocket.ts";
import type { PortContext } from "../../transports/port_context.ts";
import type { Random } from "../../testing/seeded.ts";
import { SimulatedConnection } from "./connection.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** What listens at an address. */
export interface Host {
  /** Such as `server`. */
  readonly address: string;
  readonly process: Process;
  readonly context: PortContext;
}

/** What a new connection meets. */
export interface Weather {
  /** How long a frame takes at most, in milliseconds. */
  readonly delay: number;
  /** With which frame of the client it is cut, if it is. */
  readonly framesUp?: number | undefined;
  /** With which frame of the server. */
  readonly framesDown?: number | undefined;
}

/** Where clients find servers. */
export class Network {
  /** What new connections meet. */
  weather: () => Weather = () => ({ delay: 1 });
  readonly #world: World;
  readonly #random: Random;
  readonly #hosts = new Map<string, Host>();
  #connections: SimulatedConnection[] = [];

  /** Nobody listens yet. */
  constructor(world: World) {
    this.#world = world;
    this.#random = world.fork();
  }

  /** Has a process listen at an address, until it dies. */
  listen(host: Host): void {
    this.#hosts.set(host.address, host);
    host.process.onDeath(() => this.close(host));
  }

  /** Nobody listens there any more. */
  close(host: Host): void {
    if (this.#hosts.get(host.address) === host) this.#hosts.delete(host.address);
  }

  /** The connections that are open, or being opened. */
  get connections(): readonly SimulatedConnection[] {
    return this.#connections = this.#connections.filter(({ isOver }) => !isOver);
  }

  /** Opens sockets for a process. */
  dialFor(process: Process): Dial {
    return (url, protocols) => {
      const host = this.#hosts.get(new URL(url).hostname);
      if (!host) return this.#refused(process);
      const weather = this.weather();
      const connection = new SimulatedConnection(
        ...[this.#world, this.#random, process, host, protocols, weather] as const,
      );
      this.#connections.push(connection);
      return connection.socket;
    };
  }

  /** Nobody listens there. */
  #refused(process: Process): ReturnType<Dial> {
    const socket: ReturnType<Dial> = {
      ...{ onopen: null, onmessage: null, onclose: null, onerror: null },
      send() {},
      close() {},
    };
    this.#world.schedule(process, this.weather().delay, "input", () => {
      socket.onclose?.({ code: CLOSE_CODE.abnormal, reason: "", wasClean: false });
    });
    return socket;
  }
}
