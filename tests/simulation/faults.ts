/**
 * What goes wrong in a simulation.
 *
 * @module
 */

import type { Random } from "../../testing/seeded.ts";
import type { SimulatedClient } from "./client.ts";
import type { SimulatedLog } from "./log.ts";
import type { Weather } from "./network.ts";
import type { Process } from "./process.ts";
import type { SimulatedServer, Surroundings } from "./server.ts";

/** What can go wrong. */
export interface Targets {
  readonly servers: readonly SimulatedServer[];
  readonly clients: readonly SimulatedClient[];
}

/** How long a process is stopped at most, in milliseconds: much longer than leases and heartbeats. */
const LONG_STOP = 40_000;

const DAY = 86_400_000;

/** Causes faults, one after the other. */
export class Faults {
  readonly #random: Random;
  readonly #around: Surroundings;
  readonly #targets: Targets;
  #isOver = false;

  /** Begins: new connections meet bad weather. */
  constructor(targets: Targets, around: Surroundings) {
    this.#targets = targets;
    this.#around = around;
    const random = this.#random = around.world.fork();
    around.network.weather = () => drawWeather(random);
  }

  /** Causes one, which may take a while. */
  cause(): void {
    const { servers, clients } = this.#targets;
    const random = this.#random;
    const client = clients[random(clients.length)]!;
    const server = servers[random(servers.length)]!;
    const { log } = this.#around;
    if (log && random(3) === 0) return this.#disturb(log, server);
    switch (random(10)) {
      case 0:
        return this.#end(server);
      case 1:
        return this.#dieInStatement(server);
      case 2:
        return this.#stop(server.process);
      case 3:
        return this.#kill(client);
      case 4:
        return this.#stop(client.process);
      case 5:
        return this.#setClock(server);
      case 6:
        return this.#deafen();
      default:
        return this.#cut();
    }
  }

  /** Everything that is missing or stopped is there again; and from now on nothing happens to connections. */
  end(): void {
    this.#isOver = true;
    const { servers, clients } = this.#targets;
    const { log, network } = this.#around;
    network.weather = () => ({ delay: 2 });
    if (log) {
      log.weather = { delay: 2, oneOf: 0 };
      log.process.wake();
    }
    for (const server of servers) {
      server.dieIn(undefined);
      server.logConnection?.heal();
      // Its weather was bad.
      server.logConnection?.endTails(0);
    }
    for (const { process } of [...servers, ...clients]) if (process) this.#wake(process);
    for (const server of servers) this.#start(server);
    for (const client of clients) this.#start(client);
    // Connections that lose everything, and those whose weather was bad, end.
    for (const connection of this.#around.network.connections) {
      connection.cut({ client: 0, server: 0 });
    }
  }

  #end(server: SimulatedServer): void {
    const random = this.#random;
    if (random(3) === 0) server.shutDown();
    else server.kill();
    this.#startLater(server);
  }

  #dieInStatement(server: SimulatedServer): void {
    const random = this.#random;
    const moment = random(2) === 0 ? "before" : "after";
    server.dieIn(
      random(3) > 0
        ? { of: "commits", n: 1 + random(8), moment }
        : { of: "statements", n: 1 + random(60), moment },
    );
    this.#startLater(server);
  }

  #kill(client: SimulatedClient): void {
    if (!client.process) return;
    this.#around.history.add({ kind: "killed", process: client.process.name });
    client.kill();
    this.#later(this.#random(3000), () => this.#start(client));
  }

  /** Starts it if it is gone by then. */
  #startLater(server: SimulatedServer): void {
    for (let ms = 0; ms < 6000; ms += 1500) {
      this.#later(ms + this.#random(1500), () => this.#start(server));
    }
  }

  #start(one: SimulatedServer | SimulatedClient): void {
    const isDone = "isDone" in one && one.isDone;
    if (!one.process && !isDone) one.start();
  }

  #stop(process: Process | undefined): void {
    const random = this.#random;
    if (!process || process.isStopped) return;
    process.stop();
    this.#around.history.add({ kind: "stopped", process: process.name });
    const ms = random(4) === 0 ? random(LONG_STOP) : random(4000);
    this.#later(ms, () => this.#wake(process));
  }

  #wake(process: Process): void {
    if (!process.isStopped || process.isDead) return;
    process.wake();
    this.#around.history.add({ kind: "woken", process: process.name });
  }

  /** Something happens to the log, or to what connects a server to it. */
  #disturb(log: SimulatedLog, { logConnection: connection }: SimulatedServer): void {
    const random = this.#random;
    switch (random(5)) {
      case 0:
        connection?.endTails(random(100));
        return;
      case 3: {
        // Its clock is set, or another machine stamps records from now on.
        const by = this.#drawJump();
        log.process.wallOffset += by;
        this.#around.history.add({ kind: "clock_set", process: log.process.name, by });
        return;
      }
      case 1:
        // It stands still.
        log.process.stop();
        return this.#later(random(6000), () => log.process.wake());
      case 2:
        log.weather = { delay: [0.5, 2, 20, 300][random(4)]!, oneOf: [0, 0, 20, 5][random(4)]! };
        return;
      default:
        connection?.cut(random(2) * random(2000));
        return this.#later(random(random(2) === 0 ? 1500 : 12_000), () => connection?.heal());
    }
  }

  #setClock(server: SimulatedServer): void {
    const { clients } = this.#targets;
    const random = this.#random;
    const by = this.#drawJump();
    const client = clients[random(clients.length)]!.process;
    const isOfServer = random(2) === 0;
    if (isOfServer) server.setClock(by);
    else if (client) client.wallOffset += by;
    const process = isOfServer ? server.address : client?.name ?? "";
    this.#around.history.add({ kind: "clock_set", process, by });
  }

  /** By how much a clock is set, in milliseconds. */
  #drawJump(): number {
    const random = this.#random;
    return (random(2) === 0 ? 1 : -1) * random([5000, DAY, 400 * DAY][random(3)]!);
  }

  #deafen(): void {
    const { connections } = this.#around.network;
    const random = this.#random;
    connections[random(connections.length || 1)]?.deafen(random(2) === 0 ? "up" : "down");
  }

  #cut(): void {
    const { connections } = this.#around.network;
    const random = this.#random;
    const notice = () => [0, random(30), random(2000), Infinity][random(4)]!;
    connections[random(connections.length || 1)]?.cut(
      { client: notice(), server: notice() },
      random(2) === 0,
    );
  }

  /** Does something after a time (ms), unless there are no more faults by then. */
  #later(ms: number, action: () => void): void {
    this.#around.world.after(ms, () => {
      if (!this.#isOver) action();
    });
  }
}

function drawWeather(random: Random): Weather {
  const delay = [0.5, 2, 10, 60, 400][random(5)]!;
  switch (random(6)) {
    case 0:
      return { delay, framesUp: 1 + random(20) };
    case 1:
      return { delay, framesDown: 1 + random(20) };
    default:
      return { delay };
  }
}
