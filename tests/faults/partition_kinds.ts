/**
 * The ways in which servers of NATS and of dsmq are cut off from each other.
 *
 * NATS servers talk to each other over the bridge `mesh` and to dsmq servers over `back`; these talk to clients over `front`.
 *
 * @module
 */

import type { BridgedNetwork, BridgePort } from "../support/bridged_network.ts";
import { until } from "./sleep.ts";

/** How long it may take until dsmq servers have found another NATS server, in milliseconds. */
const MOVE_TIMEOUT = 30_000;

/** Who is there. */
export interface PartitionScene {
  readonly network: BridgedNetwork;
  /** The hosts of the NATS servers. */
  readonly nats: readonly string[];
  /** The one that leads the stream, and one that does not. */
  readonly leader: string;
  readonly follower: string;
  /** The host of a dsmq server. */
  readonly server: string;
  /** Puts something at each dsmq server; whether all have acknowledged it. */
  acknowledges(): Promise<boolean>;
}

/** What is cut off from what. */
export interface PartitionKind {
  /** For people. */
  readonly name: string;
  /** Whether there is a dsmq server that clients reach, and that reaches most of the NATS servers by way of one. */
  readonly hasMajority: boolean;
  /** Whether clients cannot reach the dsmq server that was chosen. */
  readonly isUnreachable?: boolean;
  /** What has to be so before. */
  prepare?(scene: PartitionScene): Promise<void>;
  cut(scene: PartitionScene): Promise<void>;
}

const at = (bridge: string, ...hosts: readonly string[]): BridgePort[] =>
  hosts.map((host) => ({ host, bridge }));

/** All of them. */
export const PARTITION_KINDS: readonly PartitionKind[] = [
  {
    name: "a dsmq server from its clients",
    hasMajority: true,
    isUnreachable: true,
    cut: ({ network, server }) => network.cut(at("front", server)),
  },
  {
    name: "a dsmq server from NATS",
    hasMajority: true,
    cut: ({ network, server }) => network.cut(at("back", server)),
  },
  {
    name: "the leader from the other NATS servers",
    hasMajority: true,
    cut: ({ network, leader }) => network.cut(at("mesh", leader)),
  },
  {
    name: "another NATS server from the others",
    hasMajority: true,
    cut: ({ network, follower }) => network.cut(at("mesh", follower)),
  },
  {
    name: "the NATS server that all dsmq servers use from the others",
    hasMajority: true,
    async prepare({ network, nats, follower, acknowledges }) {
      await network.cut(at("back", ...nats.filter((host) => host !== follower)));
      if (!await until(acknowledges, MOVE_TIMEOUT)) throw new Error("dsmq servers do not move");
      await network.heal();
    },
    cut: ({ network, follower }) => network.cut(at("mesh", follower)),
  },
  {
    name: "the leader from everybody",
    hasMajority: true,
    cut: ({ network, leader }) => network.cut([...at("mesh", leader), ...at("back", leader)]),
  },
  {
    name: "the leader and a dsmq server, together, from the other servers",
    hasMajority: true,
    async cut({ network, leader, server }) {
      await network.cut(at("mesh", leader));
      await network.separate(at("back", leader, server));
    },
  },
  {
    name: "the leader, which only hears nothing of the other NATS servers",
    hasMajority: true,
    cut: ({ network, leader }) => network.deafen(at("mesh", leader)),
  },
  {
    name: "a dsmq server, which only hears nothing of NATS",
    hasMajority: true,
    cut: ({ network, server }) => network.deafen(at("back", server)),
  },
  {
    name: "all NATS servers from each other",
    hasMajority: false,
    cut: ({ network, nats }) => network.cut(at("mesh", ...nats)),
  },
];
