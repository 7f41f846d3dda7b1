/**
 * Three dsmq servers on a log that three NATS servers keep, under load, each in a network of its own: they are cut off from each other, in
 * all ways, also so that one hears nothing and is heard. What was acknowledged must be stored, once and in order, everybody must see
 * one history, and no job may have two valid claims.
 *
 * Needs network namespaces, so Linux and the rights of root, at least within namespaces of its own. Nothing of the machine is changed.
 *
 * ```sh
 * deno run -A tests/faults/replicated_partitions.ts [PARTITIONS] [SEED]
 * ```
 *
 * @module
 */

import { noNamespaces, OWN_NETWORK } from "../support/bridged_network.ts";
import { noNats } from "../support/nats_server.ts";
import { ROOT } from "../support/program.ts";
import { argumentsOrExit } from "./arguments.ts";
import type { PartitionOptions } from "./partitioned_servers.ts";
import { type Finding, report } from "./report.ts";

const PROGRAM = new URL("tests/faults/partitioned_servers.ts", ROOT).href;

/**
 * Runs the servers on networks of their own, and cuts them off from each other.
 *
 * @param options how often
 * @returns what was found
 */
export async function replicatedPartitions(options: PartitionOptions): Promise<Finding[]> {
  // Packages that are not there yet can only be loaded out here.
  await run([]);
  return JSON.parse(await run(OWN_NETWORK, JSON.stringify(options)));
}

/** Runs the program of the servers; it ends with this process, however that ends. */
async function run(enter: readonly string[], ...options: readonly string[]): Promise<string> {
  const deno = [Deno.execPath(), "run", "-A", "--quiet", PROGRAM, ...options];
  const [program, ...args] = [...enter, ...deno];
  const child = new Deno.Command(program!, {
    ...{ args, cwd: ROOT, stdin: "piped", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const { success, stdout } = await child.output();
  await child.stdin.close().catch(() => {});
  if (!success) throw new Error("Cannot cut servers off: the run has ended early");
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const { PARTITIONS: partitions, SEED: seed } = argumentsOrExit({ PARTITIONS: 20, SEED: 1 });
  const missing = noNats || noNamespaces;
  if (missing) {
    console.error(`Cannot cut servers off: ${missing}`);
    Deno.exit(1);
  }
  report(
    "Servers of a shared queue cut off from each other",
    await replicatedPartitions({ partitions, seed, held: 6000 }),
  );
}
