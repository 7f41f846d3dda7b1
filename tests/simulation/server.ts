/**
 * The server of a simulation: the real one behind the simulated network, in processes that may die at any moment.
 *
 * @module
 */

import { Queue } from "../../queue/queue.ts";
import { openAccess } from "../../server/prepare_auth.ts";
import { RunningServer } from "../../server/running_server.ts";
import { describeServer } from "../../server/start/open_store.ts";
import { parseServeOptions, type ServerSettings } from "../../server/options.ts";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileLock } from "../../stores/file_lock.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { ReplicatedStore } from "../../stores/replicated/replicated_store.ts";
import type { SqliteStore } from "../../stores/sqlite_store.ts";
import type { Random } from "../../testing/seeded.ts";
import { createPortContext } from "../../transports/port_context.ts";
import { hookedEngine } from "../support/hooked_engine.ts";
import type { History } from "./history.ts";
import type { SimulatedLog, SimulatedLogConnection } from "./log.ts";
import type { Host, Network } from "./network.ts";
import type { Process } from "./process.ts";
import { recordStore } from "./recorded_store.ts";
import { SimulatedFiles } from "./simulated_files.ts";
import type { World } from "./world.ts";

/** How a server keeps messages. */
export interface ServerPlan {
  readonly store: "memory" | "file" | "log";
  /** In milliseconds. */
  readonly retention: number;
}

/** Where a process dies: before or after the n-th statement from now on, or the n-th commit. */
export interface DeathInStatement {
  readonly of: "statements" | "commits";
  readonly n: number;
  readonly moment: "before" | "after";
}

/** What is in a run beside its server. */
export interface Surroundings {
  readonly world: World;
  readonly network: Network;
  readonly history: History;
  /** Where files are. */
  readonly folder: string;
  /** What several servers share. */
  readonly log?: SimulatedLog | undefined;
}

/** A server, from one process to the next. */
export class SimulatedServer {
  readonly address: string;
  readonly #plan: ServerPlan;
  readonly #around: Surroundings;
  readonly #files: SimulatedFiles;
  readonly #random: Random;
  /** By how much the clock of its machine is wrong, in milliseconds. */
  #wallOffset = 0;
  #process: Process | undefined;
  #running: RunningServer | undefined;
  #openings = 0;
  #death: { plan: DeathInStatement; left: number } | undefined;
  /** Closes the databases of dead processes. */
  #remains: (() => Promise<void>)[] = [];

  /** Its connection to the log. */
  #logConnection: SimulatedLogConnection | undefined;

  /** It is not started yet. */
  constructor(address: string, plan: ServerPlan, around: Surroundings) {
    this.address = address;
    this.#plan = plan;
    this.#around = around;
    this.#files = new SimulatedFiles(`${around.folder}/${address}`);
    this.#random = around.world.fork();
  }

  /** The process, if it runs or is stopped. */
  get process(): Process | undefined {
    return this.#process;
  }

  /** The connection of its process to the log that several servers share. */
  get logConnection(): SimulatedLogConnection | undefined {
    return this.#process && this.#logConnection;
  }

  /** Whether clients can connect. */
  get isListening(): boolean {
    return this.#running !== undefined;
  }

