/**
 * One run of the simulation: servers, their clients, and everything that may happen to them, from one seed.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import type { Random } from "../../testing/seeded.ts";
import { type ClientContext, type ClientProgram, type Phase, SimulatedClient } from "./client.ts";
import { Faults } from "./faults.ts";
import { History, type ReaderPlan } from "./history.ts";
import { SimulatedLog } from "./log.ts";
import { LAST, putAll, putter, reader } from "./message_programs.ts";
import { Network } from "./network.ts";
import { LogRecorder } from "./recorded_log.ts";
import { claimer, worker, type WorkPlan } from "./work_programs.ts";
import { SimulatedServer, type Surroundings } from "./server.ts";
import { World } from "./world.ts";

const ADDRESS = "server";

const TOPICS = ["jobs.a", "jobs.b", "news"] as const;

/** For how long there are faults, in milliseconds. */
const FAULTS_TIME = { min: 10_000, max: 40_000 };

/** Within what time everything has ended once there are no more faults, in milliseconds. */
const CALM_TIME = 120_000;

/** How often something is put once there are no more faults, and how long after one another, in milliseconds. */
const CALM_ROUNDS = 3;
const CALM_PAUSE = 700;

/**
 * Runs a seed.
 *
 * @param seed repeats the run exactly
 * @param setting how many servers there are, and where clients go
 * @returns what happened
 */
export async function simulate(seed: number, setting: RunSetting = ALONE): Promise<History> {
  const folder = Deno.makeTempDirSync({ prefix: "dsmq-simulation-" });
  using world = new World(seed);
  const history = new History(() => world.now);
  const log = setting.servers > 1 ? new SimulatedLog(world) : undefined;
  const network = new Network(world);
  const run = new Run({ world, history, network, folder, log }, setting);
  try {
    await run.run();
    for (const what of world.uncaught) history.add({ kind: "fault", what: `uncaught: ${what}` });
    history.add({ kind: "end" });
    return history;
  } finally {
    await run.cleanUp();
    Deno.removeSync(folder, { recursive: true });
  }
}

/** What a run has that does not depend on its seed. */
export interface RunSetting {
  /** How many servers there are. Several share one log. */
  readonly servers: number;
  /** Clients know all of them, and go to another one when their connection breaks; else each process of a client knows one. */
  readonly moves: boolean;
}

const ALONE: RunSetting = { servers: 1, moves: false };

class Run {
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #phase: Phase = { isCalm: false, isOver: false };
  readonly #servers: readonly SimulatedServer[];
  readonly #clients: SimulatedClient[] = [];
  readonly #groups: WorkPlan[] = [];
  readonly #moves: boolean;
  readonly #recorder: LogRecorder | undefined;

