/**
 * What operators do to the stream of a log while servers use it.
 *
 * @module
 */

import { NatsBackup } from "../support/nats_backup.ts";
import { NatsOperator } from "../support/nats_logs.ts";
import type { NatsCluster } from "../support/nats_server.ts";
import type { DsmqServers } from "./dsmq_servers.ts";
import type { LogHistory } from "./history_findings.ts";
import type { SharedLoad } from "./shared_load.ts";
import { until } from "./sleep.ts";

/** How long it may take until something has happened that the rest of a run needs, in milliseconds. */
const TIMEOUT = 60_000;

/** How many puts are acknowledged before a stream is hurt, and after it was backed up. */
const PUTS = 100;

/** All servers. */
const ALL = [0, 1, 2] as const;

/** Who is there. */
export interface LogScene {
  readonly cluster: NatsCluster;
  /** The name of the stream. */
  readonly stream: string;
  readonly servers: DsmqServers;
  readonly load: SharedLoad;
}

/** Something that is done to a stream. */
export interface LogFault {
  /** For people. */
  readonly name: string;
  readonly history: LogHistory;
  /** Does what has to be done before, such as a backup. */
  prepare?(scene: LogScene): Promise<void>;
  /** Does it. */
  strike(scene: LogScene): Promise<void>;
  /** The servers that must show that they have noticed; others may have nothing to notice. */
  readonly notices: readonly number[];
  /** Does what operators have to do, so that servers can go on. */
  mend?(scene: LogScene): Promise<void>;
}

/** The stream is deleted, and a server that is started makes it anew. */
function deletion(server: number, which: string): LogFault {
  return {
    name: `deleted, and made anew by ${which}`,
    history: "another",
    notices: ALL,
    strike: (scene) => operate(scene, ({ manager }) => manager.streams.delete(scene.stream)),
    async mend({ servers }) {
      await servers.kill(server);
      await servers.run(server);
    },
  };
}

/** It is backed up, and a while later brought back as it was then. */
function restoration(): LogFault {
  let backup: NatsBackup;
  return {
    name: "restored from an older backup",
    history: "older",
    notices: ALL,
    async prepare(scene) {
      await operate(scene, async (operator) => {
        backup = await NatsBackup.make(operator, scene.stream);
      });
      await morePuts(scene.load);
    },
    async strike(scene) {
      await operate(scene, async (operator) => {
        await operator.manager.streams.delete(scene.stream);
        await backup.restore(operator);
      });
    },
  };
}

/** All of them. */
export const LOG_FAULTS: readonly (() => LogFault)[] = [
  () => deletion(2, "a server without a replica"),
  restoration,
  () => ({
    name: "purged by hand while a server is away",
    history: "same",
    notices: [],
    async strike(scene) {
      await scene.servers.kill(1);
      await morePuts(scene.load);
      await operate(scene, ({ manager }) => manager.streams.purge(scene.stream));
    },
    /** One that has an old replica, and one that has none, need a snapshot of what was purged. */
    async mend({ servers }) {
      await servers.run(1);
      await servers.kill(2);
      await servers.run(2);
    },
  }),
  () => ({
    name: "purged by hand again and again",
    history: "same",
    notices: [],
    strike: (scene) =>
      operate(scene, async ({ manager }) => {
        for (let i = 0; i < 20; i++) {
          await manager.streams.purge(scene.stream);
          await morePuts(scene.load, 10);
        }
      }),
  }),
  () => deletion(0, "a server with a replica"),
  () => ({
    name: "its consumers deleted",
    history: "same",
    notices: [],
    strike: (scene) =>
      operate(scene, async (operator) => {
        const names = await operator.consumers(scene.stream);
        if (names.length < scene.servers.count) throw new Error("a server has no consumer");
        await Promise.all(
          names.map((name) => operator.manager.consumers.delete(scene.stream, name)),
        );
      }),
  }),
];

/** Waits until so many more puts are acknowledged. */
export async function morePuts({ calls }: SharedLoad, count = PUTS): Promise<void> {
  const acknowledged = () => calls.filter(({ outcome }) => typeof outcome === "number").length;
  const goal = acknowledged() + count;
  if (!await until(() => acknowledged() >= goal, TIMEOUT)) throw new Error("nothing is stored");
}

async function operate(
  { cluster }: LogScene,
  work: (operator: NatsOperator) => Promise<unknown>,
): Promise<void> {
  await using operator = await NatsOperator.connect(cluster.hosts);
  await work(operator);
}