  /** Starts a process. */
  start(): void {
    const { world, history } = this.#around;
    const process = this.#process = world.spawn(this.address);
    process.wallOffset = this.#wallOffset;
    process.run(() => {
      this.#open(process).catch((error) => {
        // One that dies while it starts has failed, and that is all.
        if (process.isDead) return;
        // Without its log it ends, and somebody starts it again.
        if (this.#around.log && error.code === "unavailable") return process.kill();
        history.add({ kind: "fault", what: `the server: ${error.stack}` });
      });
    });
  }

  /** Kills the process, if there is one. */
  kill(): void {
    this.#process?.kill();
  }

  /** Has the process die in a statement of its store; `undefined`: in none. */
  dieIn(plan: DeathInStatement | undefined): void {
    this.#death = plan && { plan, left: plan.n };
  }

  /** Shuts it down, as SIGTERM does; it is dead when that is done. */
  shutDown(): void {
    const running = this.#running;
    const process = this.#process;
    if (running && process) {
      process.run(() => void running.shutdown().finally(() => process.kill()));
    }
  }

  /** Sets the clock of its machine. */
  setClock(by: number): void {
    this.#wallOffset += by;
    if (this.#process) this.#process.wallOffset = this.#wallOffset;
  }

  /** Frees what dead processes have left. */
  async cleanUp(): Promise<void> {
    for (const remove of this.#remains.splice(0)) await remove();
  }

  async #open(process: Process): Promise<void> {
    const { network } = this.#around;
    const { retention } = this.#plan;
    const settings = parseServeOptions({
      store: this.#plan.store === "file" ? `sqlite:${this.#files.path}` : "memory",
      ...(this.#plan.store === "file" && { durability: "process" }),
      ...{ retention, clock: process.clock, log: { info() {}, warn() {}, error() {} } },
    });
    this.#death = undefined;
    process.onDeath(() => this.#process = this.#running = undefined);
    const engine = hookedEngine(nodeSqlite, (sql, moment) => {
      this.#onStatement(process, sql, moment);
    });
    const store = this.#around.log
      ? await this.#openReplica(process, this.#around.log, engine)
      : await this.#openStore(process, engine, settings);
    const queue = await Queue.open(store, settings.clock, settings.log);
    const place = { host: this.address, secure: false };
    const { access, preparation } = await openAccess(settings.auth, place, settings);
    const described = describeServer(settings, "builtin", { store, engine });
    const running = new RunningServer(queue, access, { ...settings, ...described, preparation });
    await running.open((handler, limits) => {
      const context = createPortContext(handler, limits);
      const host: Host = { address: this.address, process, context };
      network.listen(host);
      return Promise.resolve({ stop: () => network.close(host) });
    });
    if (!process.isDead) this.#running = running;
  }

  /** A store of its own, whose openings are recorded. */
  async #openStore(
    process: Process,
    engine: Engine,
    settings: ServerSettings,
  ): Promise<SqliteStore> {
    const { history } = this.#around;
    const { store: kind, retention } = this.#plan;
    const { clock, durability } = settings;
    const { path } = this.#files;
    const opening = ++this.#openings;
    let clockOfLeases = () => 0;
    process.onDeath(() => {
      if (kind === "file") this.#files.leave();
      history.add({ kind: "closed", opening, clock: clockOfLeases() });
    });
    const options = { engine, retention, clock };
    const store = kind === "memory"
      ? new MemoryStore(options)
      : new FileStore({ ...options, path, durability });
    this.#remains.push(async () => {
      await store[Symbol.asyncDispose]().catch(() => {});
      if (kind === "file") this.#files.remove(path);
    });
    const lineage = kind === "file" ? this.address : `${this.address} ${opening}`;
    clockOfLeases = await recordStore(store, process, history, { opening, lineage, retention });
    return store;
  }

  /** A replica of the store that all servers share: in the file of the last process, or in a new one. */
  async #openReplica(
    process: Process,
    shared: SimulatedLog,
    engine: Engine,
  ): Promise<SqliteStore> {
    const { path } = this.#files;
    const { clock } = process;
    const log = this.#logConnection = shared.connect(process);
    process.onDeath(() => this.#files.leave(this.#random(3) > 0));
    const { retention } = this.#plan;
    // What a process has locked as it dies must not stay open here.
    const locks: FileLock[] = [];
    const { acquire } = FileLock;
    FileLock.acquire = (path) => {
      const lock = acquire.call(FileLock, path);
      locks.push(lock);
      return lock;
    };
    const opening = ReplicatedStore.open({ engine, retention, clock, log, path });
    FileLock.acquire = acquire;
    let close = () => {
      for (const lock of locks) lock.release();
    };
    this.#remains.push(() => {
      try {
        close();
      } catch {
        // It was closed, or died while it opened its file again.
      }
      return Promise.resolve();
    });
    const store = await opening;
    // To dispose of it would take time, and there is no more of it.
    close = () => (store as unknown as { close(): void }).close();
    return store;
  }

  #onStatement(process: Process, sql: string, moment: "before" | "after"): void {
    // It runs to the end of what it is at, but does nothing.
    if (process.isDying && moment === "before") throw new Error(DEATH);
    const death = this.#death;
    if (!death || process !== this.#process) return;
    if (death.plan.of === "commits" && !sql.startsWith("COMMIT")) return;
    if (moment !== death.plan.moment || --death.left > 0) return;
    this.#death = undefined;
    this.kill();
    if (moment === "before") throw new Error(DEATH);
  }
}

const DEATH = "the process has died";