  constructor(around: Surroundings, { servers, moves }: RunSetting) {
    this.#around = around;
    this.#moves = moves;
    const random = this.#random = around.world.fork();
    const kind = random(2) === 0 ? "memory" as const : "file" as const;
    const retention = random(4) === 0 ? 5000 + random(20_000) : 600_000;
    const plan = { store: around.log ? "log" as const : kind, retention };
    this.#servers = Array.from({ length: servers }, (_, i) => {
      const name = servers === 1 ? ADDRESS : `${ADDRESS}${i + 1}`;
      return new SimulatedServer(name, plan, around);
    });
    this.#recorder = around.log && new LogRecorder(around.world, around.history, retention);
    const keys = ["one", "two", "three"].slice(0, random(4));
    for (let i = 0; i < 1 + random(2); i++) this.#add(`putter${i}`, putter(TOPICS, keys));
    for (let i = 0; i < 1 + random(3); i++) this.#add(`reader${i}`, reader(this.#plan(), TOPICS));
    if (random(4) > 0) this.#addWorkers();
  }

  async run(): Promise<void> {
    const { world, history } = this.#around;
    const random = this.#random;
    const all = [...this.#servers, ...this.#clients];
    for (const one of all) one.start();
    const faults = new Faults({ servers: this.#servers, clients: this.#clients }, this.#around);
    const { min, max } = FAULTS_TIME;
    const end = min + random(max - min);
    while (world.now < end) {
      await world.pass(random(2500));
      faults.cause();
    }
    faults.end();
    this.#phase.isCalm = true;
    if (!await this.#until(() => this.#servers.every(({ isListening }) => isListening))) {
      return this.#fault("a server does not start");
    }
    history.add({ kind: "calm" });
    const last = this.#add("last", this.#finish);
    last.start();
    const isOver = () => this.#clients.every(({ isDone }) => isDone);
    if (!await this.#until(isOver)) {
      const left = this.#clients.filter(({ isDone }) => !isDone).map(({ name }) => name);
      return this.#fault(`not everything has ended: ${left}`);
    }
    for (const server of this.#servers) server.shutDown();
    const areDown = () => this.#servers.every(({ process }) => process === undefined);
    if (!await world.until(areDown, CALM_TIME)) this.#fault("a server does not stop");
  }

  async cleanUp(): Promise<void> {
    this.#recorder?.[Symbol.dispose]();
    for (const server of this.#servers) {
      server.kill();
      await server.cleanUp();
    }
  }

  #add(name: string, program: ClientProgram): SimulatedClient {
    const heartbeatInterval = [500, 2000, 10_000][this.#random(3)]!;
    const all = this.#servers.map(({ address }) => address);
    const addresses = () => this.#moves ? all : [all[this.#random(all.length)]!];
    const plan = { name, program, heartbeatInterval, addresses };
    const client = new SimulatedClient(plan, this.#phase, this.#around);
    this.#clients.push(client);
    return client;
  }

  #addWorkers(): void {
    const random = this.#random;
    for (let i = 0; i < 1 + random(2); i++) {
      const isPrefix = random(2) === 0;
      const plan = {
        ...{ topic: isPrefix ? "jobs." : "jobs.a", isPrefix, group: `group${i}` },
        concurrency: 1 + random(4),
        lease: [1000, 3000, 10_000][random(3)]!,
        timeout: 5000 + random(15_000),
        attempts: 1 + random(5),
      };
      this.#groups.push(plan);
      for (let j = 0; j < 1 + random(3); j++) this.#add(`worker${i}${j}`, worker(plan));
      if (random(2) === 0) this.#add(`claimer${i}`, claimer(plan));
    }
  }

  #plan(): ReaderPlan {
    const random = this.#random;
    const since = random(2) === 0 ? "start" : "now";
    const how = (["subscribe", "wait", "poll", "latest"] as const)[random(4)]!;
    const isPrefix = how === "subscribe" && random(2) === 0;
    const topic = isPrefix ? "jobs." : TOPICS[random(TOPICS.length)]!;
    return { topic, isPrefix, how, since };
  }

  /** Without faults: some messages, and the last of each topic. */
  readonly #finish = async (context: ClientContext): Promise<void> => {
    const mq = await context.connect();
    // Everybody else is connected again by then.
    await context.pause(35_000);
    for (let round = 0; round < CALM_ROUNDS; round++) {
      for (const topic of TOPICS) {
        await putAll(context, mq, topic, [`${context.name} ${topic} ${round}`]);
      }
      await context.pause(CALM_PAUSE);
    }
    for (const topic of TOPICS) await putAll(context, mq, topic, [LAST]);
    while (!await this.#isDrained(context, mq)) await context.pause(1000);
    this.#phase.isOver = true;
    await context.call("close", 10_000, mq.close());
  };

  /** Waits, without faults. A server that was still shutting down comes back. */
  #until(condition: () => boolean): Promise<boolean> {
    return this.#around.world.until(() => {
      for (const server of this.#servers) if (!server.process) server.start();
      return condition();
    }, CALM_TIME);
  }

  /** Whether nothing is left to do in any group. */
  async #isDrained(context: ClientContext, mq: Connection): Promise<boolean> {
    const infos = await context.call("groups", undefined, mq.groups());
    const left = this.#groups.map((plan) => {
      return { plan, info: infos.find(({ group }) => group === plan.group) };
    });
    if (left.some(({ info }) => !info || info.depth > 0 || info.held > 0)) return false;
    for (const { plan: { topic, isPrefix, group }, info } of left) {
      const { dead, givenUp } = info!;
      context.record({ kind: "drained", name: { topic, isPrefix, group }, dead, givenUp });
    }
    return true;
  }

  #fault(what: string): void {
    this.#around.history.add({ kind: "fault", what });
  }
}
