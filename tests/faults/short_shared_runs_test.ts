/**
 * Short runs of the programs of `tests/faults/` about servers that share a queue.
 *
 * @module
 */

import { noNamespaces } from "../support/bridged_network.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { noNats } from "../support/nats_server.ts";
import { replicatedKills } from "./replicated_kills.ts";
import { replicatedLogs } from "./replicated_logs.ts";
import { replicatedPartitions } from "./replicated_partitions.ts";
import { replicatedReads } from "./replicated_reads.ts";
import { allGood } from "./report.ts";

const untimed = "other tests run at the same time";

Deno.test({
  ...ignoredIf(
    noNats,
    "servers of a shared queue that are killed lose, repeat and reorder nothing, and no job has two valid claims",
  ),
  async fn() {
    allGood(await replicatedKills({ natsKills: 1, dsmqKills: 1, untimed }));
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "nothing is stale or too early at one server after another has acknowledged, also while the leader of the stream changes",
  ),
  async fn() {
    allGood(await replicatedReads({ trials: 100, leads: 1 }));
  },
});

Deno.test({
  ...ignoredIf(
    noNats || noNamespaces,
    "servers of a shared queue that are cut off lose, repeat and reorder nothing, and no job has two valid claims",
  ),
  async fn() {
    allGood(await replicatedPartitions({ partitions: 1, held: 2000, untimed }));
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "servers of a shared queue whose log is deleted and made anew tell each client, and mix no histories",
  ),
  async fn() {
    allGood(await replicatedLogs({ faults: 1, untimed }));
  },
});
