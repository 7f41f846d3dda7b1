/**
 * A client of a simulation: a program that uses the real `connect`, in processes that may die at any moment.
 *
 * @module
 */

import { connect, type Connection, type ConnectOptions, isDsmqError } from "../../client.ts";
import type { Random } from "../../testing/seeded.ts";
import type { History, HistoryEntry } from "./history.ts";
import type { Process } from "./process.ts";
import type { Surroundings } from "./server.ts";

/** How far a run is. */
export interface Phase {
  /** No faults any more, and nothing new is begun: programs come to their end. */
  isCalm: boolean;
  /** All jobs are done. */
  isOver: boolean;
}

/** What a client does, in each of its processes. It ends once the run is calm and it has what it waits for. */
export type ClientProgram = (context: ClientContext) => Promise<void>;

/** How a client is set up. */
export interface ClientPlan {
  readonly name: string;
  readonly program: ClientProgram;
  /** In milliseconds. */
  readonly heartbeatInterval: number;
  /** Where one of its processes finds servers: it connects to any of them. */
  readonly addresses: () => readonly string[];
}

/** How calls fail while a server does not reach its log. */
const OUT_OF_REACH = ["unavailable", "behind", "busy", "superseded", "unknown_outcome"] as const;

/** A client, from one process to the next. */
export class SimulatedClient {
  readonly name: string;
  readonly #plan: ClientPlan;
  readonly #around: Surroundings;
  readonly #phase: Phase;
  readonly #random: Random;
  #process: Process | undefined;
  #processes = 0;
  #isDone = false;

  /** It is not started yet. */
  constructor(plan: ClientPlan, phase: Phase, around: Surroundings) {
    this.name = plan.name;
    this.#plan = plan;
    this.#phase = phase;
    this.#around = around;
    this.#random = around.world.fork();
  }

  /** The process, if it runs or is stopped. */
  get process(): Process | undefined {
    return this.#process;
  }

  /** Whether its program has come to its end. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Starts a process. */
  start(): void {
    const { world, history } = this.#around;
    const name = `${this.name}.${++this.#processes}`;
    const process = this.#process = world.spawn(name);
    process.onDeath(() => this.#process = undefined);
    const context = new ClientContext(this.#plan, process, this.#phase, this.#random, this.#around);
    process.run(() => {
      this.#plan.program(context).then(() => this.#isDone ||= !process.isDead, (error) => {
        history.add({ kind: "fault", what: `${name}: ${error?.stack ?? error}` });
      });
    });
  }

  /** Kills the process, if there is one. */
  kill(): void {
    this.#process?.kill();
  }
}

/** What a program of a client has. */
export class ClientContext {
  /** The name of the process. */
  readonly name: string;
  readonly phase: Readonly<Phase>;
  readonly random: Random;
  readonly process: Process;
  readonly #plan: ClientPlan;
  readonly #around: Surroundings;

  /** Made for each process. */
  constructor(
    plan: ClientPlan,
    process: Process,
    phase: Phase,
    random: Random,
    around: Surroundings,
  ) {
    this.name = process.name;
    this.phase = phase;
    this.random = random;
    this.process = process;
    this.#plan = plan;
    this.#around = around;
  }

  get history(): History {
    return this.#around.history;
  }

  /** Connects, however long that takes. */
  async connect(options: Pick<ConnectOptions, "since"> = {}): Promise<Connection> {
    const { addresses, heartbeatInterval } = this.#plan;
    const connecting = connect(addresses().map((address) => `ws://${address}`), {
      ...options,
      dial: this.#around.network.dialFor(this.process),
      heartbeatInterval,
      timeout: Infinity,
      reconnect: { minDelay: 20, maxDelay: 1000, timeout: Infinity },
    });
    return await this.call("connect", undefined, connecting);
  }

  /** Records a call, and when it ends: within a timeout (ms), or by the end of the run. */
  async call<T>(what: string, timeout: number | undefined, work: Promise<T>): Promise<T> {
    const call = this.history.nextCall();
    this.record({ kind: "called", call, client: this.name, what, timeout });
    const returned = (outcome: string) => this.record({ kind: "returned", call, outcome });
    try {
      const result = await work;
      returned(result === undefined ? "nothing" : "a result");
      return result;
    } catch (error) {
      returned(codeOf(error));
      throw error;
    }
  }

  /** Whether a call may fail like this: only where servers share a log, which may be out of reach. */
  isExpected(error: unknown): boolean {
    if (!this.#around.log) return false;
    return OUT_OF_REACH.some((code) => isDsmqError(error, code));
  }

  /** Records something. */
  record(entry: HistoryEntry): void {
    if (!this.process.isDead) this.history.add(entry);
  }

  /** Waits (ms). */
  readonly pause = (ms: number): Promise<void> => {
    return new Promise((resolve) => void setTimeout(resolve, ms));
  };
}

/** The code of an error, or what it is if it has none. */
export function codeOf(error: unknown): string {
  return isDsmqError(error) ? error.code : String(error);
}
